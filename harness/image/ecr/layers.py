"""How far a push is, layer by layer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_PROGRESS_SECONDS = 10  # between two lines about a layer that is being sent


class Layers:
    """A line for each layer that has been sent, and now and then one for those that are."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        self._progress = progress
        self._sent: dict[str, tuple[int, int]] = {}
        self._next_line = time.monotonic() + _PROGRESS_SECONDS

    def read(self, entry: dict[str, Any]) -> None:
        layer, status = entry.get("id", ""), entry.get("status", "")
        if status == "Pushing":
            detail = entry.get("progressDetail") or {}
            current = int(detail.get("current", 0))
            # The engine doesn't know the size of some, and sends more than it thought of others.
            self._sent[layer] = current, max(current, int(detail.get("total", 0)))
            if time.monotonic() >= self._next_line:
                sent, total = (sum(column) for column in zip(*self._sent.values(), strict=True))
                self._progress(f"  {_size(sent)} of {_size(total)} sent")
                self._next_line = time.monotonic() + _PROGRESS_SECONDS
        elif status == "Pushed":
            _, total = self._sent.get(layer, (0, 0))
            self._progress(f"  layer {layer} pushed" + (f", {_size(total)}" if total else ""))


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
