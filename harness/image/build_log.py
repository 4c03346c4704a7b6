"""What the engine says while it builds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.console import plain
from harness.errors import BuildError
from harness.image.debian import last_lines

if TYPE_CHECKING:
    from collections.abc import Callable


_NEEDS_NETWORK = re.compile(
    "No matching distribution found|name resolution|Temporary failure resolving|"
    "Could not resolve host|Network is unreachable"
)
"""What pip, apt-get, curl and others say where there is no network."""

_NO_PIP = re.compile(r"pip3?: (command )?not found|No module named pip")

_INSTALL = (
    "`COPY wheelhouse/ wheelhouse/`, `RUN python3 -m venv --without-pip /opt/venv` and `RUN "
    "/opt/venv/bin/python $(echo wheelhouse/pip-*.whl)/pip install --no-index --find-links "
    "wheelhouse -r requirements.txt` install them, as the Dockerfile of `harness init --template "
    "flask` does"
)


class CacheChangedError(BuildError):
    """An image was removed while the engine looked through the layers it has: it is asked again."""


class BuildLog:
    """Follows the classic builder's output, where ` ---> ID` closes each step.

    `offline`: its commands have no network, for there is a wheelhouse.
    """

    def __init__(self, progress: Callable[[str], None], *, offline: bool = False) -> None:
        self._offline = offline
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
            raise kind(f"the image's build failed{at}: {reason}.{said}{self._to_do()}")
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

    def _to_do(self) -> str:
        """What to do where a command has missed the network, or pip; else nothing."""
        said = "\n".join(self._said)
        no_pip = _NO_PIP.search(said)
        if self._offline and (no_pip or _NEEDS_NETWORK.search(said)):
            return (
                ". The build has no network: wheelhouse/ has the wheels of the image's "
                f'requirements, and pip\'s. {_INSTALL}; or set image.network = "default".'
            )
        if no_pip:
            return (
                ". The base has no pip: name packages in requirements.txt in the context, and "
                f"wheelhouse/ has their wheels, and pip's. {_INSTALL}."
            )
        return ""
