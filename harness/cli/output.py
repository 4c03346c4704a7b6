"""What a command says: its result on stdout, as text or as JSON, and all else on stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

from harness.cli.live import LiveConsole
from harness.console import wants_colour

say = LiveConsole()
"""A line on stderr."""


def print_json(**members: Any) -> None:
    """The one JSON object of `--json`."""
    print(json.dumps(members), flush=True)


def colour() -> bool:
    """Whether stdout takes colours: it is a terminal, and nobody has asked for none."""
    return sys.stdout.isatty() and wants_colour()
