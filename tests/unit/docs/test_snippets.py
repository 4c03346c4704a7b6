"""Blocks of the pages can be read by what they are for, and are run, or listed with the reason."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.config.loading import FREE, SECTIONS
from harness.config.settings import Settings
from tests.docs.page import pattern, split

if TYPE_CHECKING:
    from collections.abc import Callable

    from _pytest.mark.structures import ParameterSet

ROOT = Path(__file__).parents[3]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
RUN = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ELLIPSIS = re.compile(r"^( *)…$", re.MULTILINE)


def commands(text: str) -> str:
    """What is typed in a session: the lines after $, and those that they go on in."""
    lines: list[str] = []
    goes_on = False
    for line in text.splitlines():
        if line.startswith("$ ") or goes_on:
            lines.append(line.removeprefix("$ "))
            goes_on = line.endswith("\\")
    return "\n".join(lines)


def blocks(*kinds: str, of: Callable[[str], str] = str) -> list[ParameterSet]:
    return [
        pytest.param(of(found[2]), id=f"{page.relative_to(ROOT)}-{number}")
        for page in PAGES
        for number, found in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")))
        if found[1] in kinds
    ]


@pytest.mark.parametrize("text", blocks("python"))
def test_python_can_be_parsed(text: str) -> None:
    text = ELLIPSIS.sub(r"\1...", text)
    try:
        ast.parse(text)
    except IndentationError:  # lines from the middle of a function
        for line in text.splitlines():
            ast.parse(line.strip())


@pytest.mark.parametrize("script", [*blocks("sh", "bash"), *blocks("console", of=commands)])
def test_the_shell_can_parse_it(script: str) -> None:
    checked = subprocess.run(
        ["bash", "-n"], input=script, text=True, capture_output=True, timeout=30, check=False
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("text", blocks("toml"))
def test_toml_has_keys_that_there_are(text: str) -> None:
    table = tomllib.loads(text)
    assert set(table) <= set(Settings.model_fields) - {"root"}
    for section, keys in table.items():
        if section in SECTIONS and section not in FREE:
            assert set(keys) <= set(SECTIONS[section].model_fields), section


def test_the_index_has_every_page() -> None:
    folder = ROOT / "docs"
    index = (folder / "README.md").read_text(encoding="utf-8")
    linked = {(folder / each).resolve() for each in re.findall(r"\]\(([^)#:]+\.md)\)", index)}
    apart = {folder / "README.md", *(folder / "architecture").glob("*.md")}
    assert {path.resolve() for path in folder.rglob("*.md")} - linked - apart == set()
    assert (folder / "architecture" / "README.md").resolve() in linked


@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_not_run_says_why(page: Path) -> None:
    """`tox -e docs` runs each block, or lists it with what stands here."""
    text = page.read_text(encoding="utf-8")
    for comment in re.findall(r"<!-- (?:skip|invisible).*?-->", text, re.DOTALL):
        hidden = re.match(r"<!-- invisible-code-block: (python|sh)\n", comment)
        skipped = re.fullmatch(r'<!-- skip: next "[^"]{10,}" -->', comment)
        assert hidden or skipped, comment
    for after in re.findall(r'<!-- skip: next "[^"]*" -->\n(.*)', text):
        assert after in ("```python", "```sh", "```console"), "the comment stands before its block"


def test_most_blocks_are_run() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in RUN)
    skipped = text.count("<!-- skip: next ")
    assert skipped < len(re.findall(r"^```(?:python|sh|console)$", text, re.MULTILINE)) / 2


def test_a_session_is_run_as_it_stands() -> None:
    text = "$ harness ls   # all\n$ echo \\\n    b\nb  …  12 s\n…\n"
    assert split(text) == (["harness ls   # all", "echo \\", "    b"], ["b  …  12 s"])
    assert pattern("b  …  12 s").search("b anything 7 s")
    assert not pattern("b  …  12 s").search("b anything s")
