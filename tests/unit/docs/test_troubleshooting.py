"""Each message that tests/errors asserts stands in docs/troubleshooting.md, and is asserted."""

from __future__ import annotations

import re
import tomllib

from tests.unit.docs.test_snippets import ROOT

ERRORS = ROOT / "tests" / "errors"
MESSAGES = tomllib.loads((ERRORS / "messages.toml").read_text(encoding="utf-8"))["message"]


def test_each_message_is_asserted_by_a_test() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in ERRORS.glob("test_*.py"))
    asserted = set(re.findall(r'told\(f?"([\w{}-]+)"', tests))
    asserted |= {"ping-404", "ping-500"} if "ping-{status}" in asserted else set()
    assert {each["id"] for each in MESSAGES} == asserted - {"ping-{status}"}
    assert len(MESSAGES) >= 30


def test_each_message_is_on_the_page_with_what_to_do() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    for each in MESSAGES:
        assert f"```text\n{each['says']}\n```\n\n{each['means']} {each['do']}\n" in page
