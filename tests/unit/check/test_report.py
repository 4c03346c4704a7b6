"""Selection of checks, and the forms in which their results are shown."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from harness.check import report
from harness.check.contract import CHECKS
from harness.check.run import GROUPS, Results, Row, select
from harness.check.verdict import NotTriedError, failed, passed, warned
from harness.errors import ConfigError

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "checks.md"


@pytest.fixture
def results():
    verdicts = {
        "image/size": passed("118 MB"),
        "image/exec-form": failed("a shell \x1b[31mruns it", "write a list"),
        "serving/logs": warned("nothing was written", "log to stdout"),
        "serving/bind-to-port": NotTriedError("the label is not set", "set it").verdict,
    }
    rows = [Row(CHECKS[name], verdict, 0.5) for name, verdict in verdicts.items()]
    return Results("mine:latest", rows, 1.25)


def test_without_names_all_are_chosen_group_by_group():
    groups = [check.group for check in select()]
    assert groups == sorted(groups, key=GROUPS.index)
    assert len(groups) == len(CHECKS)


def test_checks_are_chosen_by_name_group_and_title():
    names = [check.name for check in select(["batch", "image/size", "ping"], ["records"])]
    assert names == [
        "image/size", "serving/ping", "batch/environment", "batch/execution-parameters",
    ]  # fmt: skip


def test_an_unknown_name_is_answered_with_the_next_one():
    with pytest.raises(ConfigError, match="did you mean 'image/secrets'"):
        select(["image/secret"])
    with pytest.raises(ConfigError, match="--list"):
        select(skip=["xyzzy"])


def test_every_check_has_its_rule_and_its_section():
    for check in CHECKS.values():
        assert check.rule.endswith("."), check.name
        assert check.section.url.startswith("https://docs.aws.amazon.com/"), check.name


def test_lines_say_what_to_change_and_where_it_stands(results):
    text = report.lines(results)
    assert "fail      image/exec-form" in text
    assert "→ write a list" in text
    assert "your-algorithms-inference-code.html" in text
    assert "\x1b" not in text
    assert text.endswith("mine:latest: 1 pass, 1 fail, 1 warn, 1 not tried, in 1.2 s")


def test_the_table_fits_the_terminal(results):
    table = report.table(results, 100, colour=False)
    assert max(map(len, table.splitlines())) <= 100
    assert "image/exec-form" in table


def test_json_has_all_of_it(results):
    found = results.as_dict()
    assert found["passed"] is False
    assert found["counts"] == {"pass": 1, "fail": 1, "warn": 1, "not tried": 1}
    assert found["checks"][0]["rule"].startswith("The image has at most 10 GB")


def test_junit_counts_failures_and_what_was_skipped(results):
    root = ET.fromstring(report.junit(results))
    suites = {suite.get("name"): suite for suite in root}
    assert suites["image"].get("failures") == "1"
    assert suites["serving"].get("skipped") == "1"
    (failure,) = root.iter("failure")
    assert "→ write a list" in str(failure.text)
    assert [each.text for each in root.iter("system-out")] == [
        "pass: 118 MB",
        "warn: nothing was written\n→ log to stdout",
    ]


def test_the_page_is_current():
    """Written by `harness check --list --markdown >docs/reference/checks.md`."""
    assert PAGE.read_text(encoding="utf-8") == f"{report.markdown(select())}\n"
