"""Blocks of the pages can be read by what they are for, and are run, or listed with the reason."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.config import loading
from harness.config.settings import Settings
from tests.docs.page import PORT, expected, pattern, split

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
LANGUAGE = re.compile(r"^```(\w+)", re.MULTILINE)
SKIPPED = re.compile(r'<!-- skip: next "([^"]{10,})" -->')
SKIP_OF = re.compile(SKIPPED.pattern + r"\n```(?:python|sh|console|ipython|groovy)\n(.*)")
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
def test_toml_is_a_project_that_can_be_loaded(text: str, tmp_path: Path) -> None:
    table = tomllib.loads(text)
    assert set(table) <= set(Settings.model_fields) - {"root"}
    if "image" not in table:
        text += '\n[image]\nuri = "some-image"\n'
    (tmp_path / "harness.toml").write_text(text, encoding="utf-8")
    loading.load(tmp_path / "harness.toml", {})


@pytest.mark.parametrize("text", blocks("json"))
def test_json_can_be_read(text: str) -> None:
    json.loads(text if text.startswith("{") else f"{{{text}}}")


@pytest.mark.parametrize("text", blocks("yaml"))
def test_yaml_is_a_workflow_that_its_schema_allows(text: str, tmp_path: Path) -> None:
    schema = "vendor.github-workflows" if "runs-on:" in text else "vendor.gitlab-ci"
    if schema == "vendor.github-workflows":
        text = f"on: push\n{text}"
    (tmp_path / "workflow.yml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    checked = subprocess.run(
        [*command, str(tmp_path / "workflow.yml")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_index_has_every_page() -> None:
    folder = ROOT / "docs"
    index = (folder / "README.md").read_text(encoding="utf-8")
    linked = {(folder / each).resolve() for each in re.findall(r"\]\(([^)#:]+\.md)\)", index)}
    apart = {folder / "README.md", *(folder / "architecture").glob("*.md")}
    assert {path.resolve() for path in folder.rglob("*.md")} - linked - apart == set()
    assert (folder / "architecture" / "README.md").resolve() in linked


@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.relative_to(ROOT)))
def test_comments_about_blocks_are_understood(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for comment in re.findall(r"<!-- (?:skip|invisible).*?-->", text, re.DOTALL):
        hidden = re.match(r"<!-- invisible-code-block: (python|sh)\n", comment)
        assert hidden or SKIPPED.fullmatch(comment), comment


def test_what_is_not_run_is_listed_with_the_reason() -> None:
    """`tox -e docs` runs each block, or the list says why not, and what does it elsewhere."""
    listed = tomllib.loads((ROOT / "tests/docs/skipped.toml").read_text(encoding="utf-8"))["block"]
    found = {
        (str(page.relative_to(ROOT)), why): first
        for page in RUN
        for why, first in SKIP_OF.findall(page.read_text(encoding="utf-8"))
    }
    comments = sum(page.read_text(encoding="utf-8").count("<!-- skip:") for page in RUN)
    assert comments == len(found), "the comment stands right before its block"
    assert set(found) == {(each["page"], each["why"]) for each in listed}
    for each in listed:
        assert found[each["page"], each["why"]].startswith(each["starts"])
        assert not each["elsewhere"] or (ROOT / each["elsewhere"]).is_file()


def test_each_language_of_a_block_is_run_or_read_by_a_test() -> None:
    languages = {found for page in RUN for found in LANGUAGE.findall(page.read_text("utf-8"))}
    run = {"python", "sh", "console", "ipython", "groovy"}  # tests/docs/plugin.py
    assert languages <= run | {"toml", "yaml", "json", "text", "mermaid"}


def test_a_session_is_run_as_it_stands() -> None:
    text = "$ harness ls   # all\n$ echo \\\n    b\nb  …  12 s\n…\n"
    assert split(text) == (["harness ls   # all", "echo \\", "    b"], ["b  …  12 s"])
    assert pattern("b  …  12 s").search("b anything 7 s")
    assert not pattern("b  …  12 s").search("b anything s")


@pytest.mark.parametrize(("command", "status"), [("false", 0), ("true", 1), ("exit 3", 1)])
def test_a_status_that_is_expected_has_to_come(command: str, status: int) -> None:
    script = "set -e\n" + expected(f"( {command} )   # exit status 1: something is missing\n")
    ran = subprocess.run(["bash", "-c", script], timeout=30, check=False)
    assert (ran.returncode != 0) == status
    assert expected("echo 1  # one") == "echo 1  # one"


def test_the_port_is_the_pages_own_but_in_a_container() -> None:
    text = "-p 127.0.0.1:4599:4599 http://127.0.0.1:4599/"
    assert PORT.sub("1", text) == "-p 127.0.0.1:1:4599 http://127.0.0.1:1/"
