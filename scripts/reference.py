"""Write the pages of docs/reference/ that are made of the code: `make reference`."""

from pathlib import Path

from harness.config import reference

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"

if __name__ == "__main__":
    (FOLDER / "settings.md").write_text(reference.markdown(), encoding="utf-8")
