"""Prints what it costs to read hostile bodies, as lines of JSON; for a process of its own.

    python costly.py MEGABYTES

A body's cost is the growth of this process's peak of memory, as the kernel has it, in times the
body's bytes.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from serving.content import CSV, JSON, JSON_LINES, NPY, decode
from serving.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 3 << 30  # bytes of memory that this process may have


def bodies(size: int) -> Iterator[tuple[str, str, bytes]]:
    """Name, content type and bytes; each body has about `size` bytes."""

    def repeat(part: bytes, start: bytes = b"[", end: bytes = b"]") -> bytes:
        return start + part * (size // len(part)) + part.rstrip(b",") + end

    yield "one digit each", JSON, repeat(b"1,")
    yield "lists of one digit", JSON, repeat(b"[1],")
    yield "lists of one float", JSON, repeat(b"[0.5],")
    yield "long numbers", JSON, repeat(b"1234567890123456789,")
    yield "empty lists", JSON, repeat(b"[],")
    yield "empty objects", JSON, repeat(b"{},")
    yield "objects", JSON, repeat(b'{"a":1},')
    yield "instances of objects", JSON, repeat(b'{"":0},', b'{"instances": [', b"]}")
    yield "nulls", JSON, repeat(b"null,")
    yield "a string and numbers", JSON, b'["' + b"a" * size + b'",' + b"1," * 1000 + b"1]"
    yield (
        "a wide row and short ones",
        JSON,
        b"[[" + b"1," * (size // 4) + b"1]" + b",[1]" * (size // 8) + b"]",
    )
    yield "an unfinished list", JSON, b"[" + b"1," * (size // 2)
    yield "NaN at the end", JSON, b"[" + b"1," * (size // 2) + b"NaN]"
    yield "one integer", JSON, b"[" + b"1" * size + b"]"
    yield "one float", JSON, b"[0." + b"1" * size + b"]"
    yield "one float that only json takes", JSON, b"[0." + b"1" * size + b",NaN]"
    yield "one exponent", JSON, b"[1e" + b"1" * size + b"]"
    yield "nested", JSON, b"[" * size
    yield "one string of escapes", JSON, b'["' + rb"\u0100" * (size // 6) + b'"]'
    yield "wide characters", JSON, b"[" + b"1," * (size // 2) + '"\N{PILE OF POO}"]'.encode()
    yield "one digit a line", JSON_LINES, b"1\n" * (size // 2)
    yield "lists a line", JSON_LINES, b"[1]\n" * (size // 4)
    yield "empty lines", JSON_LINES, b"\n" * size + b"1"
    yield "NaN lines", JSON_LINES, b"1\n" * (size // 2) + b"NaN"
    yield "one long line", JSON_LINES, b"1" * size
    yield "one digit a line", CSV, b"1\n" * (size // 2)
    yield "two digits a line", CSV, b"12\n" * (size // 3)
    yield "one line", CSV, b"1," * (size // 2) + b"1"
    yield "a wide line and short ones", CSV, b"1," * (size // 4) + b"1\n" + b"1\n" * (size // 4)
    yield "short lines and a wide one", CSV, b"1\n" * (size // 4) + b"1," * (size // 4) + b"1\n"
    yield "NumPy's, one digit a line", CSV, b"1\n" * (size // 2) + b" 1"
    yield "NumPy's, one line", CSV, b" 1," * (size // 3) + b"1"
    yield (
        "NumPy's, a wide line and short ones",
        CSV,
        b" 1," * (size // 6) + b"1\n" + b"1\n" * (size // 4),
    )
    yield "one field", CSV, b"a" * size
    yield "one quoted field", CSV, b'"' + b"a" * size + b'"'
    yield "commas", CSV, b"," * size
    yield "line ends", CSV, b"1" + b"\n" * size
    yield "carriage returns", CSV, b"1" + b"\r" * size
    yield "null bytes", CSV, b"\0" * size
    yield "one number", CSV, b" " + b"1" * size
    yield "wide characters", CSV, b"1\n" * (size // 2) + "\N{PILE OF POO}".encode()
    yield "booleans", NPY, npy(np.ones((size, 1), bool))
    yield "halves, by column", NPY, npy(np.ones((size // 6, 3), np.float16, order="F"))
    yield (
        "a header of any length",
        NPY,
        b"\x93NUMPY\2\0" + (size - 12).to_bytes(4, "little") + b"{" * (size - 12),
    )
    yield (
        "a shape of many",
        NPY,
        b"\x93NUMPY\2\0"
        + (1000).to_bytes(4, "little")
        + (b"{'descr':'<f8','fortran_order':False,'shape':(" + b"999999999999," * 65 + b")}").ljust(
            1000
        ),
    )


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def peak() -> int:
    """Bytes that were in memory at most since the last reset."""
    line = next(
        each for each in Path("/proc/self/status").read_text().split("\n") if "VmHWM" in each
    )
    return int(line.split()[1]) * 1024


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST, MOST))
    size = int(float(sys.argv[1]) * 1e6)
    decode(b"1\n", CSV)
    for name, content_type, body in bodies(size):
        sys.stdout.flush()
        if os.fork() == 0:  # with no memory that an earlier one left
            measure(name, content_type, body, size)
            sys.stdout.flush()
            os._exit(0)
        os.wait()


def measure(name: str, content_type: str, body: bytes, size: int) -> None:
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what there is now
    before, start = peak(), time.process_time()
    try:
        found = f"{decode(body, content_type).shape}"
    except RequestError as error:
        found = str(error)
    seconds = time.process_time() - start
    grown = (peak() - before) / size
    print(json.dumps([content_type, name, round(grown, 1), round(seconds, 3), found[:200]]))


if __name__ == "__main__":
    main()
