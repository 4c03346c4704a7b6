"""This machine's name, by which what was left here is told from what may live elsewhere."""

from __future__ import annotations

import os
import re
import socket

VARIABLE = "HARNESS_HOST"


def name() -> str:
    """The host name, or HARNESS_HOST where others with the same name share what we use.

    Two containers that have one host name and one Docker engine, say: neither can see the other's
    processes. Its characters are such that a tag of AWS, a label or a file name may have them.
    """
    return re.sub(r"[^\w.-]", "-", os.environ.get(VARIABLE) or socket.gethostname())
