"""Numbers keep their bits, whichever of the ways through a content type they take."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from hypothesis.strategies import binary, builds, lists, one_of, sampled_from

from serving.content import COST, CSV, JSON, JSON_LINES, NPY, decode, encode
from serving.errors import BadRequestError, RequestError

# The shortest and longest to write, the ends of what float64 holds, and whole numbers.
VALUES = [0.1, 1 / 3, 1e16, 1e22, 1e-7, 5e-324, 1.7976931348623157e308, 250.0, 0.0, -2.5]


@pytest.mark.parametrize("columns", [1, 2, 5])
@pytest.mark.parametrize("content_type", [CSV, JSON, JSON_LINES])
def test_floats_come_back_as_they_went(content_type, columns):
    array = np.array(VALUES).reshape(-1, columns)
    np.testing.assert_array_equal(
        decode(b"".join(encode(array, content_type)), content_type), array
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, ">f8", np.int32, np.uint64])
@pytest.mark.parametrize("content_type", [CSV, JSON, JSON_LINES])
def test_other_numbers_are_written_exactly(content_type, dtype):
    array = np.array([0.1, 3, 7.25]).astype(dtype)
    sent = decode(b"".join(encode(array, content_type)), content_type)
    np.testing.assert_array_equal(sent.ravel(), array.astype(float))


@pytest.mark.parametrize(
    ("content_type", "array", "body"),
    [
        (CSV, np.array([1.5, np.nan, -np.inf]), b"1.5\nnan\n-inf\n"),
        (CSV, np.array([[1.5, np.inf], [2.0, 3.0]]), b"1.5,inf\n2.0,3.0\n"),
        (CSV, np.array(2.5), b"2.5\n"),
        (CSV, np.array([True, False]), b"True\nFalse\n"),
        (CSV, np.array(['a "b", c', "d"]), b'"a ""b"", c"\nd\n'),
        (CSV, np.array([]), b""),
        (JSON, np.array(2.5), b"2.5"),
        (JSON, np.array([]), b"[]"),
        (JSON, np.array([True, False]), b"[true,false]"),
        (JSON, np.array(["a", "é"]), '["a","é"]'.encode()),
        (JSON, np.arange(6.0).reshape(3, 2).T, b"[[0.0,2.0,4.0],[1.0,3.0,5.0]]"),
        (JSON_LINES, np.array(["a", "b"]), b'"a"\n"b"\n'),
        (JSON_LINES, np.array([[1.0, 2.0], [3.0, 4.0]]), b"[1.0,2.0]\n[3.0,4.0]\n"),
        (JSON_LINES, np.array(2.5), b"2.5\n"),
    ],
)
def test_what_predictions_look_like(content_type, array, body):
    assert b"".join(encode(array, content_type)) == body


@pytest.mark.parametrize("content_type", [JSON, JSON_LINES])
@pytest.mark.parametrize("array", [np.array([1.0, np.nan]), np.array(np.inf)])
def test_json_has_no_word_for_what_is_not_finite(content_type, array):
    with pytest.raises(ValueError, match="not finite"):
        encode(array, content_type)


@pytest.mark.parametrize(
    "body",
    [
        b"1\n2\n",
        b"1,2\r\n\r\n3,4\r\n",
        b"\n1,2\n3,4",
        b"1.\n.5\n+2\n007\n",
        b" 1 , 2\n3,4\n",
        b"-0\n-0.0\n1E5\n",
        b"123456789012345678901234567890\n9007199254740993\n1e-400\n",
        b"0x1p3\n",
    ],
)
def test_csv_is_what_numpy_reads(body):
    def read():
        return np.loadtxt(io.StringIO(body.decode()), delimiter=",", ndmin=2, comments=None)

    try:
        expected = read()
    except ValueError:
        with pytest.raises(BadRequestError):
            decode(body, CSV)
    else:
        np.testing.assert_array_equal(decode(body, CSV), expected)


@pytest.mark.parametrize("body", [b"1,2\n3\n4,5,6\n", b"1,\n2,\n", b",\n", b"1 2\n", b"1-2\n"])
def test_csv_that_only_looks_like_numbers_is_refused(body):
    with pytest.raises(BadRequestError, match="lines of as many numbers"):
        decode(body, CSV)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"x,y\n1,2\n", "row 1, column 1 holds 'x', which is no number."),
        (b"1,2\n\r\n3,4;5\n", "row 3, column 2 holds '4;5', which is no number."),
        (b"1,2\n3\n", "row 2 has 1 value, row 1 has 2 values."),
        (b"1,2\r3,1_000\r", "row 2, column 2 holds '1_000', which is no number."),
        (b"1,2\n3,\n", "row 2, column 2 holds nothing, which is no number."),
        (b"1,2\n3,0x1p3\n", "row 2, column 2 holds '0x1p3', which is no number."),
        ("1,2\n3,٣\n".encode(), "row 2, column 2 holds '٣', which is no number."),
        (b"1\n" + b"a" * 50, f"row 2, column 1 holds '{'a' * 40}\u2026', which is no number."),
    ],
)
def test_csv_is_refused_with_its_first_wrong_row(body, reason):
    with pytest.raises(BadRequestError) as refused:
        decode(body, CSV)
    assert str(refused.value).endswith(f"without a header: {reason}")


def test_json_may_have_a_byte_order_mark():
    np.testing.assert_array_equal(decode("\ufeff[1.5]".encode(), JSON), [1.5])


def npy_of(header: str) -> bytes:
    """An npy file that says this of itself, and has no data."""
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 1000000000000000000000000000000), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (True,), }",
        "{'descr': '<f8', 'descr': '<f8', 'shape': (1,), }",
        "{'descr': '<f9', 'fortran_order': False, 'shape': (1,), }",
        "'descr': '<f8', 'fortran_order': False, 'shape': (1,)",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1L,), }",
        "{" * 5000 + "}" * 5000,
        "{'descr': '<f8" + "L" * 10_000,
    ],
)
def test_headers_that_numpy_would_evaluate_for_minutes_are_refused_at_once(header):
    with pytest.raises(BadRequestError, match="header of the npy file can't be read"):
        decode(npy_of(header), "application/x-npy")


def test_the_keys_of_a_header_may_come_in_any_order():
    body = npy_of("{'shape': (2,), 'fortran_order': False, 'descr': '<f8'}\n") + bytes(16)
    np.testing.assert_array_equal(decode(body, "application/x-npy"), [0.0, 0.0])


def test_no_body_costs_more_than_a_multiple_of_its_bytes():
    """In memory; a megabyte is read in well below a second, too."""
    script = Path(__file__).parent / "costly.py"
    ran = subprocess.run(
        [sys.executable, str(script), "1"],
        env={**os.environ, "PYTHONPATH": str(script.parents[3] / "container")},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(found) > 40
    assert [each for each in found if each[2] > COST or each[3] > 2] == []


CONTENT_TYPES = sampled_from([CSV, JSON, JSON_LINES, NPY])
# What numbers, and what surrounds them, are made of, and what looks like it.
PIECES = sampled_from(
    [*"0123456789+-.eE,[]{}:\" \n\r\t\0_xjJ()\u0661\u2028\ufeff", "nan", "inf", "NaN", "Infinity",
     "null", "true", "1e400", "0x1p3", "1_0", '"instances"', "9" * 400, "{'descr': '<f8', ",
     "'fortran_order': ", "False", "True", "'shape': (", ")}", "'|O'", "'<U999999999'", "'>i2'"]
)  # fmt: skip
BODIES = one_of(
    binary(max_size=200),
    lists(PIECES, max_size=40).map(lambda parts: "".join(parts).encode()),
    lists(PIECES, max_size=30).map(lambda parts: npy_of("".join(parts))),
    builds(
        lambda header, data: npy_of(header) + data,
        sampled_from(
            [
                f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': ({shape}), }}"
                for kind in (
                    "<f8",
                    ">f2",
                    "|b1",
                    "<i4",
                    "|S3",
                    "<M8[D]",
                    "|V8",
                    "<c8",
                    "<f16",
                    "|O",
                )
                for order in (True, False)
                for shape in ("1,", "2, 1", "0, 5", "99999999999, 0", "", "1, 1, 1", "1, 2,")
            ]
        ),
        binary(max_size=32),
    ),
)


@settings(max_examples=500)
@example(body=b"\xef\xbb\xbf", content_type=CSV)
@given(body=BODIES, content_type=CONTENT_TYPES)
def test_any_body_is_numbers_or_refused_in_a_sentence(body, content_type):
    try:
        array = decode(body, content_type)
    except RequestError as error:
        said = str(error)
    else:
        said = "an array"
        assert array.dtype == np.float64
        assert array.ndim in (1, 2)
        assert array.size > 0
        assert array.nbytes <= COST * len(body)
        if content_type in (JSON, JSON_LINES):
            assert np.isfinite(array).all()
    assert 0 < len(said) < 2000


@given(
    array=arrays(
        sampled_from([np.float64, np.float32, np.int64, np.bool_]),
        array_shapes(min_dims=0, max_dims=2, max_side=4),
    ),
    content_type=CONTENT_TYPES,
)
def test_any_prediction_is_written_as_what_it_says_or_not_at_all(array, content_type):
    try:
        body = b"".join(encode(array, content_type))
    except ValueError:
        assert not np.isfinite(array).all()
        return
    if content_type == NPY:
        np.testing.assert_array_equal(np.load(io.BytesIO(body), allow_pickle=False), array)
    elif content_type == JSON:
        np.testing.assert_array_equal(json.loads(body, parse_constant=pytest.fail), array)
    elif content_type == JSON_LINES:
        for line in body.splitlines():
            json.loads(line, parse_constant=pytest.fail)
