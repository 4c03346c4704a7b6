"""Rows as bodies, and answers as arrays."""

import contextlib
import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from harness.errors import FlowError
from harness.flow.project.payloads import (
    CSV,
    JSON,
    JSON_LINES,
    MAX_BODY_BYTES,
    NPY,
    TYPES,
    bodies,
    decode,
    encode,
    plain,
)

tables = arrays.arrays(
    np.float64,
    arrays.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=6),
    elements=st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False),
)
columns = arrays.arrays(
    np.float64, st.integers(2, 8), elements=st.floats(allow_nan=False, allow_infinity=False)
)

texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1).map(
    lambda text: f"t{text}"  # which is no number
)


@pytest.mark.parametrize("content_type", TYPES)
@given(rows=tables)
def test_a_table_comes_back_as_it_was(content_type, rows):
    np.testing.assert_array_equal(decode(encode(rows, content_type), content_type), rows)


@pytest.mark.parametrize("content_type", TYPES)
@given(rows=columns)
def test_a_column_comes_back_as_it_was(content_type, rows):
    np.testing.assert_array_equal(decode(encode(rows, content_type), content_type), rows)


@pytest.mark.parametrize("content_type", [CSV, JSON, JSON_LINES])
@given(rows=st.lists(texts, min_size=2, max_size=5))
def test_texts_come_back_as_they_were(content_type, rows):
    assert decode(encode(rows, content_type), content_type).tolist() == rows


@pytest.mark.parametrize("content_type", TYPES)
@given(rows=tables, limit=st.integers(0, 4), most=st.integers(1100, 1400))
def test_bodies_keep_to_their_limits_and_lose_nothing(content_type, rows, limit, most):
    made = bodies(rows, content_type, limit=limit, most=most)

    assert sum(count for _, count in made) == len(rows)
    assert all(len(body) <= most or count == 1 for body, count in made)
    assert all(count <= (limit or len(rows)) for _, count in made)
    parts = [np.atleast_1d(decode(body, content_type)) for body, _ in made]
    whole = np.concatenate([part.reshape(-1, rows.shape[1]) for part in parts])
    np.testing.assert_array_equal(whole, rows)


@pytest.mark.slow
@pytest.mark.no_cover  # which takes most of its time
def test_bodies_are_no_larger_than_sagemaker_takes():
    for content_type in TYPES:
        made = bodies(np.full((300_000, 3), 1 / 3), content_type)
        assert len(made) > 1
        assert all(len(body) <= MAX_BODY_BYTES for body, _ in made)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (CSV, b'1.5,a\n2.0,"b,""c"""\n'),
        (JSON, b'[[1.5, "a"],[2.0, "b,\\"c\\""]]'),
        (JSON_LINES, b'[1.5, "a"]\n[2.0, "b,\\"c\\""]\n'),
    ],
)
def test_rows_of_numbers_and_texts(content_type, body):
    assert encode([[1.5, "a"], [2.0, 'b,"c"']], content_type) == body


def test_fields_of_a_csv_are_numbers_in_json():
    assert encode([["1", "2.5", "x", "", "1e3", "nan", "1_0"]], JSON) == (
        b'[[1, 2.5, "x", "", 1000.0, "nan", "1_0"]]'
    )


@pytest.mark.parametrize(
    "rows", [[np.array([1, 2])], [(np.int64(1), np.int64(2))], np.array([[1, 2]]), [[1, 2]]]
)
def test_rows_may_be_numpys_in_part(rows):
    assert encode(rows, CSV) == b"1,2\n"
    assert encode(rows, JSON) == b"[[1, 2]]"
    assert decode(encode(rows, NPY), NPY).tolist() == [[1, 2]]


def test_texts_that_are_numbers_are_numbers_in_npy():
    array = decode(encode([["1", "2.5"]], NPY), NPY)

    assert array.tolist() == [[1.0, 2.5]]
    assert array.dtype == np.float64


@pytest.mark.parametrize(
    ("rows", "content_type", "says"),
    [
        ([1], "image/png", r"^rows can't be sent as 'image/png'; there are text/csv, .*: choose"),
        ([["a"]], NPY, "^rows can't be sent as application/x-npy, which has numbers only: could"),
        ([[1], [1, 2]], NPY, "which has numbers only"),
        ([[{}]], NPY, "which has numbers only"),
        ([np.nan], JSON, "^a row can't be sent as application/json: .*JSON"),
        ([[1.0, np.inf]], JSON_LINES, "^a row can't be sent as application/jsonlines: "),
        ([[object()]], JSON, "^a row can't be sent as application/json: .*object"),
        ([["\ud800"]], CSV, "^a row can't be sent as text/csv: .*surrogates"),
        ([[10**400]], NPY, "which has numbers only: int too large"),
    ],
)
def test_what_a_content_type_cannot_carry_is_refused(rows, content_type, says):
    with pytest.raises(FlowError, match=says) as refusal:
        encode(rows, content_type)

    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("content_type", [CSV, NPY])
def test_nan_may_be_sent_where_it_can_be(content_type):
    assert np.isnan(decode(encode(np.array([np.nan, 1.0]), content_type), content_type)[0])


@pytest.mark.parametrize(
    ("content_type", "body", "answers"),
    [
        (CSV, b"1\n2\n", [1.0, 2.0]),
        (CSV, b"1,2\r\n3,4\r\n\r\n", [[1.0, 2.0], [3.0, 4.0]]),
        (CSV, b"\xef\xbb\xbf1\n2", [1.0, 2.0]),
        (CSV, b"cat\ndog\n", ["cat", "dog"]),
        (CSV, b"cat,0.5\ndog,0.5\n", [["cat", "0.5"], ["dog", "0.5"]]),
        (CSV, b"", []),
        ("Text/CSV; charset=utf-8", b"1", [1.0]),
        (JSON, b"[1, 2]", [1, 2]),
        (JSON, b"3.5", [3.5]),
        (JSON, b'"cat"', ["cat"]),
        (JSON, b'{"predictions": [[0.1, 0.9]]}', [[0.1, 0.9]]),
        (JSON, b'{"predictions": 1, "model": "a"}', [1]),
        (JSON, b"[true, false]", [True, False]),
        (JSON_LINES, b"1\n\n2\n", [1, 2]),
        (JSON_LINES, b"[1, 2]\n[3, 4]", [[1, 2], [3, 4]]),
    ],
)
def test_answers_are_arrays(content_type, body, answers):
    assert decode(body, content_type).tolist() == answers


def npy_of(shape):
    """An array without its numbers, whose header has such a shape."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


@pytest.mark.parametrize(
    ("content_type", "body", "says"),
    [
        ("", b"", "^the endpoint's answer is of no content type, of which no array can be made;"),
        ("text/html", b"", "^the endpoint's answer is text/html, of which no array can be made;"),
        (NPY, b"", "^the endpoint's answer is not an array of numbers: "),
        (NPY, b"PK\3\4", "^the endpoint's answer is not an array of numbers: "),
        (NPY, b"\x93NUMPY\x01\x00\x02\x00{}", "is not an array of numbers: "),
        (NPY, npy_of("(99999999999999,)"), "is not an array of numbers: "),
        (NPY, npy_of("(99999999999999999999,)"), "is not an array of numbers: "),
        (NPY, npy_of("(("), "is not an array of numbers: "),
        (CSV, b"1,2\n3\n", "^the endpoint's answer is not text/csv: its rows are not of one len"),
        (CSV, b"\xff", "^the endpoint's answer is not text/csv: "),
        (JSON, b"[1,", "^the endpoint's answer is not application/json: "),
        (JSON, b"[" * 100_000, "^the endpoint's answer is not application/json: "),
        (JSON, b'{"label": 1, "score": 2}', "there are no predictions in it, only label, score"),
        (JSON, b'[{"label": 1}]', "it is no list of numbers or of texts"),
        (JSON, b"[[1], [1, 2]]", "^the endpoint's answer is not application/json: "),
        (JSON, b"[null]", "it is no list of numbers or of texts"),
        (JSON_LINES, b"1\nx\n", "^the endpoint's answer is not application/jsonlines: "),
    ],
)
def test_an_answer_that_is_not_what_it_says_is_refused(content_type, body, says):
    with pytest.raises(FlowError, match=says):
        decode(body, content_type)


@pytest.mark.parametrize("content_type", TYPES)
@given(body=st.binary(max_size=200))
def test_whatever_is_answered_is_an_array_or_refused(content_type, body):
    with contextlib.suppress(FlowError):
        assert isinstance(decode(body, content_type), np.ndarray)


@pytest.mark.parametrize(
    ("content_type", "without"), [("text/csv", CSV), (" TEXT/CSV ;header=present", CSV), ("", "")]
)
def test_parameters_are_not_part_of_the_type(content_type, without):
    assert plain(content_type) == without


@given(rows=st.lists(st.lists(st.text(), min_size=2, max_size=3), min_size=1, max_size=3))
def test_csv_is_quoted_as_it_has_to_be(rows):
    read = list(csv.reader(io.StringIO(encode(rows, CSV).decode(), newline="")))

    assert read == rows


def test_json_is_json():
    assert json.loads(encode(np.array([[1.0], [2.0]]), JSON)) == [[1.0], [2.0]]
