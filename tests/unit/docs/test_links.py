"""Links of the Markdown pages lead to files, folders and headings that are there."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from markdown_it.token import Token

ROOT = Path(__file__).parents[3]
# What templates have is for projects, whose files are elsewhere.
PAGES = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()
    if not name.startswith("harness/templates/")
]  # fmt: skip
HTML = re.compile(r"""<(?:a|img)\b[^>]*\b(?:href|src)=["']([^"']+)["']""")
NAMED = re.compile(r"""<[^>]*\b(?:id|name)=["']([^"']+)["']""")
OPEN_REFERENCE = re.compile(r"\]\[[^\]]*\]")


def tokens(text: str) -> Iterator[Token]:
    """All of a page, those within paragraphs, too; what code shows is in none of them."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        yield token
        yield from token.children or ()


def links(text: str) -> Iterator[str]:
    """Where a page's links and pictures lead, also those of references and of HTML."""
    for token in tokens(text):
        target = token.attrs.get("href", token.attrs.get("src"))
        if target is not None:
            yield str(target)
        if token.type in ("html_inline", "html_block"):
            yield from HTML.findall(token.content)


def anchors(text: str) -> set[str]:
    """What GitHub calls a page's headings; of those with the same words it counts the others."""
    found: set[str] = set()
    previous = ""
    for token in tokens(text):
        if previous == "heading_open":
            words = _words(token.children or ())
            name = re.sub(r"[^\w\- ]", "", words.lower()).strip().replace(" ", "-")
            again = (f"{name}-{number}" for number in range(1, len(found) + 2))
            found.add(name if name not in found else next(n for n in again if n not in found))
        if token.type in ("html_inline", "html_block"):
            found.update(NAMED.findall(token.content))
        previous = token.type
    return found


def _words(children: Iterable[Token]) -> str:
    return "".join(each.content for each in children if each.type in ("text", "code_inline"))


@cache
def anchors_of(path: Path) -> set[str]:
    return anchors(path.read_text(encoding="utf-8"))


def broken(page: Path, text: str) -> list[str]:
    """The links of a page that lead nowhere; of other sites' only the form can be told."""
    wrong = [each for each in links(text) if not _leads_somewhere(page, each)]
    # A reference that nothing defines is no link but text.
    shown = (each.content for each in tokens(text) if each.type == "text")
    return wrong + [found for each in shown for found in OPEN_REFERENCE.findall(each)]


def _leads_somewhere(page: Path, link: str) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return parts.scheme in ("https", "mailto") and " " not in link
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    inside = target.is_relative_to(ROOT) and target.exists()
    return inside and (not parts.fragment or _has(target, parts.fragment))


def _has(target: Path, fragment: str) -> bool:
    return target.suffix == ".md" and fragment in anchors_of(target)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_somewhere(page: Path) -> None:
    assert broken(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "[a](none.md)", "[a](README.md#none)", "[a](#none)", "[`a`](none.md)", "![a](none.png)",
        "[a][b]\n\n[b]: none.md", "[a][b]", '<a href="none.md">a</a>', "[a](http://example.org)",
        "[a](../elsewhere.md)", "| a |\n|---|\n| [b](none.md) |", "[a](LICENSE#apache)",
    ],
)  # fmt: skip
def test_one_that_leads_nowhere_is_found(text: str) -> None:
    assert len(broken(ROOT / "README.md", text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "[a](docs)", "[a](docs/README.md)", "[a](#b-c)\n\n# B: `c`", "# A\n# A\n[a](#a-1)",
        "```\n[a](none.md)\n```", "`[a](none.md)`", "[a](https://example.org)",
    ],
)  # fmt: skip
def test_one_that_leads_somewhere_is_not(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ROOT / "README.md"
    monkeypatch.setitem(globals(), "anchors_of", lambda _: anchors(text))
    assert broken(page, text) == []
