"""Take the pictures of docs/images/: the page, the terminal, the report; light, dark, wide, narrow.

    .venv/bin/tox -e page --notest && .venv/bin/harness build
    .tox/page/bin/python scripts/screenshots.py
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import struct
import sys
import tempfile
import termios
from pathlib import Path
from typing import TYPE_CHECKING

import docker
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from harness.local.aws import LocalAWS  # noqa: E402
from tests.page.stage import Stage  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FOLDER = ROOT / "docs" / "images"
MOST_BYTES = 1_500_000
"""Of all pictures."""

SCHEMES = ("light", "dark")
SIZES = {1280: (800, 100), 390: (760, 46)}
"""Of each width: a picture's height, and the columns of a terminal in it."""

DETAIL = "/_harness/page/sagemaker"
PAGES = {
    "page": "/",
    "job": f"{DETAIL}/TrainingJob/house-prices-2026-11-26",
    "endpoint": f"{DETAIL}/Endpoint/house-prices",
}

DARK = TerminalTheme(
    (22, 27, 34), (230, 237, 243),
    [(72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34),
     (88, 166, 255), (188, 140, 255), (57, 197, 207), (177, 186, 196)],
)  # fmt: skip

TERMINAL = """\
<!doctype html><meta charset="utf-8"><title>harness run</title>
<style>body {{ margin: 0; padding: 20px; background: {background}; color: {foreground} }}
pre {{ margin: 0; font: {size}px/1.45 "DejaVu Sans Mono", monospace }}</style>
<pre><code>{code}</code></pre>
"""


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        said = {width: run(folder / str(width), SIZES[width][1]) for width in SIZES}
        own = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=own, args=["--no-sandbox"])
        for scheme in SCHEMES:
            for width, text in said.items():
                page = folder / f"terminal-{width}-{scheme}.html"
                page.write_text(as_html(text, width, scheme), encoding="utf-8")
                take(browser, "terminal", page.as_uri(), scheme, width, whole=True)
                report = (folder / str(width) / "report.html").as_uri()
                take(browser, "report", report, scheme, width)
        with LocalAWS() as server:
            stage = Stage(server, docker.from_env())
            stage.all()
            for page_name, path in PAGES.items():
                for scheme in SCHEMES:
                    for width in SIZES:
                        take(browser, page_name, f"{stage.url}{path}", scheme, width)
        browser.close()
    taken = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{len(list(FOLDER.iterdir()))} pictures in {FOLDER.relative_to(ROOT)}, {taken:,} bytes")
    if taken > MOST_BYTES:
        sys.exit(f"that is more than {MOST_BYTES:,}")


def take(
    browser: Browser, name: str, url: str, scheme: str, width: int, *, whole: bool = False
) -> None:
    """A picture of what is at the URL: its beginning, or the whole of it."""
    height = SIZES[width][0]
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 100 if whole else height},
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(url)
    page.screenshot(path=FOLDER / f"{name}-{scheme}-{width}.png", full_page=whole)
    context.close()


def run(output: Path, columns: int) -> str:
    """What `harness run` shows on a terminal of that width, once it has ended."""
    command = [sys.executable, "-m", "harness", "run", "--output", str(output)]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        os.environ.pop("NO_COLOR", None)
        os.environ.update(TERM="xterm-256color", COLUMNS=str(columns), PYTHONPATH=str(ROOT))
        os.execv(command[0], command)  # noqa: S606
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    said = b""
    try:
        while read := os.read(terminal, 65_536):
            said += read
    except OSError:  # Linux's way of saying that the other side is closed
        pass
    os.close(terminal)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        sys.exit(f"harness run has failed:\n{said.decode()}")
    text = said.decode().replace(str(output), "build/runs/harness-20261126-093000-3f9a1c")
    return f"$ harness run\n{screen(text)}"


def screen(said: str) -> str:
    """What stands on a terminal after all that was written: lines, with their colours.

    Knows what harness writes: colours, the cursor up, back to the line's start, a line erased.
    """
    lines: list[list[tuple[str, str]]] = [[]]
    row = column = 0
    colours = ""
    for part in re.findall(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b.|[\s\S]", said):
        if part.endswith("m") and part.startswith("\x1b["):
            colours = "" if part in ("\x1b[0m", "\x1b[m") else colours + part
        elif up := re.fullmatch(r"\x1b\[(\d*)A", part):
            row = max(0, row - int(up[1] or 1))
        elif erased := re.fullmatch(r"\x1b\[([012]?)([KJ])", part):
            lines[row] = [] if erased[1] == "2" else lines[row][:column]
            if erased[2] == "J":
                del lines[row + 1 :]
        elif part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            while row >= len(lines):
                lines.append([])
        elif not part.startswith("\x1b"):
            line = lines[row]
            line += [(" ", "")] * (column + 1 - len(line))
            line[column] = (part, colours)
            column += 1
    shown = (
        "".join(f"{colours}{letter}\x1b[0m" if colours else letter for letter, colours in line)
        for line in lines
    )
    return "\n".join(shown).rstrip()


def as_html(text: str, width: int, scheme: str) -> str:
    theme = DARK if scheme == "dark" else DEFAULT_TERMINAL_THEME
    with Path(os.devnull).open("w") as nowhere:
        console = Console(file=nowhere, record=True, width=200, force_terminal=True)
        console.print(Text.from_ansi(text), soft_wrap=True)
    size = 15 if width > 1000 else 12
    template = TERMINAL.replace("{size}", str(size))
    return console.export_html(theme=theme, code_format=template, inline_styles=True)


if __name__ == "__main__":
    main()
