"""JUnit's XML, as a CI reads it."""

from dataclasses import replace
from xml.etree import ElementTree as ET

from harness.config.settings import Threshold
from harness.flow.record.document import make
from harness.flow.record.junit import junit
from harness.flow.steps.compare import Comparison


def suite(report, seen):
    (found,) = ET.fromstring(junit(make(report, seen), seen)).findall("testsuite")
    return found


def names(found, what):
    return [case.get("name") for case in found.findall("testcase") if case.find(what) is not None]


def test_steps_and_thresholds_are_tests(report, seen):
    found = suite(report, seen())

    cases = [(case.get("classname"), case.get("name")) for case in found.findall("testcase")]
    assert cases == [
        ("harness.step", "build"), ("harness.step", "train"), ("harness.step", "tear_down"),
        ("harness.threshold", "test R² at least 0.5"),
    ]  # fmt: skip
    assert (found.get("tests"), found.get("failures"), found.get("errors")) == ("4", "0", "0")
    assert found.find("system-out") is None


def test_a_threshold_that_was_missed_is_a_failure(report, seen, log):
    thresholds = {"test_r2": Threshold(min=0.9), "loss": Threshold(max=-1), "no": Threshold(min=1)}
    logs = [log("/aws/sagemaker/TrainingJobs", "\x1b[1mbold\x00")]

    found = suite(replace(report, thresholds=thresholds), seen(logs=logs))

    failures = [case.get("message") for case in found.findall("testcase/failure")]
    assert failures == [
        "test_r2 is 0.75000, below the threshold (at least 0.9)",
        "loss is —, not measured (at most −1)",  # noqa: RUF001
        "no is —, not measured (at least 1)",
    ]
    assert found.get("failures") == "3"
    assert found.findtext("system-out") == (
        "/aws/sagemaker/TrainingJobs:\nbold\N{REPLACEMENT CHARACTER}"
    )


def test_what_ended_a_run_is_the_error_of_its_step(report, seen):
    found = suite(replace(report, error="train: it broke.\nmore\x0b"), seen())

    assert names(found, "error") == ["tear_down"]
    (error,) = found.findall("testcase/error")
    assert error.get("message") == "train: it broke."
    assert not [case for case in found if case.get("classname") == "harness.threshold"]
    assert found.get("errors") == "1"


def test_predictions_that_differ_from_the_local_ones_are_a_failure(report, seen):
    apart = suite(replace(report, local=Comparison({}, 1e-3)), seen())
    same = suite(replace(report, local=Comparison({}, 0.0)), seen())

    assert names(apart, "failure") == ["predictions are those of the artifact served locally"]
    assert names(same, "failure") == []
