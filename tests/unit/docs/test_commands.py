"""Commands, options, variables and keys that the pages name are there."""

from __future__ import annotations

import argparse
import re
import tomllib
from configparser import ConfigParser
from typing import TYPE_CHECKING

import pytest

from harness.cli.main import parser
from harness.config.loading import FREE, SECTIONS
from tests.unit.docs.test_links import PAGES, ROOT, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HARNESS = re.compile(r"""(?:^|[ (;&|'"]|bin/)harness (-{0,2}[a-z][^|;&)#`'"]*)""")
OPTION = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]*")
MAKE = re.compile(r"(?:^|[ ;&|])make ([a-z][a-z0-9-]*)")
TOX = re.compile(r"(?:^|[ /])tox -e ([a-z][a-z0-9-]*)")
VARIABLE = re.compile(r"\bHARNESS_[A-Z0-9_]*[A-Z0-9]\b")
KEY = re.compile(r"`([a-z]+)\.([a-z_]+)`")
FILES = {"report.html", "report.json"}

READ = (ROOT / "docs" / "reference" / "environment.md").read_text(encoding="utf-8")
OWN = re.compile(r"HARNESS_(HYPERPARAMETERS|THRESHOLDS)_\w+")
"""Of these the names are the project's."""
NOT_READ = {
    "HARNESS_DEBUG",  # of a container
    "HARNESS_AWS_CI_ROLE",  # of a repository at GitHub: docs/aws.md
    "HARNESS_TRAINING_INSTANCETYPE",  # one that isn't there: docs/troubleshooting.md
    "HARNESS_TABLE_KEY",  # the pattern of their names: docs/troubleshooting.md
}


def code(text: str) -> Iterator[str]:
    """Each line of what a page shows as code, in a block or within a sentence."""
    for token in tokens(text):
        if token.type == "fence" and token.info in ("", "sh", "console", "yaml", "groovy"):
            yield from token.content.replace("\\\n", " ").splitlines()
        elif token.type == "code_inline":
            yield token.content


def wrong(text: str) -> list[str]:
    """The commands of a page that `harness`, `make` or `tox` don't know."""
    lines = list(code(text))
    own = [each for line in lines for each in HARNESS.findall(line) if _is_wrong(each)]
    targets = [each for line in lines for each in MAKE.findall(line) if each not in _targets()]
    environments = [each for line in lines for each in TOX.findall(line) if each not in _tox()]
    return own + targets + environments


def _is_wrong(words: str) -> bool:
    name, _, rest = words.strip().partition(" ")
    commands = next(
        each for each in PARSER._actions if isinstance(each, argparse._SubParsersAction)
    )
    if name.startswith("-"):
        return name not in PARSER._option_string_actions
    if name not in commands.choices:
        return True
    options = commands.choices[name]._option_string_actions
    given = rest.split(" -- ")[0].replace("\\", "")
    return any(each not in options for each in OPTION.findall(given))


PARSER = parser()


def _targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z0-9-]*):", text, re.MULTILINE))


def _tox() -> set[str]:
    settings = ConfigParser(interpolation=None)
    settings.read(ROOT / "tox.ini", encoding="utf-8")
    named = {each.removeprefix("testenv:") for each in settings.sections()}
    return named | {"unit"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_options_are_there(page: Path) -> None:
    if page.name != "CHANGELOG.md":  # which has what was once
        assert wrong(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "`harness runn`", "`harness run --no-such`", "`harness up -d`", "`make nothing`",
        "`.venv/bin/tox -e nothing`", "```console\n$ harness ls --all\n```", "`harness --versio`",
        "```sh\nharness run \\\n  --no-such\n```",
    ],
)  # fmt: skip
def test_one_that_is_not_there_is_found(text: str) -> None:
    assert len(wrong(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "`harness up --port 0`", "`harness exec JOB -- ls -la`", "`harness --version`",
        "the harness runs", "```python\n# harness does\n```", "`make test-local`", "`tox -e docs`",
    ],
)  # fmt: skip
def test_one_that_is_there_is_not(text: str) -> None:
    assert wrong(text) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_variables_are_read(page: Path) -> None:
    named = set(VARIABLE.findall(page.read_text(encoding="utf-8")))
    known = set(VARIABLE.findall(READ)) | NOT_READ
    assert {each for each in named - known if not OWN.fullmatch(each)} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_keys_of_the_settings_are_there(page: Path) -> None:
    for section, key in KEY.findall(page.read_text(encoding="utf-8")):
        if section in SECTIONS and f"{section}.{key}" not in FILES:
            known = set(SECTIONS[section].model_fields)
            assert key in known or f"{section}.{key}" in FREE, f"{section}.{key}"


def test_extras_that_are_installed_are_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(project["optional-dependencies"])
    for page in PAGES:
        for named in re.findall(r"sagemaker-harness\[([\w,-]+)\]", page.read_text("utf-8")):
            assert set(named.split(",")) <= extras, page
