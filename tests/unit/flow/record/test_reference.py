"""docs/reference/report.md and its schema say what report.json is."""

from pathlib import Path

from harness.flow.record import reference

FOLDER = Path(__file__).parents[4] / "docs" / "reference"


def test_the_page_and_the_schema_are_of_this_document():
    assert (FOLDER / "report.md").read_text() == reference.markdown(), "run `make reference`"
    assert (FOLDER / "report.schema.json").read_text() == reference.schema(), "run `make reference`"
