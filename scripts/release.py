"""Check that a tag can be released: it is the version, and the changelog has an entry for it.

    python scripts/release.py v1.2.3

Prints the entry. Needs nothing but Python.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class ReleaseError(Exception):
    """Why it can't be released."""


def entry(tag: str, root: Path = ROOT) -> str:
    """What the changelog says of the version that the tag is of.

    Raises:
        ReleaseError: the tag is another version's, or the changelog has nothing of it, or no date.
    """
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    if tag != f"v{version}":
        raise ReleaseError(
            f"the tag is {tag}, and the version in pyproject.toml is {version}: tag v{version}, or "
            "change the version first"
        )
    text = (root / "CHANGELOG.md").read_text()
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$"
    if not (found := re.search(rf"{heading}(?P<entry>.*?)(?=^## |\Z)", text, re.M | re.S)):
        raise ReleaseError(
            f"CHANGELOG.md has no entry `## [{version}] - YYYY-MM-DD`: rename [Unreleased]"
        )
    if not (said := found["entry"].strip()):
        raise ReleaseError(f"CHANGELOG.md says nothing of {version}: write what it brings")
    return said


def main() -> int:
    if len(sys.argv) != 2:
        sys.exit("usage: python scripts/release.py TAG")
    try:
        print(entry(sys.argv[1]))
    except ReleaseError as error:
        sys.exit(f"release: {error}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
