"""What was meant by a name that there isn't."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def closest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str:
    """The one of the names that is most like it; "" if none is, by `cutoff` of difflib's 0 to 1."""
    return next(iter(difflib.get_close_matches(name, list(names), 1, cutoff)), "")


def meant(name: str, names: Iterable[str]) -> str:
    """The same in brackets, to stand behind the name: " (did you mean NAME?)"."""
    close = closest(name, names)
    return f" (did you mean {close}?)" if close else ""
