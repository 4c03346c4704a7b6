"""Bodies that are made of the one given."""

import io
import json
import zlib
from typing import Any

import numpy as np

from harness.check import payloads


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def json_of(body: bytes | None) -> Any:
    assert body is not None
    return json.loads(body)


def array_of(body: bytes | None) -> Any:
    assert body is not None
    return np.load(io.BytesIO(body))


def test_records_are_repeated():
    assert payloads.repeated(b"1,2", "text/csv; charset=utf-8", 2) == b"1,2\n1,2\n"
    assert json_of(payloads.repeated(b"[[1]]", "application/json", 3)) == [[1], [1], [1]]
    body = payloads.repeated(b'{"instances": [[1]], "k": 2}', "application/json", 2)
    assert json_of(body) == {"instances": [[1], [1]], "k": 2}
    body = payloads.repeated(npy(np.ones((2, 3))), payloads.NPY, 2)
    assert array_of(body).shape == (4, 3)
    assert payloads.repeated(b"\xff\xd8", "image/jpeg", 2) is None


def test_a_body_is_enlarged_up_to_a_size():
    assert payloads.enlarged(b"100\n", "text/csv", 1000) == b"100\n" * 250
    assert len(payloads.enlarged(b"[[1, 2]]", "application/json", 1000)) in range(990, 1001)
    assert payloads.enlarged(b"\xff\xd8", "image/jpeg", 1000) == b"\xff\xd8"


def test_rows_are_made_twice_as_wide():
    assert payloads.misshapen(b"1,2\n3,4\n", "text/csv") == b"1,2,1,2\n3,4,3,4\n"
    assert json_of(payloads.misshapen(b"[[1]]", "application/json")) == [[1, 1]]
    assert payloads.misshapen(b"[1]", "application/json") is None
    assert array_of(payloads.misshapen(npy(np.ones((2, 3))), payloads.NPY)).shape == (
        2,
        6,
    )


def test_numbers_become_nan():
    assert payloads.not_numbers(b"-1.5,x2,3e4\n", "text/csv") == b"NaN,x2,NaN\n"
    assert payloads.not_numbers(b"a,b\n", "text/csv") is None


def test_a_zip_bomb_unpacks_to_its_size():
    bomb = payloads.zip_bomb(1 << 27)
    assert len(bomb) < 300_000
    assert len(zlib.decompressobj(31).decompress(bomb, 100 << 20)) == 100 << 20


def test_records_of_an_answer_are_counted():
    assert payloads.records(b"1\n2\n", "text/csv") == 2
    assert payloads.records(b"[1, 2, 3]", "application/json") == 3
    assert payloads.records(b'{"predictions": [1]}', "application/json") == 1
    assert payloads.records(b"{}", "application/json") is None
    assert payloads.records(npy(np.ones(4)), payloads.NPY) == 4
