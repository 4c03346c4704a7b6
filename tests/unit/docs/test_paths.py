"""What the pages say is where they say it, and their diagrams are whole."""

import re
from pathlib import Path

import pytest

from tests.unit.test_layers import LAYERS

ROOT = Path(__file__).parents[3]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
IN_BACKTICKS = re.compile(r"`([^`\n]+)`")
OURS = re.compile(r"(?:harness|container|tests|docs|gam_model|benchmarks|scripts)/[\w./-]*")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


def name_of(page):
    return str(page.relative_to(ROOT))


def paths(text):
    """Each path of ours that a page has in backticks, by itself or in a command."""
    for quoted in IN_BACKTICKS.findall(FENCED.sub("", text)):
        yield from (word for word in quoted.split() if OURS.fullmatch(word))


def test_paths_are_found_in_text_and_commands_but_not_in_listings():
    text = (
        "see `harness/flow/`, `pytest tests/unit -q`\n```\n`docs/none`\n```\n`harness-*` `docs/*`"
    )
    assert list(paths(text)) == ["harness/flow/", "tests/unit"]


# A tutorial's paths are those of the project that its reader makes.
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.parent.name != "tutorial"], ids=name_of
)
def test_each_path_is_there(page):
    text = page.read_text(encoding="utf-8")
    assert [path for path in paths(text) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_blocks_are_closed_and_diagrams_are_not_empty(page):
    text = page.read_text(encoding="utf-8")
    assert len(re.findall(r"^```", text, re.MULTILINE)) % 2 == 0
    diagrams = re.findall(r"^```mermaid\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert len(diagrams) == text.count("```mermaid")
    assert all(len(each.splitlines()) > 1 for each in diagrams)


def test_each_page_of_the_architecture_is_in_its_index():
    folder = ROOT / "docs" / "architecture"
    index = (folder / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in folder.glob("*.md")} - {"README.md"}
    assert pages == {link for link in LINK.findall(index) if "/" not in link}
    assert all("```mermaid" in (folder / page).read_text(encoding="utf-8") for page in pages)


def wings():
    """Each folder of ours that has a place in the order of imports, from the ground up."""
    names = [name.replace(".", "/") for line in LAYERS.split("\n") for name in line.split()]
    return [name for name in names if name != "local" and (ROOT / "harness" / name).is_dir()]


def test_contributing_has_each_wing_in_the_order_of_imports():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `harness/([\w/]+)/`", text, re.MULTILINE) == wings()


def test_the_overview_has_each_wing_in_the_order_of_imports():
    text = (ROOT / "docs/architecture/00-overview.md").read_text(encoding="utf-8")
    (order,) = re.findall(r"^```text\nground <(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    shown = [name.strip().replace(".", "/") for name in re.split(r"[<,]", order)]
    known = {*wings(), "local/aws/py", "session", "plugin"}
    assert set(shown) <= known
    assert [name for name in shown if name in wings()] == [
        name for name in wings() if name not in ("config", "limits")
    ]
