"""What is told of the parts of the harness that aren't installed."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
from filelock import FileLock
from packaging.specifiers import SpecifierSet

from harness.cli import main
from harness.config import extras
from harness.errors import MissingExtraError
from harness.paths import cache_folder

NAME = "-abcdefghijklmnopqrstuvwxyz"
PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"


@pytest.fixture
def bare(monkeypatch):
    """An environment with none of the extras, to those who ask, and that gets none."""
    monkeypatch.setenv(extras.NO_SETUP_VARIABLE, "1")
    for packages in extras.EXTRAS.values():
        for module in packages:
            monkeypatch.setitem(sys.modules, module, None)


def test_the_extras_are_those_of_the_distribution():
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    assert project["name"] == extras.DISTRIBUTION
    optional = project["optional-dependencies"]
    for extra, packages in extras.EXTRAS.items():
        assert set(packages.values()) <= {re.split("[<>=]", each)[0] for each in optional[extra]}
    assert set(optional) == {*extras.EXTRAS, "all", "all-services"}
    assert optional["all"] == [f"{extras.DISTRIBUTION}[flow,sdk,tuning]"]


def test_what_is_there_is_not_missing():
    assert [extras.missing(extra) for extra in extras.EXTRAS] == [[], [], [], []]


def test_what_is_missing_is_told_in_one_sentence_with_its_command(bare):
    with pytest.raises(MissingExtraError) as told:
        extras.require("flow", "harness run")
    assert str(told.value) == (
        "harness run needs numpy and sagemaker-core, which are not installed: "
        "pip install 'sagemaker-harness[flow]'"
    )
    with pytest.raises(MissingExtraError, match="bayesian-optimization, which is not installed"):
        extras.require("tuning", "this")


@pytest.mark.parametrize("command", ["run", "run --dry-run", "check", "compare"])
def test_a_command_says_what_it_lacks_before_it_does_anything(bare, command, capsys):
    assert main.main(command.split()) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"harness: harness {command.split()[0]} needs numpy")
    assert said.endswith("pip install 'sagemaker-harness[flow]'\n")


def test_a_new_project_says_what_it_needs_first(bare, tmp_path, capsys):
    assert main.main(["init", str(tmp_path / "new")]) == 0
    following = capsys.readouterr().out.split("Next:")[1].split("\n")
    assert following[2].strip() == "pip install 'sagemaker-harness[flow]'"


@pytest.fixture
def pip(monkeypatch):
    """What pip was asked to install, instead of which it says something."""
    asked: list[list[str]] = []

    def install(given):
        asked.append(given)
        return "ERROR: no index"

    monkeypatch.delenv(extras.NO_SETUP_VARIABLE)
    monkeypatch.setattr(extras, "_install", install)
    return asked


def test_what_a_command_needs_is_installed_and_told(bare, pip):
    told: list[str] = []
    with pytest.raises(MissingExtraError, match=r"flow\]', which failed here \(ERROR: no index\)$"):
        extras.provide("flow", "harness run", told.append)
    (line,) = told
    assert line == (
        "installing what harness run needs beside the local AWS, once: pip install "
        "'sagemaker-harness[flow]' (HARNESS_NO_PACKAGE_SETUP=1 turns this off)"
    )
    (asked,) = pip
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    wanted = [SpecifierSet(each.lstrip(NAME)) for each in project["optional-dependencies"]["flow"]]
    assert [SpecifierSet(each.lstrip(NAME)) for each in asked] == wanted


def test_pips_own_words_are_told(monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert "no-such-distribution-of-ours" in extras._install(["no-such-distribution-of-ours"])


def test_nothing_is_installed_that_is_there(monkeypatch):
    monkeypatch.setattr(extras, "_install", None)
    extras.provide("flow", "harness run", pytest.fail)


def test_of_two_that_need_it_at_once_one_installs_it(bare, pip, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    told: list[str] = []

    def wait(line: str) -> None:
        told.append(line)
        for packages in extras.EXTRAS.values():  # the other one has ended
            for module in packages:
                monkeypatch.delitem(sys.modules, module, raising=False)
        other.release()

    folder = cache_folder()
    folder.mkdir(parents=True)
    with FileLock(folder / "installation of packages.lock", thread_local=False) as other:
        extras.provide("flow", "harness run", wait)
    assert told == ["waiting for another installation of packages to end"]
    assert pip == []
