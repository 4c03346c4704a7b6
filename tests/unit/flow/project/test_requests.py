"""What an endpoint is asked, made of files and of functions."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

import pytest

from harness.config.settings import Requests, Settings
from harness.errors import ConfigError, FlowError
from harness.flow.project.payloads import decode
from harness.flow.project.requests import read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.flow.project.requests import RequestSet

    Ask = Callable[..., RequestSet]

_NUMBERS = itertools.count()

TABLE = "a,b,class\n1,2,cat\n3,4,dog\n"


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """The set of requests of a source; a function's text is written into data.py."""

    def ask(source: str, content: str | bytes | None = None, **given: Any) -> RequestSet:
        path = tmp_path / source.partition(":")[0]
        path.parent.mkdir(exist_ok=True)
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        one = Requests(source=source, **given)
        (asked,) = read(Settings(root=tmp_path, requests={"test": one}))
        return asked

    return ask


def function(ask: Ask, returned: str, **given: Any) -> RequestSet:
    """The set of a function that returns so; its file is another each time, as it is imported."""
    text = f"import numpy as np\ndef rows():\n    return {returned}\n"
    return ask(f"data{next(_NUMBERS)}.py:rows", text, **given)


@pytest.mark.parametrize(
    ("given", "body", "truth"),
    [
        ({}, b"a,b,class\n1,2,cat\n3,4,dog\n", None),
        ({"header": True}, b"1,2,cat\n3,4,dog\n", None),
        ({"target": "class"}, b"1,2\n3,4\n", ["cat", "dog"]),
        ({"target": "a"}, b"2,cat\n4,dog\n", [1.0, 3.0]),
        ({"target": 2, "header": True}, b"1,2\n3,4\n", ["cat", "dog"]),
        ({"target": -1, "header": True}, b"1,2\n3,4\n", ["cat", "dog"]),
        ({"target": -3, "header": True}, b"2,cat\n4,dog\n", [1.0, 3.0]),
        ({"target": 0}, b"b,class\n2,cat\n4,dog\n", ["a", "1", "3"]),
    ],
)
def test_rows_of_a_csv_without_their_truth(
    ask: Ask, given: dict[str, Any], body: bytes, truth: list[Any] | None
) -> None:
    asked = ask("rows.csv", TABLE, **given)

    assert [each.content for each in asked.bodies] == [body]
    assert asked.bodies[0].rows == body.count(b"\n")
    assert asked.bodies[0].content_type == asked.accept == "text/csv"
    assert (asked.truth.tolist() if asked.truth is not None else None) == truth
    assert asked.key == "requests.test"


def test_rows_of_a_csv_are_sent_in_any_type_of_rows(ask: Ask) -> None:
    given = {"target": "class", "rows": 1}

    as_json = ask("rows.csv", TABLE, content_type="application/json", **given)
    as_npy = ask("rows.csv", TABLE, content_type="application/x-npy", accept="text/csv", **given)

    assert [each.content for each in as_json.bodies] == [b"[[1, 2]]", b"[[3, 4]]"]
    assert [each.rows for each in as_json.bodies] == [1, 1]
    assert as_json.accept == "application/json"
    assert decode(as_npy.bodies[1].content, "application/x-npy").tolist() == [[3.0, 4.0]]
    assert as_npy.accept == "text/csv"


def test_a_csv_may_have_marks_quotes_empty_lines_and_another_name(ask: Ask) -> None:
    text = '\ufeffname,y\r\n"a, ""b""",1\r\n\r\n"c\nd",2\r\n'

    asked = ask("rows.data", text, target="y")

    assert asked.bodies[0].content == b'"a, ""b"""\n"c\nd"\n'
    assert asked.truth is not None
    assert asked.truth.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("content", "given", "says"),
    [
        (TABLE, {"target": "klass"}, "has no column 'klass' (the target); it has a, b, class."),
        (TABLE, {"target": "a", "header": False}, "'a' (the target); it is read without a header."),
        (TABLE, {"target": 3}, "has no column 3 (the target) in every row."),
        (TABLE, {"target": -4}, "has no column -4 (the target) in every row."),
        ("1,2\n3\n", {"target": 1}, "has no column 1 (the target) in every row."),
        ("a,b\n", {"target": "a"}, "has no rows."),
        ("", {}, "has no rows."),
        (b"\xff\xfe", {}, "can't be read as csv: "),
    ],
)
def test_a_csv_that_is_not_as_it_is_said_to_be(
    ask: Ask, content: str | bytes, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(FlowError) as refusal:
        ask("rows.csv", content, **given)

    assert str(refusal.value).startswith("requests.test.source: /")
    assert says in str(refusal.value)


def test_a_file_or_a_folder_is_sent_as_it_is(ask: Ask, tmp_path: Path) -> None:
    for name in ("two.png", "one.jpg", ".hidden"):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images" / name).write_bytes(name.encode())

    folder = ask("images", content_type="application/x-image")
    guessed = ask("images")
    file = ask("body.json", '{"instances": []}', content_type="application/json", accept="text/csv")

    assert [each.content for each in folder.bodies] == [b"one.jpg", b"two.png"]
    assert {each.content_type for each in folder.bodies} == {"application/x-image"}
    assert folder.accept == "*/*"
    assert [each.rows for each in folder.bodies] == [None, None]
    assert [each.content_type for each in guessed.bodies] == ["image/jpeg", "image/png"]
    assert (file.bodies[0].content, file.accept) == (b'{"instances": []}', "text/csv")
    assert file.truth is None


@pytest.mark.parametrize(
    "returned",
    ["np.ones((3, 2)), np.zeros(3)", "[[1, 1]] * 3, [0, 0, 0]", "np.ones((3, 2)), np.zeros((3, 1))",
     "([1, 1] for _ in range(3)), (0.0, 0.0, 0.0)"],
)  # fmt: skip
def test_a_function_returns_rows_and_their_truth(ask: Ask, returned: str) -> None:
    asked = function(ask, returned, rows=2, content_type="application/x-npy")

    assert [each.rows for each in asked.bodies] == [2, 1]
    assert decode(asked.bodies[1].content, "application/x-npy").tolist() == [[1, 1]]
    assert asked.truth is not None
    assert asked.truth.tolist() == [0, 0, 0]


@pytest.mark.parametrize("returned", ["np.ones((2, 1))", "[[1.0], [1.0]]", "[1.0, 1.0]"])
def test_a_function_may_return_rows_alone(ask: Ask, returned: str) -> None:
    asked = function(ask, returned)

    assert asked.bodies[0].content == b"1.0\n1.0\n"
    assert (asked.bodies[0].rows, asked.truth) == (2, None)


def test_a_function_returns_what_pandas_has(ask: Ask) -> None:
    frame = "__import__('pandas').DataFrame({'x': [1, 2], 'name': ['a', 'b']})"

    alone = function(ask, frame)
    paired = function(ask, f"{frame}, __import__('pandas').Series(['cat', 'dog'])", rows=1)

    assert alone.bodies[0].content == b"1,a\n2,b\n"
    assert [each.content for each in paired.bodies] == [b"1,a\n", b"2,b\n"]
    assert paired.truth is not None
    assert (paired.truth.tolist(), paired.truth.dtype.kind) == (["cat", "dog"], "U")


@pytest.mark.parametrize(
    "returned", ["[b'a', 'b']", "(b'a', b'b')", "(each for each in (b'a', b'b'))"]
)
def test_a_function_may_return_bodies(ask: Ask, returned: str) -> None:
    asked = function(ask, returned, content_type="image/jpeg")

    assert [each.content for each in asked.bodies] == [b"a", b"b"]
    assert {(each.content_type, each.rows) for each in asked.bodies} == {("image/jpeg", None)}
    assert (asked.accept, asked.truth) == ("*/*", None)


def test_bodies_may_have_a_truth_too(ask: Ask) -> None:
    asked = function(ask, "[b'a', b'b'], ['cat', 'dog']", content_type="image/jpeg")

    assert [each.content for each in asked.bodies] == [b"a", b"b"]
    assert asked.truth is not None
    assert asked.truth.tolist() == ["cat", "dog"]


def test_texts_with_a_truth_are_rows_of_one_column(ask: Ask) -> None:
    asked = function(ask, "['good', 'bad, too'], [1, 0]")

    assert [each.content for each in asked.bodies] == [b'good\n"bad, too"\n']
    plain = function(ask, "['good', 'bad'], [1, 0]", content_type="text/plain")
    assert [each.content for each in plain.bodies] == [b"good", b"bad"]


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        ("None", "it returned None; it is to return bodies (a list of bytes) or rows (an array,"),
        ("b'a'", "it returned a bytes; it is to return bodies"),
        ("'a,b'", "it returned a str; it is to return bodies"),
        ("3", "it returned a int; it is to return bodies"),
        ("{'a': 1}", "it returned a dict; it is to return bodies"),
        ("[]", "it returned nothing to ask."),
        ("np.ones((0, 2)), np.ones(0)", "it returned nothing to ask."),
        ("[b'a', 1]", "one of the bodies that it returned is a int, not bytes."),
        ("np.ones((3, 2)), np.ones(2)", "it returned 3 rows, and the truth of 2."),
        ("1 / 0", "it raised ZeroDivisionError: division by zero."),
        ("(1 / 0 for _ in 'a')", "it raised ZeroDivisionError: division by zero."),
        ("[1], (1 / 0 for _ in 'a')", "it raised ZeroDivisionError: division by zero."),
        ("np.array(5)", "it returned a ndarray; it is to return bodies"),
        ("memoryview(b'a')", "it returned a memoryview; it is to return bodies"),
        ("[1, 2], [[1], [1, 2]]", "of the truth that it returned no array can be made: "),
        ("['\\ud800']", "one of the bodies that it returned is no text: "),
    ],
)
def test_what_a_function_must_not_return(ask: Ask, returned: str, says: str) -> None:
    with pytest.raises(FlowError) as refusal:
        function(ask, returned)

    where = r"^requests\.test\.source = 'data\d+\.py:rows': "
    assert re.match(where + re.escape(says), str(refusal.value))


def test_rows_and_their_truth_may_be_generators(ask: Ask) -> None:
    asked = function(ask, "(iter([[1], [2]]), (each for each in 'ab'))")

    assert [each.content for each in asked.bodies] == [b"1\n2\n"]
    assert asked.truth is not None
    assert asked.truth.tolist() == ["a", "b"]


def test_bodies_may_be_what_else_python_has_bytes_in(ask: Ask) -> None:
    asked = function(ask, "[bytearray(b'a'), memoryview(b'b')]")

    assert [each.content for each in asked.bodies] == [b"a", b"b"]


def test_a_file_that_cannot_be_read_is_a_sentence(ask: Ask) -> None:
    with pytest.raises(
        FlowError, match=r"^requests\.test\.source: /proc/self/mem can't be read: I"
    ):
        ask("/proc/self/mem")


def test_rows_that_cannot_be_sent_so(ask: Ask) -> None:
    with pytest.raises(FlowError, match=r"^rows can't be sent as 'image/png'; there are text/csv"):
        function(ask, "np.ones((2, 2))", content_type="image/png")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("none.csv", "there is no such file or folder in "),
        ("none.py:rows", "there is no file "),
        ("s3://bucket/rows.csv", "requests are read from files on this machine; copy it first."),
        ("processing:clean", "requests are read from files on this machine; copy it first."),
    ],
)
def test_a_source_that_is_none_is_refused_before(tmp_path: Path, source: str, says: str) -> None:
    settings = Settings(root=tmp_path, requests={"": Requests(source=source)})

    with pytest.raises(ConfigError) as refusal:
        read(settings)

    assert str(refusal.value).startswith(f"requests.source = {source!r}: {says}")
