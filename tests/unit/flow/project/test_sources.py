"""Files, folders and functions of a project, and what is said where they aren't there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from harness.errors import ConfigError, FlowError
from harness.flow.project import sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = "channels.train.source"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], str]:
    def write(name: str, text: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return name

    return write


@pytest.mark.parametrize(
    ("source", "function", "uri", "output"),
    [
        ("data.py:rows", True, False, False),
        ("deep/er/data.py:_rows1", True, False, False),
        ("data.py", False, False, False),
        ("data.py:1rows", False, False, False),
        ("data.csv:rows", False, False, False),
        ("s3://bucket/key", False, True, False),
        ("processing:clean", False, False, True),
        ("processing.py:clean", True, False, False),
        ("data", False, False, False),
    ],
)
def test_what_a_source_is(source: str, function: bool, uri: bool, output: bool) -> None:
    assert sources.is_function(source) is function
    assert sources.is_uri(source) is uri
    assert sources.is_output(source) is output


def test_a_file_is_one_file(tmp_path: Path, write: Callable[[str, str], str]) -> None:
    write("data/a.csv", "1")

    with sources.files(tmp_path, "data/a.csv", KEY) as found:
        assert found == {"a.csv": tmp_path / "data/a.csv"}


def test_a_folder_is_its_files_but_hidden_ones(
    tmp_path: Path, write: Callable[[str, str], str]
) -> None:
    for name in ("b.csv", "a/c.csv", ".DS_Store", ".git/config", "a/.hidden/x"):
        write(f"data/{name}", "1")

    with sources.files(tmp_path, "data", KEY) as found:
        assert found == {name: tmp_path / "data" / name for name in ("a/c.csv", "b.csv")}


def test_what_a_function_makes_goes_in_the_end(
    tmp_path: Path, write: Callable[[str, str], str]
) -> None:
    write("data.py", "def made(folder):\n    (folder / 'a.csv').write_text('1')\n")

    with sources.files(tmp_path, "data.py:made", KEY) as found:
        (path,) = found.values()
        assert path.read_text() == "1"

    assert list(found) == ["a.csv"]
    assert not path.exists()


def test_a_functions_module_finds_those_beside_it(
    tmp_path: Path, write: Callable[[str, str], str]
) -> None:
    write("deep/beside_at_first.py", "ONE = 1")
    write("deep/beside_later.py", "TWO = 2")
    write(
        "deep/data.py",
        "import beside_at_first\n"
        "def rows():\n"
        "    from beside_later import TWO\n"
        "    return [beside_at_first.ONE, TWO]\n",
    )
    first = sys.path[0]

    function = sources.function(tmp_path, "deep/data.py:rows", KEY)

    assert sources.call(function, KEY) == [1, 2]
    assert sys.path[0] == first


def test_a_module_is_imported_once_and_apart_from_others_of_its_name(
    tmp_path: Path, write: Callable[[str, str], str]
) -> None:
    for folder in ("a", "b"):
        write(
            f"{folder}/data.py",
            f"made = []\ndef name():\n    made.append(1)\n    return {folder!r}",
        )
    one, other = (sources.function(tmp_path, f"{each}/data.py:name", KEY) for each in "ab")

    assert (one(), other()) == ("a", "b")
    assert sources.function(tmp_path, "a/data.py:name", KEY) is one


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("none.csv", "there is no such file or folder in "),
        ("none.py:rows", "there is no file "),
        ("n" * 300, "there is no such file or folder in "),
        ("n" * 300 + ".py:rows", "there is no file "),
        ("data.py:none", "data.py has no function none."),
        ("data.py:ROWS", "data.py has no function ROWS."),
    ],
)
def test_what_is_not_there_is_said_with_its_key(
    tmp_path: Path, write: Callable[[str, str], str], source: str, says: str
) -> None:
    write("data.py", "ROWS = 1")

    with pytest.raises(ConfigError) as refusal:
        sources.check(tmp_path, source, KEY)

    assert str(refusal.value).startswith(f"{KEY} = {source!r}: ")
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("source", ["s3://bucket/key", "processing:clean"])
def test_what_is_elsewhere_is_not_looked_for(tmp_path: Path, source: str) -> None:
    sources.check(tmp_path, source, KEY)


def test_what_is_no_function_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"^metrics\.score = 'a': a function is FILE\.py:FUNCTION\."
    ):
        sources.function(tmp_path, "a", "metrics.score")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'."),
        ("def rows(:", "SyntaxError: "),
        ("raise ValueError('a\\nb.')", "ValueError: a b."),
        ("raise RuntimeError", "RuntimeError."),
        ("import sys; sys.exit('usage: x')", "SystemExit: usage: x."),
    ],
)
def test_a_module_that_cannot_be_imported(
    tmp_path: Path, write: Callable[[str, str], str], text: str, says: str
) -> None:
    write("data.py", text)
    before = list(sys.path)

    for _ in range(2):  # the second time it isn't half imported
        with pytest.raises(ConfigError) as refusal:
            sources.function(tmp_path, "data.py:rows", KEY)
        assert f"{KEY}: {tmp_path / 'data.py'} can't be imported: {says}" in str(refusal.value)
        assert "\n" not in str(refusal.value)

    assert sys.path == before


@pytest.mark.parametrize(
    ("raised", "says"),
    [
        (ValueError("no\nluck."), "here: it raised ValueError: no luck."),
        (KeyError("a"), "here: it raised KeyError: 'a'."),
        (SystemExit(2), "here: it raised SystemExit: 2."),
        (AssertionError(), "here: it raised AssertionError."),
    ],
)
def test_what_a_function_raises_is_one_sentence(raised: BaseException, says: str) -> None:
    def function() -> None:
        raise raised

    with pytest.raises(FlowError) as refusal:
        sources.call(function, "here")

    assert str(refusal.value) == says
    assert refusal.value.__cause__ is raised


def test_no_files_are_an_error(tmp_path: Path, write: Callable[[str, str], str]) -> None:
    (tmp_path / "empty").mkdir()
    write("data.py", "def made(folder): pass")

    for source in ("empty", "data.py:made"):
        with (
            pytest.raises(FlowError, match=rf"^{KEY}: there are no files in /"),
            sources.files(tmp_path, source, KEY),
        ):
            pass
    with (
        pytest.raises(FlowError, match=rf"^{KEY}: there is no /.*/gone\.$"),
        sources.files(tmp_path, "gone", KEY),
    ):
        pass
