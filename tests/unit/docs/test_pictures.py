"""The pictures of docs/pictures/: each is small, shown somewhere, and there for light and dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "pictures"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MOST_BYTES = 1_500_000
"""Of all of them."""

PICTURE = re.compile(
    r"<picture>\s*"
    r'<source media="\(prefers-color-scheme: dark\)" srcset="(?P<dark>[^"]+)">\s*'
    r'<img alt="(?P<alt>[^"]+)" src="(?P<light>[^"]+)">\s*'
    r"</picture>"
)


def shown(page: Path) -> list[Path]:
    """The pictures that a page shows, both of each."""
    found = PICTURE.finditer(page.read_text(encoding="utf-8"))
    return [page.parent / each[scheme] for each in found for scheme in ("light", "dark")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_shows_pictures_that_are_there_with_a_text_and_for_both_schemes(page: Path) -> None:
    found = shown(page)
    assert [path for path in found if not path.is_file()] == []
    assert 2 * page.read_text(encoding="utf-8").count("<img ") == len(found)
    names = [path.name for path in found]
    assert names[1::2] == [name.replace("-light.", "-dark.") for name in names[::2]]


def test_each_picture_is_shown_somewhere_and_all_are_small() -> None:
    pictures = set(FOLDER.iterdir())
    assert pictures == {path.resolve() for page in PAGES for path in shown(page)}
    assert sum(path.stat().st_size for path in pictures) < MOST_BYTES


def test_a_picture_asks_for_nothing_from_elsewhere() -> None:
    for picture in FOLDER.glob("*.svg"):
        urls = re.findall(r"https?://[^\s\"')]+", picture.read_text(encoding="utf-8"))
        assert {*urls} <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}
