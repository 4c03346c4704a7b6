"""The content types a model is asked and answers in, unless the user's hooks say otherwise.

What a body may look like, for n rows of k features:

    application/x-npy      an array (n, k) of numbers as numpy.save writes it
    text/csv               n lines of k numbers; no header
    application/json       [[…], …], a flat list, or {"instances": …} around either
    application/jsonlines  n lines, each a list of k numbers, or one number where k is 1

A one-dimensional array or flat list holds n rows where the model has one feature, and one row
where it has several. Answers are n predictions: an array (n,), one a line, a list, one a line.

To read a body takes at most `COST` times its bytes of memory, whatever is in it, and time that
grows as they do: what something is gets looked at before anything is made of it.
"""

import io
import json
import math
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import chain
from typing import Any, NoReturn

import numpy as np
import orjson
from numpy.lib import format as npy

from serving.errors import BadRequestError, UnsupportedMediaTypeError
from serving.rows import wrong

NPY = "application/x-npy"
CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/jsonlines"

# Any NumPy array; user's models may predict labels as well as numbers.
Array = np.ndarray[Any, np.dtype[Any]]

COST = 48
"""Bytes of memory that one of a body takes at most: in JSON of small objects, or csv of commas."""

_NUMBERS = "fiub"  # dtype kinds: floats, signed and unsigned integers, booleans


def decode(body: bytes, content_type: str) -> Array:
    """Read a request's body.

    Returns:
        Numbers as float64, of shape (n, k), or (m,) where the body is flat.

    Raises:
        UnsupportedMediaTypeError: `content_type` is not one of ours.
        BadRequestError: the body is empty or not what its content type says.
    """
    decoder = _DECODERS.get(content_type)
    if decoder is None:
        got = (
            f"not {content_type[:100]}" if content_type else "and the request names no content type"
        )
        raise UnsupportedMediaTypeError(f"This model reads {', '.join(CONTENT_TYPES)}, {got}.")
    empty = f"The body is empty; expected {content_type} with at least one row."
    if not body or (content_type != NPY and body.isspace()):
        raise BadRequestError(empty)
    array = decoder(body)
    if not array.size:  # of a csv that is nothing but a byte order mark, say
        raise BadRequestError(empty)
    return array


def encode(prediction: Any, content_type: str) -> list[bytes]:
    """Write predictions, of shape (n,) or (n, m), as one of `CONTENT_TYPES`; parts of a body.

    Raises:
        ValueError: the content type can't carry the values, such as NaN in JSON.
    """
    array = np.asarray(prediction)
    if array.dtype.kind == "O":
        raise ValueError(f"predictions of type {type(prediction).__name__} hold Python objects")
    return _ENCODERS[content_type](array)


def rows(data: Array, features: int | None) -> Array:
    """Give flat data its second dimension; `features` is how many the model has, if known."""
    if data.ndim != 1:
        return data
    return data.reshape(-1, 1) if features == 1 else data.reshape(1, -1)


# application/x-npy. numpy.load takes 40 µs for one row, most of it to parse the header as Python;
# clients send the same few headers again and again.


# What numpy.save writes of an array. NumPy's own reader evaluates it as Python, which for ten
# kilobytes of some takes minutes.
_NPY_ITEM = (
    rb"'(?:descr': *(?:'(?P<descr%d>[<>|=]?[a-zA-Z?][\w\[\]]{0,16})'"
    rb"|(?P<fields%d>\[[^{}]*\]))"
    rb"|fortran_order': *(?P<order%d>True|False)"
    rb"|shape': *\((?P<shape%d>(?:\d{1,12}, *)*(?:\d{1,12})?)\))"
)
_NPY_HEADER = re.compile(
    rb"\{ *" + b" *, *".join(_NPY_ITEM % ((n,) * 4) for n in range(3)) + rb" *,? *\} *\n?"
)

MAX_NPY_HEADER = 1024
"""Bytes of a header; numpy.save's have 118."""


@lru_cache(maxsize=256)
def _npy_layout(header: bytes) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    """dtype, Fortran order and shape that a header tells.

    Raises ValueError if it isn't one.
    """
    match = _NPY_HEADER.fullmatch(header) if len(header) <= MAX_NPY_HEADER else None
    if match is None:
        raise ValueError
    found = {name[:-1]: value for name, value in match.groupdict().items() if value is not None}
    if len(found) != 3:  # one of them twice
        raise ValueError
    if "fields" in found:
        raise BadRequestError("The npy file holds values of type record; send numbers.")
    shape = tuple(int(size) for size in found["shape"].replace(b" ", b"").split(b",") if size)
    try:
        dtype = np.dtype(found["descr"].decode())
    except TypeError:
        raise ValueError from None
    return dtype, found["order"] == b"True", shape


def _decode_npy(body: bytes) -> Array:
    if body[:6] != npy.MAGIC_PREFIX:
        raise BadRequestError("The body is not an npy file; write it with numpy.save.")
    version = (body[6], body[7]) if len(body) > 7 else (0, 0)
    if version not in ((1, 0), (2, 0)):
        raise BadRequestError("The body is not an npy file of version 1.0 or 2.0.")
    length_bytes = 2 if version == (1, 0) else 4
    start = 8 + length_bytes + int.from_bytes(body[8 : 8 + length_bytes], "little")
    try:
        dtype, fortran, shape = _npy_layout(body[8 + length_bytes : start])
    except ValueError:
        raise BadRequestError("The header of the npy file can't be read.") from None

    if dtype.hasobject:
        raise BadRequestError("The npy file holds pickled objects, which are refused.")
    if dtype.kind not in _NUMBERS:
        raise BadRequestError(f"The npy file holds values of type {dtype}; send numbers.")
    if len(shape) not in (1, 2):
        raise BadRequestError(f"The npy file has shape {shape}; expected (rows, features).")
    if 0 in shape:
        raise BadRequestError(f"The npy file has shape {shape}: it is empty.")
    expected = math.prod(shape) * dtype.itemsize
    if len(body) - start != expected:
        raise BadRequestError(
            f"The npy file says {expected} bytes of data for shape {shape}, "
            f"but {len(body) - start} follow."
        )
    flat = np.frombuffer(body, dtype=dtype, offset=start)
    # astype copies, so hooks may write into what they get.
    return flat.reshape(shape, order="F" if fortran else "C").astype(np.float64, order="C")


@lru_cache(maxsize=256)
def _npy_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(file, header)
    return file.getvalue()


def _encode_npy(array: Array) -> list[bytes]:
    return [_npy_header(array.dtype, array.shape), array.tobytes()]


# text/csv

# Lines of nothing else, and of commas, are JSON's but for the brackets.
_NUMERALS = b"0123456789+-.eE"


def _decode_csv(body: bytes) -> Array:
    plain = _decode_plain_csv(body)
    if plain is not None:
        return plain
    text = _text(body, CSV)
    try:
        return np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2, comments=None)
    except ValueError as error:
        reason = wrong(io.StringIO(text, newline=None)) or str(error)[:200]
        raise BadRequestError(
            f"The csv must be lines of as many numbers each, without a header: {reason}."
        ) from None


def _decode_plain_csv(body: bytes) -> Array | None:
    """Ten times as fast as numpy.loadtxt; None for what is left to that, or is wrong.

    The lines stay together, as bytes.join takes 80 bytes for each of them.
    """
    text = body.strip(b"\r\n").replace(b"\r", b"\n")
    while b"\n\n" in text:
        text = text.replace(b"\n\n", b"\n")
    separators = text.translate(None, _NUMERALS) + b"\n"
    row = separators[: separators.index(b"\n") + 1]
    count = len(separators) // len(row)
    if row.strip(b",\n") or separators != row * count:
        return None
    try:
        values = orjson.loads(b"[" + text.replace(b"\n", b",") + b"]")
    except orjson.JSONDecodeError:
        return None
    return np.array(values, dtype=np.float64).reshape(count, -1)


def _encode_csv(array: Array) -> list[bytes]:
    if array.dtype.kind == "f" and array.size and np.isfinite(array).all():
        if array.ndim == 1:
            return [_dumps(array)[1:-1].replace(b",", b"\n"), b"\n"]
        if array.ndim == 2:
            return [_dumps(array)[2:-2].replace(b"],[", b"\n"), b"\n"]
    rows = _items(array) if array.ndim > 1 else [[item] for item in _items(array)]
    return ["".join([",".join(map(_csv_field, row)) + "\n" for row in rows]).encode()]


def _csv_field(value: Any) -> str:
    if not isinstance(value, str):
        return repr(value)
    quote = '"'
    special = any(mark in value for mark in ',"\r\n')
    return quote + value.replace(quote, quote * 2) + quote if special else value


# application/json and application/jsonlines


def _decode_json(body: bytes) -> Array:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:  # json knows more forms, and more words for what is wrong
        value = _json(_text(body, JSON), "The body")
    if isinstance(value, dict):
        if "instances" not in value:
            raise BadRequestError(f"The JSON {_JSON_FORMS}, not an object without 'instances'.")
        value = value["instances"]
    if not isinstance(value, list):
        raise BadRequestError(f"The JSON {_JSON_FORMS}, not {_json_type(value)}.")
    return _numbers(value, f"The JSON {_JSON_FORMS}")


_JSON_FORMS = 'must be a list of rows of numbers, or {"instances": [rows]}'


def _encode_json(array: Array) -> list[bytes]:
    return [_dumps(array)]


def _decode_json_lines(body: bytes) -> Array:
    values = []
    for number, line in enumerate(io.BytesIO(body.removeprefix(BOM_UTF8)), 1):
        if line.isspace():
            continue
        try:
            values.append(orjson.loads(line))
        except orjson.JSONDecodeError:  # to get here takes a hundred times as long, so once will do
            value = _json(_text(line, JSON_LINES).rstrip(), "Line", number)
            _numbers([value], _JSON_LINES_FORM)
            values.append(value)
    array = _numbers(values, _JSON_LINES_FORM)
    return array.reshape(len(values), -1)


_JSON_LINES_FORM = "Each line of the JSON lines must be a list of as many numbers"


def _encode_json_lines(array: Array) -> list[bytes]:
    _check_finite(array)
    return [b"".join([orjson.dumps(item) + b"\n" for item in _items(array)])]


def _json(text: str, *what: object) -> Any:
    try:
        return _JSON.decode(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)[:200]
        raise BadRequestError(f"{' '.join(map(str, what))} is not JSON: {reason}.") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


def _json_type(value: object) -> str:
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string"}
    return names.get(type(value), type(value).__name__)


def _numbers(values: list[Any], expected: str) -> Array:
    """A list as an array (n,) or (n, k) of float64.

    What is in it is looked at first: NumPy gives each element the room that the largest one takes,
    reads strings as numbers, and null as NaN.
    """
    kinds = set(map(type, values))
    shape: tuple[int, ...] = (len(values),)
    elements: Iterable[Any] = values
    if kinds == {list}:
        if len(set(map(len, values))) > 1:
            raise BadRequestError(f"{expected}; the rows differ in length.")
        shape = (len(values), len(values[0]))
        elements = chain.from_iterable(values)  # NumPy takes 40 bytes for each list it is given
        kinds = set(map(type, chain.from_iterable(values)))
        if list in kinds:
            raise BadRequestError(f"{expected}; the rows hold lists.")
    elif list in kinds:
        raise BadRequestError(f"{expected}; the rows differ in length.")
    if not kinds:
        raise BadRequestError(f"{expected}; it is empty.")
    if not kinds <= {int, float, bool}:
        raise BadRequestError(f"{expected}; it holds a value that is not a number.")
    try:
        array = np.fromiter(elements, np.float64, math.prod(shape)).reshape(shape)
    except OverflowError:
        array = np.array(np.inf)
    if not np.isfinite(array).all():
        raise BadRequestError(f"{expected}; it holds a number that only infinity comes close to.")
    return array


def _dumps(array: Array) -> bytes:
    """JSON, floats with as many digits as tell them from any other."""
    _check_finite(array)
    if array.dtype.kind != "f" or array.ndim == 0:
        return orjson.dumps(array.tolist())
    doubles = np.asarray(array, dtype=np.float64, order="C")
    return orjson.dumps(doubles, option=orjson.OPT_SERIALIZE_NUMPY)


def _check_finite(array: Array) -> None:
    """JSON has no NaN, for which orjson writes null."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("predictions that are not finite can't be written as JSON")


# What they share


def _text(body: bytes, content_type: str) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRequestError(
            f"The body is not {content_type} in UTF-8: byte {error.start} can't be decoded."
        ) from None


def _items(array: Array) -> list[Any]:
    items: list[Any] = array.tolist() if array.ndim else [array.item()]
    return items


_DECODERS: dict[str, Callable[[bytes], Array]] = {
    JSON: _decode_json,
    JSON_LINES: _decode_json_lines,
    CSV: _decode_csv,
    NPY: _decode_npy,
}
_ENCODERS: dict[str, Callable[[Array], list[bytes]]] = {
    JSON: _encode_json,
    JSON_LINES: _encode_json_lines,
    CSV: _encode_csv,
    NPY: _encode_npy,
}
CONTENT_TYPES = tuple(_DECODERS)
