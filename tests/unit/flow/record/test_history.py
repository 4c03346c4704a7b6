"""Earlier runs: which there are, and which one is meant."""

import json
import shutil

import pytest

from harness.errors import ConfigError
from harness.flow.record import history

RUNS = [f"harness-2026110{day}-120000-abcde{day}" for day in range(1, 5)]


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "build/runs"
    for number, name in enumerate(RUNS):
        (folder / name).mkdir(parents=True)
        (folder / name / "report.json").write_text(json.dumps({"metrics": {"r2": number}}))
    (folder / "mine").mkdir()
    return folder


def test_the_runs_before_one_are_the_last_ones_that_can_be_read(runs):
    (runs / RUNS[1] / "report.json").write_text("no json")
    (runs / RUNS[2] / "report.json").write_text("[1]")

    found = [each["metrics"]["r2"] for each in history.before(runs, RUNS[3], 3)]

    assert found == [0]
    assert history.before(runs, RUNS[0], 3) == []
    assert history.before(runs / "nowhere", RUNS[0], 3) == []


@pytest.mark.parametrize(
    ("run", "number"),
    [(RUNS[1], 1), ("abcde2", 1), ("20261103", 2), ("last", 3), ("last-0", 3), ("last-3", 0)],
)
def test_a_run_is_found_by_its_name_a_part_of_it_or_its_place(runs, tmp_path, run, number):
    assert history.find(tmp_path, run) == runs / RUNS[number]


def test_a_run_is_found_by_its_path(runs, tmp_path):
    folder = runs / RUNS[2]

    assert history.find(tmp_path, str(folder)) == folder
    assert history.find(tmp_path, str(folder / "report.json")) == folder


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("abcde", "abcde: 4 runs are meant; there are harness-20261101-120000-abcde1, "),
        ("xyz", "xyz: there is no such run; there are harness-20261101-120000-abcde1, "),
        ("last-4", "last-4: there are only 4 runs in "),
        ("x" * 5000, "x: there is no such run; "),
    ],
)
def test_what_is_not_one_run_is_a_sentence(runs, tmp_path, run, said):
    with pytest.raises(ConfigError) as refusal:
        history.find(tmp_path, run)
    assert said in str(refusal.value)


def test_the_only_run_has_none_before_it(runs, tmp_path):
    for run in RUNS[1:]:
        shutil.rmtree(runs / run)

    with pytest.raises(ConfigError, match=r"^last-1: there is only one run in /.*/runs; `harness"):
        history.find(tmp_path, "last-1")


def test_without_runs_and_without_a_report(runs, tmp_path):
    with pytest.raises(ConfigError, match=r"^there are no runs in /.*/none/build/runs; `harness"):
        history.find(tmp_path / "none", "last")
    with pytest.raises(ConfigError, match=r"mine has no report.json, which a run leaves there\.$"):
        history.find(tmp_path, str(runs / "mine"))
