"""junit.xml: the run's steps and thresholds as the tests that a CI shows."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET  # written, never read

from harness.flow.record.document import printable
from harness.flow.record.figures import bounds_text, figure, missed, title

if TYPE_CHECKING:
    from harness.flow.record.document import Document
    from harness.flow.record.seen import Seen

SUITE = "harness run"
LOG_LINES = 200
"""Of each log, with a run that failed."""


def junit(document: Document, seen: Seen) -> bytes:
    """The file: a case for each step and for each threshold, one suite."""
    suites = ET.Element("testsuites", name=SUITE)
    suite = ET.SubElement(
        suites,
        "testsuite",
        name=f"{document['project']} ({document['target']})",
        timestamp=document["began"],
        time=f"{document['seconds'].get('total', 0):.3f}",
    )
    properties = ET.SubElement(suite, "properties")
    for name in ("run", "image", "region", "training_job", "output"):
        if value := str(document[name]):
            ET.SubElement(properties, "property", name=name, value=printable(value))
    _steps(suite, document)
    _thresholds(suite, document)
    if local := document["local"]:
        apart = local["difference"]
        case = _case(suite, "local", "predictions are those of the artifact served locally")
        if not document["passed"] and (apart is None or apart > 1e-9):
            _failure(case, f"the largest relative difference is {figure(apart, 3)}")
    failures, errors = len(suite.findall("*/failure")), len(suite.findall("*/error"))
    for each in (suites, suite):
        each.set("tests", str(len(suite.findall("testcase"))))
        each.set("failures", str(failures))
        each.set("errors", str(errors))
    if not document["passed"]:
        output = ET.SubElement(suite, "system-out")
        output.text = printable("\n".join(_log(seen)))
    ET.indent(suites)
    found: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return found + b"\n"


def _steps(suite: ET.Element, document: Document) -> None:
    """A case for each; what ended the run is the error of the last one."""
    steps = document["steps"]
    for number, step in enumerate(steps):
        case = _case(suite, "step", step["name"], step["seconds"])
        if document["error"] and number == len(steps) - 1:
            error = ET.SubElement(case, "error", type="HarnessError")
            error.set("message", printable(document["error"].splitlines()[0]))
            error.text = printable(document["error"])


def _thresholds(suite: ET.Element, document: Document) -> None:
    if document["error"]:  # nothing was measured
        return
    for name, bounds in document["thresholds"].items():
        reached = document["metrics"].get(name)
        case = _case(suite, "threshold", f"{title(name)} {bounds_text(bounds)}".rstrip())
        if fault := missed(bounds, reached):
            _failure(case, f"{name} is {figure(reached)}, {fault} ({bounds_text(bounds)})")


def _case(suite: ET.Element, kind: str, name: str, seconds: float = 0.0) -> ET.Element:
    return ET.SubElement(
        suite, "testcase", classname=f"harness.{kind}", name=name, time=f"{seconds:.3f}"
    )


def _failure(case: ET.Element, message: str) -> None:
    ET.SubElement(case, "failure", message=printable(message), type="AssertionError")


def _log(seen: Seen) -> list[str]:
    found = []
    for log in seen.logs:
        if log.lines:
            found.append(f"{log.group}:")
            found += [line.text[:2000] for line in list(log.lines)[-LOG_LINES:]]
    return found
