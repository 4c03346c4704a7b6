"""What the tutorial says is changed by hand in the files of the template, in the project's folder.

Each line that the page shows has to be in the file afterwards, or the page says something else.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.page import ROOT

PAGE = ROOT / "docs" / "tutorial" / "your-own-model.md"
MODEL = Path("container/code/model.py")
SETTINGS = Path("harness.toml")


def main() -> None:
    shown = block("python", "TARGET")
    _, target, fit, argument = (part.strip("\n") for part in shown.split("…\n"))
    text = MODEL.read_text()
    for wanted in ("LogisticRegression", "make_pipeline", "StandardScaler"):
        text = replaced(rf"^from sklearn\S* import {wanted}\n", "", text)
    text = replaced(r"^(import numpy as np\n)", rf"\1{shown.splitlines()[0]}\n", text)
    text = replaced(r"^TARGET = .*$", target, text)
    text = replaced(r"^    classifier = .*\n", "", text)
    text = replaced(r"^    model = make_pipeline.*$", fit, text)
    text = replaced(r'^    parser.add_argument\("-C".*\n', "", text)
    text = replaced(r'^    parser.add_argument\("--max-iter".*$', argument, text)
    MODEL.write_text(text)
    assert all(line in text for line in shown.splitlines() if line != "…")

    settings = SETTINGS.read_text()
    settings = replaced(r"^C = .*\nmax-iter = .*$", "n-estimators = 100", settings)
    settings = replaced(r'^target = "kind"$', 'target = "species"', settings)
    settings = replaced(r"^# A batch transform job.*\n\[transform\]\n(?:.+\n)+", "", settings)
    SETTINGS.write_text(settings)
    for each in (block("toml", "n-estimators"), block("toml", "species")):
        assert all(line in settings for line in each.splitlines())
    Path("data/unlabelled.csv").unlink()
    # "Put these in their place": the page's own tests are written by its next block.
    Path("tests/test_container.py").unlink()


def block(language: str, has: str) -> str:
    """The first block of the page that has this."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return next(str(each) for each in blocks if has in each)


def replaced(pattern: str, by: str, text: str) -> str:
    """The text with what matches replaced, of which there has to be one."""
    new, count = re.subn(pattern, by, text, flags=re.MULTILINE)
    assert count == 1, pattern
    return new


if __name__ == "__main__":
    main()
