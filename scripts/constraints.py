"""Resolve constraints.txt anew: the newest versions that the harness and gam_model allow.

One version of each package for Python 3.11 to 3.13, name and number only. Run `make constraints`,
then the tests. What the service's image is made of, in docker/, follows.
"""

import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = """\
# What .venv is made of, for Python 3.11 to 3.13. Written by `make constraints`; don't edit.
"""
IMAGE = ROOT / "docker"
OF_IMAGE = """\
# What the service's image has: the harness's own requirements, and those of its extra "tuning".
# Written by `make constraints`; don't edit.
"""


def requirements() -> str:
    """Those of the service's image, as pyproject.toml has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["tuning"]]
    return OF_IMAGE + "".join(f"{each}\n" for each in sorted(needed))


def main() -> None:
    command = ["uv", "pip", "compile", "pyproject.toml", "gam_model/pyproject.toml"]
    command += ["--group", "dev", "--group", "page", "--all-extras", "--universal"]
    command += ["--python-version", "3.11"]
    command += ["--fork-strategy", "fewest", "--upgrade", "--quiet"]
    command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    resolved = subprocess.run(
        [str(ROOT / ".venv" / "bin" / command[0]), *command[1:]],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=600,
    ).stdout
    (ROOT / "constraints.txt").write_text(HEADER + resolved)
    write_image()


def write_image() -> None:
    (IMAGE / "requirements.txt").write_text(requirements())
    (IMAGE / "constraints.txt").write_text((ROOT / "constraints.txt").read_text())


if __name__ == "__main__":
    main()
