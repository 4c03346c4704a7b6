"""The head of a response, and the framing of its body."""

from __future__ import annotations

import email.utils
import functools
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.local.protocol.messages import Response

_BODILESS = (204, 304)


class Framing:
    """How a response goes over the wire to who asked by `method`, in HTTP `version`."""

    def __init__(self, response: Response, method: str, version: str, *, keep: bool) -> None:
        headers = {name: value for name, value in response.headers.items() if value is not None}
        known = any(name.lower() == "content-length" for name in headers)
        self.has_body = method != "HEAD" and response.status not in _BODILESS
        self.chunked = False
        if isinstance(response.body, bytes):
            if response.status not in _BODILESS and not (known and method == "HEAD"):
                headers = {n: v for n, v in headers.items() if n.lower() != "content-length"}
                headers["Content-Length"] = str(len(response.body))
        elif self.has_body and not known:
            self.chunked = version == "1.1"
            if self.chunked:
                headers["Transfer-Encoding"] = "chunked"
            else:
                keep = False  # its end is the connection's
        if not keep:
            headers["Connection"] = "close"
        elif version == "1.0":
            headers["Connection"] = "keep-alive"
        self.keep = keep
        lines = [f"HTTP/1.1 {response.status} {response.reason}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Date: {_date(int(time.time()))}", "\r\n"]
        text = "\r\n".join(lines)
        if text.count("\n") != len(lines) or text.count("\r") != len(lines):
            raise ValueError(f"A header of a response has a line break: {headers}")
        self.head = text.encode("latin-1", "replace")

    def framed(self, piece: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece

    @property
    def end(self) -> bytes:
        return b"0\r\n\r\n" if self.chunked else b""


@functools.lru_cache(maxsize=2)
def _date(second: int) -> str:
    return email.utils.formatdate(second, usegmt=True)
