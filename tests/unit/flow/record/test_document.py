"""report.json: the schema holds for it, whatever the run was."""

import json
import math
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from sklearn.metrics import r2_score

from harness.flow.project.payloads import encode
from harness.flow.record.document import SAMPLE, make, printable, text_of
from harness.flow.steps.compare import Comparison

SCHEMA = json.loads(
    (Path(__file__).parents[4] / "docs" / "reference" / "report.schema.json").read_text()
)


@pytest.fixture
def valid():
    """The document as programs read it, once the schema holds."""
    strict = jsonschema.Draft202012Validator(SCHEMA)

    def valid(report, seen):
        document = json.loads(json.dumps(make(report, seen), allow_nan=False))
        strict.validate(document)
        assert document.keys() == SCHEMA["properties"].keys()
        return document

    return valid


def test_the_schema_refuses_what_is_no_report():
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"run": "harness-1"}, SCHEMA)


def test_a_run_that_measured_nothing(report, seen, valid):
    document = valid(report, seen())

    assert document["version"] == 1
    assert document["began"] == "2026-11-26T12:00:00+00:00"
    assert document["answers"] == document["logs"] == document["notes"] == []
    assert document["metrics"] == {"test_r2": 0.75, "loss": None}
    assert document["hyperparameters"] == {"df": "20"}
    assert document["passed"] is True


def test_steps_have_their_place_and_training_its_phases(report, seen, valid):
    build, train, _ = valid(report, seen())["steps"]

    assert build == {"name": "build", "start": 0.0, "seconds": 1.0, "phases": []}
    assert train["phases"][0] == {"name": "Training", "start": 2.0, "seconds": 1.5}


def test_numbers(report, seen, valid, answers, tmp_path):
    (tmp_path / "known.py").write_text("def known(x):\n    return x\n")
    truth, told, x = [1.5, 2.5, 4.0], [1.0, 3.0, 4.5], [1.0, 2.0, 4.5]

    document = valid(report, seen(answers(truth, told, x), reference="known.py:known"))

    (found,) = document["answers"]
    residuals = np.subtract(truth, told)
    assert (found["kind"], found["rows"], found["requests"]) == ("numbers", 3, 1)
    assert found["residuals"]["std"] == pytest.approx(residuals.std())
    assert found["residuals"]["mean_absolute"] == pytest.approx(0.5)
    assert found["residuals"]["root_mean_square"] == pytest.approx(0.5)
    assert found["reference_r2"] == pytest.approx(r2_score(truth, x))
    assert found["latency"] == {"first": 0.0125, "median": 0.0125, "max": 0.0125}
    assert found["samples"] == [
        {"request": "1.0\n2.0\n4.5\n", "request_bytes": 12, "answer": "1\n", "answer_bytes": 2,
         "seconds": 0.0125}
    ]  # fmt: skip


def test_classes(report, seen, valid, answers):
    document = valid(report, seen(answers([0, 1, 1], [0.1, 0.9, 0.4]), scores=["roc_auc"]))

    (found,) = document["answers"]
    assert found["classes"] == {
        "labels": ["0", "1"], "confusion": [[1, 0], [1, 1]], "accuracy": pytest.approx(2 / 3),
        "roc": [{"label": "1", "area": 1.0}],
    }  # fmt: skip


@pytest.mark.parametrize("size", [1e200, math.inf, math.nan])
def test_what_is_too_large_for_its_square_is_null(report, seen, valid, answers, size):
    document = valid(report, seen(answers([size, 1.5], [-1.0, 2.0], [1.0, 2.0])))

    residuals = document["answers"][0]["residuals"]
    assert residuals is None or math.isfinite(size) is False


def test_a_run_that_failed_and_one_that_was_compared(report, seen, valid, log):
    failed = valid(
        replace(report, error="it failed"), seen(logs=[log("/aws/sagemaker/TrainingJobs", "x")])
    )
    compared = valid(replace(report, local=Comparison({"test_r2": 0.5}, math.inf)), seen())

    assert (failed["error"], failed["passed"]) == ("it failed", False)
    assert failed["logs"] == [
        {"group": "/aws/sagemaker/TrainingJobs", "file": "logs/TrainingJobs.log", "lines": 1}
    ]
    assert compared["local"] == {"metrics": {"test_r2": 0.5}, "difference": None}


def test_each_log_has_a_file(report, seen, valid, log):
    groups = ["/aws/sagemaker/TrainingJobs", "/aws/sagemaker/Endpoints/a",
              "/aws/sagemaker/Endpoints/b", "/mine"]  # fmt: skip

    document = valid(report, seen(logs=[log(group, "x") for group in groups]))

    assert [each["file"] for each in document["logs"]] == [
        "logs/TrainingJobs.log", "logs/Endpoints.log", "logs/Endpoints-2.log", "logs/containers.log"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b"1,2\n", "text/csv", "1,2\n"),
        (encode(np.array([[1.5, 2.0]]), "application/x-npy"), "application/x-npy", "1.5,2.0\r\n"),
        (b"\x93NUMPY", "application/x-npy", ""),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "image/png", ""),
        (b"a\x00b", "text/plain", ""),
        ("é".encode() * SAMPLE * 3, "text/plain", "é" * (SAMPLE - 1) + "…"),
        (b"\x1b[31mred\x1b[0m\x07", "text/plain", "red\N{REPLACEMENT CHARACTER}"),
        (b"", "text/csv", ""),
    ],
)
def test_a_body_as_text(body, content_type, text):
    assert text_of(body, content_type).replace("\n", "\r\n" if "\r" in text else "\n") == text


def test_printable_takes_what_no_format_can_have():
    mark = "\N{REPLACEMENT CHARACTER}"

    assert printable("a\ud800\x0bb\tc\n\ufffe") == f"a{mark}{mark}b\tc\n{mark}"
