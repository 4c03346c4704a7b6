"""A benchmark as a command: its options, what it starts from, and how it tells its result."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config import loading
from harness.image import build, docker_engine

if TYPE_CHECKING:
    from docker import DockerClient

    from harness.config.settings import Settings

ROOT = Path(__file__).parents[2]


def argument_parser(about: str | None, rounds: int | None = 5) -> argparse.ArgumentParser:
    """`--json`, and `--rounds` where there are any; `about` is the benchmark's docstring."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument(
        "--json", action="store_true", help="one JSON object on stdout, the table on stderr"
    )
    if rounds is not None:
        parser.add_argument("--rounds", type=int, default=rounds)
    return parser


def say(text: str) -> None:
    print(text, file=sys.stderr)


def load_settings() -> Settings:
    return loading.load(ROOT / "harness.toml")


def prepare() -> tuple[DockerClient, str]:
    """The engine, and the name of the image as it is now."""
    client = docker_engine.ensure(say)
    return client, build.build(load_settings(), client, progress=say).name


def tell(result: dict[str, Any], table: str, *, as_json: bool) -> None:
    print(table, file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps(result))


def skip(reason: Exception, *, as_json: bool) -> int:
    """Say why nothing is measured; the exit status."""
    say(f"skipped: {reason}")
    if as_json:
        print(json.dumps({"skipped": str(reason)}))
    return 0
