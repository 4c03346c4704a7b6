"""What is left of a run, and where."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.config.reporting import Reporting
from harness.config.settings import Settings
from harness.errors import ConfigError, FlowError
from harness.flow.context import unique_name
from harness.flow.logs import Line
from harness.flow.output import Output, check_folder
from harness.flow.project.requests import RequestSet
from harness.flow.project.scores import Answers
from harness.flow.record.seen import Seen
from harness.flow.report import Report

BEGAN = datetime(2026, 11, 26, 12, tzinfo=UTC)
REPORT = Report("local", "us-east-1", "harness-a", "image:tag", {"total": 1.0})


def this(root, name="", keep=10):
    settings = Settings(root=root, report=Reporting(keep=keep))
    return SimpleNamespace(settings=settings, name=name or unique_name(), progress=print)


def record(run, folder=None, report=None):
    """Write what is left of a run; returns its folder."""
    output = Output(run, folder)
    output.record(report or replace(REPORT, run=run.name), Seen(run.settings, BEGAN, []))
    return output.folder


def answers(name, predictions, *bodies):
    return Answers(RequestSet(name, [], "*/*"), list(bodies), predictions)


@pytest.fixture
def s3(run):
    return run.connection.boto.client("s3")


def test_it_is_the_projects_folder_of_the_run_or_the_one_that_was_named(tmp_path):
    run = this(tmp_path)

    assert Output(run, None).folder == tmp_path / "build/runs" / run.name
    assert Output(run, tmp_path / "out").folder == tmp_path / "out"
    assert list(tmp_path.iterdir()) == []  # before there is something to write


def test_the_model_is_downloaded(run, s3, tmp_path):
    model = bytes(range(256)) * 10_000  # over a chunk, and no multiple of one
    s3.put_object(Bucket="harness-local", Key="a/model.tar.gz", Body=model)
    output = Output(run, tmp_path / "out")

    path = output.model(run.connection.boto, "s3://harness-local/a/model.tar.gz")

    assert path == tmp_path / "out/model.tar.gz"
    assert path.read_bytes() == model
    assert list((tmp_path / "out").iterdir()) == [path]


def test_what_was_transformed_is_downloaded(run, s3, tmp_path):
    for name in ("one.csv.out", "deep/two.csv.out"):
        s3.put_object(Bucket="harness-local", Key=f"a/transform/{name}", Body=name.encode())
    s3.put_object(Bucket="harness-local", Key="a/transformed", Body=b"another's")
    output = Output(run, tmp_path / "out")

    output.transformed(run.connection.boto, "s3://harness-local/a/transform/")

    folder = tmp_path / "out/transform"
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {"one.csv.out", "deep/two.csv.out"}


@pytest.mark.parametrize("name", ["../../escaped", "../..", "a/../../../../escaped"])
def test_nothing_is_written_outside_the_folder(run, tmp_path, name):
    class Boto:
        def client(self, service):
            return self

        def get_paginator(self, operation):
            return self

        def paginate(self, **which):
            return [{"Contents": [{"Key": f"a/{name}"}]}]

        def get_object(self, **which):
            return {"Body": SimpleNamespace(iter_chunks=lambda size: [b"x"])}

    output = Output(run, tmp_path / "deep/out")
    boto: Any = Boto()

    with pytest.raises(FlowError, match=r"would be written outside /.*/deep/out\.$"):
        output.transformed(boto, "s3://b/a/")

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("predictions", "text"),
    [
        (np.array([1.5, 2.0, 1 / 3]), "1.5\n2.0\n0.3333333333333333\n"),
        (np.array([[0.25, 0.75], [1.0, 0.0]]), "0.25,0.75\n1.0,0.0\n"),
        (np.array(["cat", 'a,"b"']), 'cat\n"a,""b"""\n'),
        (np.array([1, 2]), "1\n2\n"),
        (np.ones((1, 2, 2)), "1.0,1.0,1.0,1.0\n"),
        (np.array([]), ""),
    ],
)
def test_predictions_are_csv(tmp_path, predictions, text):
    Output(this(tmp_path), tmp_path / "out").answers([answers("test", predictions)])

    assert (tmp_path / "out/predictions/test.csv").read_text() == text


def test_answers_that_are_no_array_are_written_as_they_are(tmp_path):
    output = Output(this(tmp_path), tmp_path / "out")

    output.answers([answers("", None, b"one", b"two"), answers("../a b", np.array([1]))])

    folder = tmp_path / "out/predictions"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "answers-0": b"one",
        "answers-1": b"two",
        "..-a-b.csv": b"1\n",
    }


def test_the_report_is_a_page_json_and_junit(tmp_path):
    folder = record(this(tmp_path), tmp_path / "out", REPORT)

    assert {path.name for path in folder.iterdir()} == {"report.html", "report.json", "junit.xml"}
    assert REPORT.as_dict().items() <= json.loads((folder / "report.json").read_text()).items()
    assert (folder / "report.html").read_text().startswith("<!doctype html>\n<html lang=")
    assert (folder / "junit.xml").read_text().startswith("<?xml ")


def test_logs_are_files_with_when_and_where(tmp_path):
    run = this(tmp_path)
    log: Any = SimpleNamespace(
        group="/aws/sagemaker/TrainingJobs", count=2,
        lines=[Line(1_764_158_400_123, "j/a", "one\ud800"), Line(1_764_158_401_000, "j/b", "")],
    )  # fmt: skip
    silent: Any = SimpleNamespace(group="/aws/sagemaker/Endpoints/e", count=0, lines=[])

    Output(run, tmp_path / "out").record(REPORT, Seen(run.settings, BEGAN, [], logs=[silent, log]))

    assert (tmp_path / "out/logs/TrainingJobs.log").read_text() == (
        "2025-11-26T12:00:00.123+00:00 j/a one?\n2025-11-26T12:00:01.000+00:00 j/b \n"
    )
    assert len(list((tmp_path / "out/logs").iterdir())) == 1


def test_older_runs_make_room(tmp_path):
    names = [f"harness-202611{day:02}-120000-abcdef" for day in range(1, 15)]
    folder = tmp_path / "build/runs"
    (folder / "mine").mkdir(parents=True)

    for name in names:
        record(this(tmp_path, name, keep=3))

    assert {path.name for path in folder.iterdir()} == {"mine", *names[-3:]}


def test_a_folder_of_ones_own_is_not_tidied(tmp_path):
    runs = tmp_path / "build/runs"
    for day in range(10, 25):
        (runs / f"harness-202611{day}-120000-abcdef").mkdir(parents=True)

    record(this(tmp_path), runs)

    assert len(list(runs.iterdir())) == 18


def test_the_page_shows_the_runs_before_of_the_same_project_that_came_to_their_end(tmp_path):
    for day, name, error in ((1, "p", ""), (2, "other", ""), (3, "p", "it failed"), (4, "p", "")):
        run = this(tmp_path, f"harness-2026110{day}-120000-abcdef")
        object.__setattr__(run.settings.project, "name", name)
        report = replace(REPORT, run=run.name, metrics={"own": day / 8}, error=error)
        folder = record(run, None, report)

    page = (folder / "report.html").read_text()

    assert "harness-20261101-120000-abcdef/report.html" in page
    assert "harness-20261102" not in page
    assert "harness-20261103" not in page
    assert "+0.375 since the last run" in page


def test_the_page_links_what_the_run_has_written_and_nothing_else(run, s3, tmp_path):
    (tmp_path / "another.txt").write_text("of somebody else")
    s3.put_object(Bucket="harness-local", Key="a/model.tar.gz", Body=b"model")
    output = Output(run, tmp_path)
    output.model(run.connection.boto, "s3://harness-local/a/model.tar.gz")
    output.answers([answers("a b", np.array([1.0]))])

    for _ in range(2):  # an endpoint that is kept has it written twice
        output.record(REPORT, Seen(run.settings, BEGAN, []))

    links = re.findall(r'href="([^"#:]+)"', (tmp_path / "report.html").read_text())
    assert links == ["junit.xml", "model.tar.gz", "report.json", "predictions/a-b.csv"]


def test_the_trainings_own_output_is_there_or_is_not(run, s3, tmp_path):
    output = Output(run, tmp_path / "out")
    s3.put_object(Bucket="harness-local", Key="a/output/output.tar.gz", Body=b"packed")
    boto = run.connection.boto

    assert output.training_output(boto, "s3://harness-local/b/output/model.tar.gz") is None
    path = output.training_output(boto, "s3://harness-local/a/output/model.tar.gz")

    assert path == tmp_path / "out/output.tar.gz"
    assert path is not None
    assert path.read_bytes() == b"packed"


def test_a_ci_gets_a_job_summary(tmp_path, monkeypatch):
    summary = tmp_path / "summary.md"
    summary.write_text("another step's\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    run = this(tmp_path)
    Output(run, None).record(REPORT, Seen(run.settings, BEGAN, []), over=False)
    record(run)

    assert summary.read_text().count("## ") == 1
    before, heading, *_ = summary.read_text().splitlines()
    assert before == "another step's"
    assert heading.startswith("## ")


def test_a_summary_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "none/summary.md"))

    with pytest.raises(FlowError) as refusal:
        record(this(tmp_path))

    assert str(refusal.value) == (
        f"GITHUB_STEP_SUMMARY: {tmp_path}/none/summary.md can't be written: "
        "No such file or directory."
    )


def test_what_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "out").write_text("a file")
    (tmp_path / "other/report.json").mkdir(parents=True)

    for folder, name in (("out", "junit.xml"), ("other", "report.json")):
        with pytest.raises(FlowError) as refusal:
            record(this(tmp_path), tmp_path / folder)
        assert f"{tmp_path / folder}/{name} can't be written: " in str(refusal.value)
        assert str(refusal.value).endswith("; say by --output where else.")
    assert {path.name for path in (tmp_path / "other").iterdir()} == {"junit.xml", "report.json"}


def test_a_folder_that_cannot_be_written_to_is_refused_before(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("")

    check_folder(tmp_path / "new/er")
    check_folder(tmp_path / ("n" * 300))
    for leads_to in ("nowhere", "link"):
        link = tmp_path / "link"
        link.unlink(missing_ok=True)
        link.symlink_to(leads_to)
        with pytest.raises(ConfigError, match=rf"^{link} is no folder, and the run's output goes"):
            check_folder(link / "er")
    with pytest.raises(
        ConfigError, match=rf"^{file} is no folder, and the run's output goes there"
    ):
        check_folder(file / "deep/er")
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may do everything
    with pytest.raises(
        ConfigError, match=rf"^{tmp_path} isn't yours to write to, and the run's out"
    ):
        check_folder(tmp_path / "new")
