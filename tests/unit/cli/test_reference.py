"""docs/reference/cli.md."""

from pathlib import Path

from harness.cli import reference
from harness.cli.main import COMMANDS, shown_name

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"


def test_the_page_is_what_the_commands_say():
    assert PAGE.read_text(encoding="utf-8") == reference.markdown(), "run `make reference`"


def test_it_has_every_command():
    page = reference.markdown()

    assert all(f"\n## harness {shown_name(name)}\n" in page for name in COMMANDS)
    assert "`-n NUMBER`, `--number NUMBER`" in page
