"""The job summary of a CI."""

from dataclasses import replace

import numpy as np

from harness.config.settings import Threshold
from harness.flow.record.document import make
from harness.flow.record.summary import markdown


def summary(report, seen, earlier=()):
    return markdown(make(report, seen), seen, earlier)


def test_metrics_against_thresholds_and_the_last_run(report, seen):
    missed = replace(report, thresholds={"test_r2": Threshold(min=0.9, published=0.95)})
    earlier = [{"metrics": {"test_r2": 0.5}}]

    assert "| test R² | ✅ 0.75000 | at least 0.5 | 0.8000 | +0.250 |" in summary(
        report, seen(), earlier
    )
    text = summary(missed, seen(), earlier)
    assert "| test R² | ❌ 0.75000 below the threshold | at least 0.9 | 0.9500 | +0.250 |" in text
    assert text.startswith("## ")
    assert "❌ failed" in text.splitlines()[0]


def test_the_curve_and_the_known_answer_are_drawn(report, seen, answers, tmp_path):
    (tmp_path / "known.py").write_text("def known(x):\n    return 2 * x\n")
    x = np.array([0.0, 59.0])
    found = seen(answers([1.5, 2.5], [0.0, 59.0], x), reference="known.py:known",
                 reference_name="the | truth")  # fmt: skip

    _, _, chart = summary(report, found).partition("```mermaid\n")
    lines = chart.partition("\n```")[0].splitlines()

    assert lines[:3] == ["xychart-beta", "    x-axis feature 0 --> 59", "    y-axis target"]
    model, known = (
        line.strip().removeprefix("line [").rstrip("]").split(", ") for line in lines[3:]
    )
    assert [float(each) for each in model] == list(range(60))
    assert float(known[-1]) == 118
    assert "the \\| truth" in summary(report, found)


def test_classes_are_a_table(report, seen, answers):
    text = summary(report, seen(answers(["a|b", "c"], ["a|b", "a|b"])))

    assert "| truth \\\\ answer | a\\|b | c |" in text.replace(
        "truth \\ answer", "truth \\\\ answer"
    )
    assert "| **a\\|b** | 1 | 0 |" in text
    assert "**test**: 50.0% told rightly" in text


def test_a_failed_run_says_why_and_shows_the_log(report, seen, log):
    logs = [log("/aws/sagemaker/TrainingJobs", "one", "```", "<script>")]

    text = summary(replace(report, error="it broke\n```"), seen(logs=logs))

    assert "````text\nit broke\n```\n````" in text
    assert "<details open><summary>The end of the log /aws/sagemaker/TrainingJobs" in text
    assert "````text\none\n```\n<script>\n````" in text
