"""What the blocks of one page share, as its reader does: a shell, a folder, a Python."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK_SECONDS = 1200
"""A block's; the README's first one sets everything up."""

END_SECONDS = 60
"""For what a page's Python has started to be gone."""

PORT = re.compile(r"(?<!4599:)4599")
"""`harness up`'s, which the pages name; here each page has one of its own. A container's stays."""

_STATUS = re.compile(r"^(.*?)\s+# exit status (\d+)\b.*$")
_FILE = re.compile(r"# (\S+\.py)\n")
_TESTS = re.compile(r"^def test_", re.MULTILINE)
_NOT_OURS = ("AWS_", "HARNESS_", "PYTEST_", "TOX_", "VIRTUAL_ENV", "COV_")


class BlockError(AssertionError):
    """A block that doesn't do what the page says."""


class Page:
    """A reader who types what the page says, in an empty folder.

    What has to be done in the end, whatever happens, a page writes into the script `$AT_END`.
    """

    def __init__(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="harness-docs-"))
        self.folder = self.base / "work"
        self.folder.mkdir()
        (self.base / "home").mkdir()
        (self.base / "home" / ".curlrc").write_text("fail-with-body\n")  # a refusal is a failure
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = str(free.getsockname()[1])
        self.at_end = self.base / "at-end.sh"
        self.environ = self._environ()
        self._python: subprocess.Popen[str] | None = None

    def _environ(self) -> dict[str, str]:
        kept = {name: each for name, each in os.environ.items() if not name.startswith(_NOT_OURS)}
        home = Path("~").expanduser()
        # Wheels that are there, pip's index and CA; nothing else of whoever runs the tests.
        places = {
            "XDG_CACHE_HOME": str(home / ".cache"),
            "XDG_CONFIG_HOME": str(home / ".config"),
        }
        return {
            **places,
            **kept,
            "AT_END": str(self.at_end),
            "AWS_EC2_METADATA_DISABLED": "true",
            "HARNESS_LOCAL_PORT": self.port,
            "HOME": str(self.base / "home"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "ROOT": str(ROOT),
            "XDG_STATE_HOME": str(self.base / "state"),
        }

    def shell(self, script: str) -> str:
        """Run commands, which must succeed; returns what they print. What they export, and where
        they go, the next ones find.
        """
        after, said = self.base / "after", self.base / "said"
        script = f'set -eo pipefail\n{script}\n{{ pwd; env --null; }} > "{after}"\n'
        # To a file: a service that goes on in the background would keep a pipe open.
        with said.open("w") as file:
            ran = subprocess.run(
                ["bash", "-c", PORT.sub(self.port, script)], cwd=self.folder,
                env=self.environ, stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.STDOUT, timeout=BLOCK_SECONDS, check=False,
            )  # fmt: skip
        text = said.read_text(errors="replace")
        if ran.returncode:
            raise BlockError(f"exit status {ran.returncode}\n{text}")
        folder, _, variables = after.read_text().partition("\n")
        self.folder = Path(folder)
        self.environ = dict(line.split("=", 1) for line in variables.split("\0") if "=" in line)
        return text

    def session(self, text: str) -> None:
        """Type what stands after each `$`, and find what stands below it in what is printed."""
        typed, shown = split(text)
        said = self.shell("\n".join(map(expected, typed)))
        at = 0
        for line in shown:
            found = pattern(line).search(said, at)
            if found is None:
                raise BlockError(f"it doesn't print\n{line}\nbut\n{said}")
            at = found.end()

    def python(self, text: str, where: str, line: int) -> None:
        """Run a block: as tests, as a file that names itself in its first line, or as it is."""
        if _TESTS.search(text):
            (self.folder / "test_page.py").write_text(text)
            self.shell("pytest -q test_page.py")
        elif named := _FILE.match(text):
            (self.folder / named[1]).write_text(text)
            self.shell(f"python {named[1]}")
        else:
            self._ask(PORT.sub(self.port, text), where, line)

    def _ask(self, text: str, where: str, line: int) -> None:
        if self._python is None:
            self._python = subprocess.Popen(
                [sys.executable, "-m", "tests.docs.interpreter"], cwd=ROOT, env=self.environ,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
        asked = {
            "environ": self.environ, "folder": str(self.folder), "text": text,
            "where": where, "line": line,
        }  # fmt: skip
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        self._python.stdin.write(json.dumps(asked) + "\n")
        self._python.stdin.flush()
        if not select.select([self._python.stdout], [], [], BLOCK_SECONDS)[0]:
            raise BlockError(f"not within {BLOCK_SECONDS} s")
        answer = self._python.stdout.readline()
        if error := json.loads(answer or '{"error": "Python has ended"}')["error"]:
            raise BlockError(error)

    def close(self) -> None:
        """End what the page has left running, and remove its folder."""
        if self._python is not None:
            self._end(self._python)
        if self.at_end.exists():
            subprocess.run(
                ["bash", str(self.at_end)], cwd=self.base, env=self.environ, capture_output=True,
                timeout=BLOCK_SECONDS, check=False,
            )  # fmt: skip
        harness = [sys.executable, "-m", "harness"]
        for command in ("down", "clean"):
            subprocess.run(
                [*harness, command], cwd=self.base, env=self.environ, capture_output=True,
                timeout=BLOCK_SECONDS, check=False,
            )  # fmt: skip
        shutil.rmtree(self.base, ignore_errors=True)

    def _end(self, python: subprocess.Popen[str]) -> None:
        """Let it end by itself, with what it has started."""
        try:
            python.communicate(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            python.kill()
            python.communicate()


def expected(line: str) -> str:
    """A command that ends with the status that its comment names, or with success."""
    if found := _STATUS.match(line):
        return f"status=0; {found[1]} || status=$?; [ $status = {found[2]} ]"
    return line


def split(text: str) -> tuple[list[str], list[str]]:
    """What is typed in a session, and what is shown."""
    typed: list[str] = []
    shown: list[str] = []
    goes_on = False
    for line in text.splitlines():
        if goes_on or line.startswith("$ "):
            typed.append(line.removeprefix("$ "))
            goes_on = line.endswith("\\")
        elif line.strip(" …"):
            shown.append(line)
    return typed, shown


def pattern(line: str) -> re.Pattern[str]:
    """For a line that is shown: … stands for anything, and a number for any."""
    words = re.sub(r"\d+", "0", line).split()
    escaped = r"[ \t]+".join(re.escape(word) for word in words)
    return re.compile(escaped.replace("…", ".*").replace("0", r"\d+"))
