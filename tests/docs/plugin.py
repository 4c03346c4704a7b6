"""Runs the blocks of README.md and docs/ that are Python, sh or a session in a shell.

`tox -e docs` does. A page's blocks run in their order, in a folder of the page's own, as its reader
would type them. Where a comment before a block says `skip: next "why"`, it isn't run; pytest lists
these, and so does skipped.toml. What a page takes as given (a job, an image, an account) stands in
a comment, too, as `invisible-code-block: python` or `sh`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, SkipParser

from tests.docs.page import ROOT, BlockError, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sybil import Example
    from sybil.typing import Parser

_PAGE = "the page"


def _python(example: Example) -> str:
    line = example.line + example.parsed.line_offset
    name = str(Path(example.path).relative_to(ROOT))
    return _tried(example, lambda page: page.python(str(example.parsed), name, line))


def _shell(example: Example) -> str:
    return _tried(example, lambda page: page.shell(str(example.parsed)))


def _session(example: Example) -> str:
    return _tried(example, lambda page: page.session(str(example.parsed)))


def _nowhere(_: Example) -> str:
    return "nothing here can run this: skip it with the reason"


def _tried(example: Example, does: Callable[[Page], object]) -> str:
    """What is wrong with the block, which Sybil shows with its place; "" if nothing is."""
    try:
        does(example.namespace[_PAGE])
    except BlockError as error:
        return str(error)
    return ""


def _setup(namespace: dict[str, Any]) -> None:
    namespace[_PAGE] = Page()


def _teardown(namespace: dict[str, Any]) -> None:
    namespace.pop(_PAGE).close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Lists a block that isn't run with its page and line."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):
        path, line, _ = item.reportinfo()
        report.longrepr = (str(path), line or 0, report.longrepr[2])
    return report


PARSERS: list[Parser] = [
    CodeBlockParser("python", _python),
    CodeBlockParser("sh", _shell),
    CodeBlockParser("console", _session),
    CodeBlockParser("ipython", _nowhere),
    CodeBlockParser("groovy", _nowhere),
    SkipParser(),
]

pytest_collect_file = Sybil(
    PARSERS, path=str(ROOT), patterns=["README.md", "docs/**/*.md", "docs/*.md"],
    setup=_setup, teardown=_teardown,
).pytest()  # fmt: skip
