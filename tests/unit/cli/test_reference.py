"""docs/reference/cli.md."""

from pathlib import Path

from harness.cli import reference
from harness.cli.main import COMMANDS, EXIT_STATUSES, shown_name
from harness.errors import HarnessError

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"


def test_the_page_is_what_the_commands_say():
    assert PAGE.read_text(encoding="utf-8") == reference.markdown(), "run `make reference`"


def test_it_has_every_command():
    page = reference.markdown()

    assert all(f"\n## harness {shown_name(name)}\n" in page for name in COMMANDS)
    assert "`-n NUMBER`, `--number NUMBER`" in page


def test_it_has_every_status_that_an_error_leaves_with():
    known = {number for numbers in EXIT_STATUSES for number in numbers}
    assert {each.exit_code for each in HarnessError.__subclasses__()} | {1} < known
    assert "\n| 129, 130, 143 | ended by SIGHUP" in reference.markdown()
    assert "`harness logs JOB \\| head` |" in reference.markdown()
