"""This machine and its processes, by which what was left here is told from what lives elsewhere."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

VARIABLE = "HARNESS_HOST"


def name() -> str:
    """The host name, or HARNESS_HOST where others with the same name share what we use.

    Two containers that have one host name and one Docker engine, say: neither can see the other's
    processes. Its characters are such that a tag of AWS, a label or a file name may have them.
    """
    return re.sub(r"[^\w.-]", "-", os.environ.get(VARIABLE) or socket.gethostname())


def boot() -> str:
    """What no other running kernel has: containers share it, virtual machines don't. May be empty.

    ("/proc/sys/kernel/random" in Linux's documentation.)
    """
    return _read(Path("/proc/sys/kernel/random/boot_id"))


def process() -> str:
    """This process's number, with the namespace that this counts in, for `has_ended`."""
    return f"{_namespace()} {os.getpid()}"


def has_ended(process: str) -> bool:
    """Whether a process of this boot has certainly ended: we see its namespace, and it isn't there.

    One that has ended may be taken for another one that has its number now.
    """
    namespace, _, number = process.partition(" ")
    if not namespace or namespace != _namespace() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:  # somebody else's
        return False
    return False


def _namespace() -> str:
    """The namespace of this process's number: "pid:[4026531836]"; empty where there are none."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
