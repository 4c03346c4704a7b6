"""Arguments: those that every command takes, the settings that follow from them, and types."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.config.settings import Settings


def add_common(parser: argparse.ArgumentParser) -> None:
    """What every command takes."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object as the last line of stdout"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="instead of harness.toml")
    parser.add_argument("--target", choices=("local", "aws"), help="instead of the file's target")
    add_loudness(parser)


def add_loudness(parser: argparse.ArgumentParser) -> None:
    """How much is said on stderr; before the command and after it alike."""
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument(
        "-q", "--quiet", action="store_true", default=argparse.SUPPRESS,
        help="say nothing on the way: results and errors only",
    )  # fmt: skip
    loudness.add_argument(
        "-v", "--verbose", action="store_true", default=argparse.SUPPRESS,
        help="say everything: each call to the local AWS, and containers' lines unfiltered",
    )  # fmt: skip


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings of harness.toml and the environment, over which go those of the arguments.

    Raises:
        ConfigError: one of them is wrong.
    """
    from harness.config import loading

    environ = dict(os.environ)
    if arguments.target:
        environ["HARNESS_TARGET"] = arguments.target
    if getattr(arguments, "registry", None):  # of `up`
        environ["HARNESS_LOCAL_REGISTRY"] = arguments.registry
    return loading.load(arguments.config, environ)


def add_kind(parser: argparse.ArgumentParser) -> None:
    """For names that a job and an endpoint have both."""
    parser.add_argument(
        "--kind",
        choices=("training", "processing", "transform", "tuning", "endpoint"),
        default="",
        help="where a job and an endpoint have this name; by default what runs, or is newest",
    )


def number(text: str) -> int:
    """How many of something."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"{text} is no number: 0, 1, 2, …")
    return int(text)


def account(text: str) -> str:
    """The number of an AWS account."""
    if not (text.isascii() and text.isdigit() and len(text) == 12):
        raise argparse.ArgumentTypeError(f"{text} is no account: 12 digits")
    return text


def port(text: str) -> int:
    """A port to listen on; 0 is any that is free."""
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text} is no port: 0 to 65535")
    return int(text)


def debug_port(text: str) -> int:
    """A port that a container may be reached at."""
    found = port(text)
    if found < 1024:
        raise argparse.ArgumentTypeError(f"{text} is no port for a debugger: 1024 to 65535")
    return found


def seconds(text: str) -> float:
    """A time to wait for something."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no time: seconds, more than 0")
    return found


def registry(text: str) -> str:
    """The address of a container registry."""
    host, _, number = text.rpartition(":")
    if not host or "/" in host:
        raise argparse.ArgumentTypeError(f"{text} is no HOST:PORT")
    return f"{host}:{port(number)}"
