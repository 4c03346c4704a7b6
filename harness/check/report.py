"""What a check shows: a table or lines for people, JSON and JUnit's XML for programs, Markdown."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.check.contract import Check
    from harness.check.run import Results, Row

_STYLES = {"pass": "green", "fail": "bold red", "warn": "yellow", "not tried": "dim"}

_UNPRINTABLE = {code: "\N{REPLACEMENT CHARACTER}" for code in range(32) if chr(code) not in "\t\n"}
"""Characters that XML can't hold."""


def summary(results: Results) -> str:
    """How many there are of each, and how long it took."""
    counts = results.as_dict()["counts"]
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    return f"{results.image}: {told}, in {results.seconds:.1f} s"


def lines(results: Results) -> str:
    """A line a check, and two more for what is to be changed: for logs, and to search in."""
    width = max((len(row.check.name) for row in results.rows), default=0)
    text = []
    for row in results.rows:
        verdict = row.verdict
        text.append(f"{verdict.outcome:<10}{row.check.name:<{width}}  {_one_line(verdict.seen)}")
        if verdict.remedy:
            text.append(f"{'':<10}{'':<{width}}  → {_one_line(verdict.remedy)}")
        if verdict.outcome in {"fail", "warn"}:
            text.append(f"{'':<10}{'':<{width}}  § {row.check.section}: {row.check.section.url}")
    return "\n".join([*text, "", summary(results)])


def table(results: Results, width: int, *, colour: bool = True) -> str:
    """The same for a terminal of that width."""
    made = Table(show_lines=False, pad_edge=False, box=None, header_style="bold")
    for title, ratio in (("check", None), ("verdict", None), ("seen", 4), ("what to change", 3),
                         ("section", 2)):  # fmt: skip
        made.add_column(title, ratio=ratio, overflow="fold", no_wrap=ratio is None)
    for row in results.rows:
        made.add_row(*_cells(row), style=None)
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=colour, highlight=False, markup=False)
    console.print(made)
    return f"{file.getvalue()}\n{summary(results)}"


def _cells(row: Row) -> list[str | Text]:
    verdict, section = row.verdict, row.check.section
    shown = section if verdict.outcome in {"fail", "warn"} else ""
    return [
        row.check.name,
        Text(verdict.outcome, style=_STYLES[verdict.outcome]),
        _one_line(verdict.seen),
        _one_line(verdict.remedy),
        Text(shown, style=f"link {section.url}") if shown else "",
    ]


def _one_line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def junit(results: Results) -> bytes:
    """JUnit's XML: a test suite a group. A warning passes, and is told as the test's output."""
    root = ET.Element("testsuites", name=f"harness check {results.image}")
    for group, found in groupby(results.rows, lambda row: row.check.group):
        rows = list(found)
        suite = ET.SubElement(
            root,
            "testsuite",
            name=group,
            tests=str(len(rows)),
            failures=str(sum(row.verdict.outcome == "fail" for row in rows)),
            skipped=str(sum(row.verdict.outcome == "not tried" for row in rows)),
            errors="0",
            time=f"{sum(row.seconds for row in rows):.3f}",
        )
        for row in rows:
            _case(suite, row)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _case(suite: ET.Element, row: Row) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=f"harness.check.{row.check.group}",
        name=row.check.title,
        time=f"{row.seconds:.3f}",
    )
    seen = row.verdict.seen.translate(_UNPRINTABLE)
    text = f"{seen}\n→ {row.verdict.remedy}".translate(_UNPRINTABLE) if row.verdict.remedy else seen
    if row.verdict.outcome == "fail":
        told = f"{text}\n{row.check.section}: {row.check.section.url}"
        ET.SubElement(case, "failure", message=seen).text = told
    elif row.verdict.outcome == "not tried":
        ET.SubElement(case, "skipped", message=text)
    else:
        ET.SubElement(case, "system-out").text = f"{row.verdict.outcome}: {text}"


def listing(checks: Iterable[Check]) -> str:
    """The names of the checks, each with the first paragraph of its rule."""
    found = list(checks)
    width = max((len(check.name) for check in found), default=0)
    return "\n".join(f"{c.name:<{width}}  {c.rule.partition(chr(10))[0]}" for c in found)


INTRODUCTION = """\
# Checks

What `harness check IMAGE` looks at: the rules of SageMaker's container contract, each with the
section of AWS's developer guide that it is from. `--only` and `--skip` take a check's name, or a
group's. `harness check --list --markdown` writes this page, from the checks' own docstrings; a test
fails if it isn't current.

A check **fails** where a rule is broken that SageMaker relies on, and **warns** where that matters
for some jobs and endpoints only, or is merely unwise. It is **not tried** where something is
missing, such as data to train on, or where another check has found why; it then says which.
Exit status: 1 if one has failed, 2 if the command was used wrongly, 0 otherwise.
"""


def markdown(checks: Iterable[Check]) -> str:
    """docs/reference/checks.md."""
    text = [INTRODUCTION]
    for group, found in groupby(checks, lambda check: check.group):
        text += [f"## {group}", ""]
        for check in found:
            text += [f"### {check.name}", "", check.rule, ""]
            text += [f"[{check.section}]({check.section.url})", ""]
    return "\n".join(text)
