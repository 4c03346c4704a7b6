"""`harness compare`."""

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.cli import main
from harness.flow.record.document import make
from harness.flow.record.html.page import page


@pytest.fixture
def runs(tmp_path, report, seen, monkeypatch):
    """Two runs of a project, and the working directory in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "harness.toml").write_text("")
    for name, metric, df, told in (
        ("harness-20261101-120000-abcde1", 0.5, 20, "1.0\n2.0\n"),
        ("harness-20261102-120000-abcde2", 0.75, 30, "1.0\n2.5\n"),
    ):
        folder = tmp_path / "build/runs" / name
        (folder / "predictions").mkdir(parents=True)
        (folder / "predictions/test.csv").write_text(told)
        document = make(replace(report, run=name, metrics={"test_r2": metric, "x": 1.0}), seen())
        document["hyperparameters"] = {"df": str(df), "same": "1"}
        (folder / "report.json").write_text(json.dumps(document))
    return tmp_path / "build/runs"


def test_the_last_two_runs_are_compared(runs, capsys):
    assert main.main(["compare"]) == 0

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["test", "R²", "0.50000", "0.75000", "+0.25000"] in lines
    assert ["x", "1.00000", "1.00000", "="] in lines
    assert ["hyperparameters.df", "20", "30"] in lines
    assert ["total", "4.50", "4.50", "="] in lines
    assert ["test", "2.5e-01"] in lines
    assert not [line for line in lines if line[:1] == ["hyperparameters.same"]]


def test_as_json_it_is_one_object(runs, capsys):
    assert main.main(["compare", "--json", "abcde2", "abcde1"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert found["first"]["run"].endswith("abcde2")
    assert found["metrics"]["test R²"] == {"first": 0.75, "second": 0.5, "change": -0.25}
    assert found["settings"] == {"hyperparameters.df": {"first": "30", "second": "20"}}
    assert found["predictions"] == {"test": pytest.approx(0.2)}


def test_what_one_run_lacks(runs, capsys):
    last = runs / "harness-20261102-120000-abcde2"
    document = json.loads((last / "report.json").read_text())
    document |= {"metrics": {"test_r2": None}, "error": "it broke\nin many words " + "x" * 99}
    (last / "report.json").write_text(json.dumps(document))
    (last / "predictions/test.csv").write_text("1.0\n")

    assert main.main(["compare"]) == 0

    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    assert ["test", "R²", "0.50000", "—"] in lines
    assert ["test", "not", "of", "one", "shape"] in lines
    assert max(map(len, out.splitlines())) <= 100
    assert "thresholds" not in out


def test_a_report_that_cannot_be_read_is_a_sentence(runs, capsys):
    (runs / "harness-20261102-120000-abcde2/report.json").write_text("{")

    assert main.main(["compare"]) == 1

    assert capsys.readouterr().err.endswith(
        "report.json can't be read: it is no report of a run.\n"
    )


def test_reports_of_other_hands_are_no_page_that_breaks(report, seen):
    """Whatever stands in earlier runs' files."""
    earlier: list[dict[str, Any]] = [
        {"metrics": {"test_r2": "much"}, "run": '"><script>', "began": 7},
        {"metrics": {"test_r2": True}},
        {"metrics": {"test_r2": 0.5}, "began": "2026-11-01T00:00:00+00:00", "run": "../x"},
    ]

    found = seen()
    text = page(make(report, found), found, earlier, [])

    assert "<script" not in text
    assert 'href="../..%2Fx/report.html"' in text
