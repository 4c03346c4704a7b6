"""A local AWS with things in it, and headless Chromium that looks at its page."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import docker
import pytest
from playwright.sync_api import sync_playwright

from harness.local.aws import LocalAWS
from tests.page.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

WIDTHS = (390, 1280)
SCHEMES = ("light", "dark")


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    with LocalAWS() as server:
        stage = Stage(server, docker.from_env())
        stage.all()
        yield stage


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's Chromium, or else the one that `playwright install chromium` has brought."""
    with sync_playwright() as playwright:
        own = shutil.which("chromium") or shutil.which("chromium-browser")
        # As root, which CI often is, Chromium has no sandbox; all that it opens is ours.
        yield playwright.chromium.launch(executable_path=own, args=["--no-sandbox"])


@pytest.fixture
def page(browser: Browser, stage: Stage) -> Iterator[Page]:
    """A tab of which every error, and every request to elsewhere, fails its test."""
    context = browser.new_context(base_url=stage.url, viewport={"width": 1280, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(15_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    ours = (f"{stage.url}/", "data:")
    page.on("request", lambda each: None if each.url.startswith(ours) else wrong.append(each.url))
    yield page
    context.close()
    assert not wrong
