"""docs/reference/settings.md says what the settings are."""

from pathlib import Path

from harness.config import reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


def test_the_page_is_of_these_settings():
    assert PAGE.read_text() == reference.markdown(), "run `make reference`"


def test_every_key_has_its_meaning():
    rows = [line for line in reference.markdown().splitlines() if line.startswith("| `")]
    assert len(rows) > 80
    assert not [row for row in rows if row.endswith("|  |")]
