"""The head of a response, and the framing of its body."""

from __future__ import annotations

import email.utils
import functools
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.local.protocol.messages import Response

_BODILESS = (204, 304)

_LENGTH = len("content-length")


class Framing:
    """How a response goes over the wire to who asked by `method`, in HTTP `version`."""

    __slots__ = ("chunked", "has_body", "head", "keep")

    def __init__(self, response: Response, method: str, version: str, *, keep: bool) -> None:
        """`keep`: whether the connection may be kept open after it.

        Raises:
            ValueError: a header has a line break.
        """
        status, length, head = response.status, None, ""
        for name, value in response.headers.items():
            if len(name) == _LENGTH and name.lower() == "content-length":
                length = value
            else:
                head += f"{name}: {value}\r\n"
        if head.count("\n") != len(response.headers) - (length is not None):
            raise ValueError(f"A header of a response has a line break: {head!r}")
        self.has_body = method != "HEAD" and status not in _BODILESS
        self.chunked = False
        if isinstance(response.body, bytes):
            if self.has_body or length is None:
                length = str(len(response.body))
        elif self.has_body and length is None:
            self.chunked = version == "1.1"
            keep = keep and self.chunked  # or else its end is the connection's
        if self.chunked:
            head += "Transfer-Encoding: chunked\r\n"
        elif length is not None and status not in _BODILESS:
            head += f"Content-Length: {length}\r\n"
        if not keep:
            head += "Connection: close\r\n"
        elif version == "1.0":
            head += "Connection: keep-alive\r\n"
        self.keep = keep
        self.head = (
            f"HTTP/1.1 {status} {response.reason}\r\n{head}Date: {_date(int(time.time()))}\r\n\r\n"
        ).encode("latin-1", "replace")

    def framed(self, piece: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece

    @property
    def end(self) -> bytes:
        return b"0\r\n\r\n" if self.chunked else b""


@functools.lru_cache(maxsize=2)
def _date(second: int) -> str:
    return email.utils.formatdate(second, usegmt=True)
