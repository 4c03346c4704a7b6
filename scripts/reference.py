"""Write the pages of docs/reference/ that are made of the code: `make reference`."""

from pathlib import Path

from harness.config import reference
from harness.flow.record import reference as report

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"

if __name__ == "__main__":
    (FOLDER / "settings.md").write_text(reference.markdown(), encoding="utf-8")
    (FOLDER / "report.md").write_text(report.markdown(), encoding="utf-8")
    (FOLDER / "report.schema.json").write_text(report.schema(), encoding="utf-8")
