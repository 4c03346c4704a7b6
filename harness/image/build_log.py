"""What the engine says while it builds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.console import plain
from harness.errors import BuildError
from harness.image.debian import last_lines

if TYPE_CHECKING:
    from collections.abc import Callable


class CacheChangedError(BuildError):
    """An image was removed while the engine looked through the layers it has: it is asked again."""


class BuildLog:
    """Follows the classic builder's output, where ` ---> ID` closes each step."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        self.image: str | None = None
        self.stages: list[str] = []
        self._progress = progress
        self._step = ""
        self._said: list[str] = []
        self._shown = False
        self._layer: str | None = None

    def read(self, entry: dict[str, Any]) -> None:
        if "error" in entry:
            said = (
                f" It said: {last_lines(chr(10).join(map(plain, self._said)))}"
                if self._said
                else ""
            )
            at = f" at {self._step}" if self._step else ""
            # The step says already which command it was.
            reason = re.sub(r"^The command '.*' (?=returned)", "it ", entry["error"].strip())
            kind = CacheChangedError if reason.startswith("unable to find image") else BuildError
            raise kind(f"the image's build failed{at}: {reason}.{said}")
        if "aux" in entry:
            self.image = entry["aux"].get("ID", self.image)
        text = entry.get("stream", "").rstrip()
        if text.startswith("Step "):
            if re.match(r"Step \S+ : FROM\s", text, re.IGNORECASE) and self._layer:
                self.stages.append(self._layer)
            self._step, self._said, self._shown = " ".join(text.split()), [], False
        elif text == " ---> Using cache":
            self._shown = True  # what takes no time needs no line
        elif text:
            if not self._shown:
                self._progress(self._step)
                self._shown = True
            if layer := re.fullmatch(r" ---> ([0-9a-f]{12,64})", text):
                self._layer = layer[1]
            elif not text.startswith((" ---> ", "Removing intermediate container ")):
                self._said.append(text)
