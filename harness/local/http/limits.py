"""What one client may take of a local AWS: time, connections, memory."""

from __future__ import annotations

import contextlib
import resource
from dataclasses import dataclass

PIECE = 256 * 1024
"""Bytes that are handed on at once, and that a body must at least move in `Limits.stall`."""

MAX_URI = 16 * 1024
"""Bytes of a request's target; a presigned URL with a session token has some 4 KB."""

MAX_HEAD = 64 * 1024
"""Bytes of a request's head."""

MAX_HEADERS = 256

MAX_PIPELINED = 32
"""Requests that a connection may have sent before the first of them is answered."""

SPOOLED = 1 << 20
"""Bytes of a body that are there before a thread is taken for it. Of most that is all."""

MAX_HELD = 512 << 20
"""Bytes of bodies, of all clients together, that are in memory before they are answered."""

MAX_DROPPED = 256 << 20
"""Bytes of a body that nobody wants any more which are read, so that its client, which may still
be sending, comes to read its answer. Past that it sees the connection closed."""

_FILES = 8192


@dataclass(frozen=True)
class Limits:
    """Seconds that a client is waited for."""

    head: float = 20.0
    """From the first byte of a request until its head is there."""

    stall: float = 60.0
    """In which a body must have moved by `PIECE`, in either direction, or be there."""

    idle: float = 60.0
    """Until a connection without a request is closed."""

    linger: float = 2.0
    """Until a connection is closed whose client hasn't been listened to any more: it shall have
    read why."""

    close: float = 5.0
    """For the requests that are being answered when the server stops."""


def allow_files() -> int:
    """Let this process have many files open, if it may; returns how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _FILES
    if soft < _FILES:
        most = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
        with contextlib.suppress(ValueError, OSError):  # macOS has a further limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return min(soft, _FILES)
