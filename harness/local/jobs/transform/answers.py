"""What a container answers, read within bounds, and the data log that tells of it."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.local.data.opt_ml import CHUNK

if TYPE_CHECKING:
    from collections.abc import Generator

    import urllib3

    from harness.local.core.logs import LogStream

MAX_MESSAGE = 4096
"""Bytes of an error's body that are looked at."""


def write(data_log: LogStream, text: str) -> None:
    """A line of the data log, in AWS's form."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    data_log.write(f"{now}:[sagemaker logs]: {text}")


def read(response: urllib3.BaseHTTPResponse, deadline: float) -> Generator[bytes, None, None]:
    """The answer's body. Raises `TimeoutError` if that takes longer than to the deadline."""
    try:
        while chunk := response.read1(CHUNK):
            yield chunk
            if time.monotonic() > deadline:
                raise TimeoutError
        response.release_conn()
    finally:
        response.close()


def beginning(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """As much of the answer's body as an error's message needs."""
    body = bytearray()
    with contextlib.closing(read(response, deadline)) as chunks:
        for chunk in chunks:
            body += chunk
            if len(body) > MAX_MESSAGE:
                break
    return bytes(body[:MAX_MESSAGE])
