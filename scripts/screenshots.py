"""Take the pictures of docs/pictures/: the page, the report and the terminal, light and dark.

In tox's environment page, with a Docker engine, Chromium and the project's image (`harness build`):

    .tox/page/bin/python scripts/screenshots.py
"""

from __future__ import annotations

import fcntl
import io
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
from PIL import Image
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from harness.local.aws import LocalAWS  # noqa: E402
from tests.page.stage import Stage  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

FOLDER = ROOT / "docs" / "pictures"

SCHEMES = ("light", "dark")
WIDTH, HEIGHT = 1280, 800
"""Of the browser's window, in CSS pixels."""

PIXELS = 1.4
"""Of a picture, for each of these."""

COLOURS = 128
"""Of a picture. The page has few, but for the edges of letters."""

COLUMNS = 108
"""Of the terminal."""

PAGE = "/_harness/page/sagemaker"
JOB = f"{PAGE}/TrainingJob/house-prices-2026-11-26"
ENDPOINT = f"{PAGE}/Endpoint/house-prices"
EXECUTION = f"{PAGE}/PipelineExecution/house-prices%2F"

# Background, text, then black, red, green, yellow, blue, magenta, cyan, white.
THEMES = {
    "light": TerminalTheme((255, 255, 255), (27, 32, 39), [
        (27, 32, 39), (164, 33, 26), (16, 97, 58), (125, 79, 0),
        (21, 88, 192), (116, 58, 166), (0, 104, 117), (91, 101, 114),
    ]),
    "dark": TerminalTheme((18, 21, 26), (228, 231, 235), [
        (91, 101, 114), (255, 163, 156), (119, 216, 162), (245, 198, 117),
        (138, 184, 255), (210, 168, 255), (120, 214, 226), (228, 231, 235),
    ]),
}  # fmt: skip


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        terminal(run(Path(name)))
        own = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=own, args=["--no-sandbox"])
        for scheme in SCHEMES:
            for page in opened(browser, scheme):
                page.goto((Path(name) / "report.html").as_uri())
                keep(page, f"report-{scheme}")
        with LocalAWS() as server:
            stage = Stage(server, docker.from_env())
            stage.usual()
            stage.train("house-prices-deeper", epochs="2000", pause="0.5", depth="9")
            for scheme in SCHEMES:
                for page in opened(browser, scheme):
                    take(page, stage, scheme)
        browser.close()
    sizes = {path.name: path.stat().st_size for path in sorted(FOLDER.iterdir())}
    print("\n".join(f"{size:9,}  {name}" for name, size in sizes.items()))
    print(f"{sum(sizes.values()):9,}  bytes in all")


def opened(browser: Browser, scheme: str) -> Iterator[Page]:
    """A tab, in that scheme."""
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light", device_scale_factor=PIXELS,
        viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce",
    )  # fmt: skip
    yield context.new_page()
    context.close()


def take(page: Page, stage: Stage, scheme: str) -> None:
    """The pictures of the local AWS's page."""
    page.goto(f"{stage.url}/")
    keep(page, f"overview-{scheme}")
    page.goto(f"{stage.url}{JOB}")
    page.evaluate("document.querySelector('#timeline').scrollIntoView()")
    keep(page, f"job-{scheme}")
    page.goto(f"{stage.url}{ENDPOINT}")
    page.get_by_label("Accept").fill("application/json")
    page.get_by_label("Request").fill("1, 2\n3, 4.5\n10, 20")
    for _ in range(2):  # the first one opens a connection
        page.get_by_role("button", name="Invoke").click()
        page.locator("#answer").get_by_role("cell").first.wait_for()
    page.evaluate("document.querySelector('#invoke').scrollIntoView()")
    keep(page, f"endpoint-{scheme}")
    page.goto(f"{stage.url}{EXECUTION}{stage.executions['succeeds']}")
    page.evaluate("document.querySelector('#steps').scrollIntoView()")
    keep(page, f"pipeline-{scheme}")


def keep(page: Page, name: str) -> None:
    """A picture of the window, with so few colours that it is small."""
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    few = image.quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(FOLDER / f"{name}.png", optimize=True)


def run(output: Path) -> str:
    """What `harness run` shows on a terminal, once it has ended; its files are in `output`."""
    command = [sys.executable, "-m", "harness", "run", "--output", str(output)]
    child, device = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        os.environ.pop("NO_COLOR", None)
        os.environ.update(TERM="xterm-256color", COLUMNS=str(COLUMNS), PYTHONPATH=str(ROOT))
        os.execv(command[0], command)  # noqa: S606
    fcntl.ioctl(device, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    said = b""
    try:
        while read := os.read(device, 65_536):
            said += read
    except OSError:  # Linux's way of saying that the other side is closed
        pass
    os.close(device)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        sys.exit(f"harness run has failed:\n{said.decode()}")
    text = said.decode()
    name = re.search(r"harness-\d{8}-\d{6}-[0-9a-f]+", text)
    folder = f"build/runs/{name[0]}" if name else ""  # where it is without --output
    return f"$ harness run\n{screen(text.replace(str(output), folder))}"


def screen(said: str) -> str:
    """What stands on a terminal after all that was written: lines, with their colours.

    It knows what harness writes: colours, the cursor up, back to a line's start, a line erased.
    """
    lines: list[list[tuple[str, str]]] = [[]]
    row = column = 0
    colours = ""
    for part in re.findall(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b.|[\s\S]", said):
        if part.startswith("\x1b[") and part.endswith("m"):
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
            lines += [[] for _ in range(row + 1 - len(lines))]
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


def terminal(said: str) -> None:
    """Pictures of a terminal that says this, which ask for no font from elsewhere."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(file=nowhere, record=True, width=COLUMNS, force_terminal=True)
        console.print(Text.from_ansi(said))
    for scheme, theme in THEMES.items():
        picture = console.export_svg(
            title="harness run", theme=theme, clear=False, unique_id="terminal"
        )  # fmt: skip
        picture = re.sub(r"\s*@font-face \{.*?\}", "", picture, flags=re.DOTALL)
        (FOLDER / f"terminal-{scheme}.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
