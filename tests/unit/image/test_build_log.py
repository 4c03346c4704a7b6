"""What is read from the engine's words while it builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.errors import BuildError
from harness.image.build_log import BuildLog

if TYPE_CHECKING:
    from collections.abc import Callable


def log_of(*texts: str, progress: Callable[[str], None] = lambda line: None) -> BuildLog:
    log = BuildLog(progress)
    for text in texts:
        log.read({"stream": text})
    return log


def test_the_stages_of_a_build_are_found_in_its_log() -> None:
    log = log_of(
        "Step 1/5 : ARG BASE_IMAGE",
        "\n",
        "Step 2/5 : FROM ${BASE_IMAGE} AS builder",
        "\n",
        " ---> aaaaaaaaaaaa\n",
        "Step 3/5 : RUN make",
        "\n",
        " ---> Running in bbbbbbbbbbbb\n",
        "made\n",
        " ---> cccccccccccc\n",
        "Step 4/5 : FROM ${BASE_IMAGE}",
        "\n",
        " ---> aaaaaaaaaaaa\n",
        "Step 5/5 : COPY --from=builder /x /x",
        "\n",
        " ---> dddddddddddd\n",
    )
    log.read({"aux": {"ID": "sha256:dddd"}})
    assert log.stages == ["cccccccccccc"]
    assert log.image == "sha256:dddd"


def test_only_steps_that_do_something_are_shown() -> None:
    shown: list[str] = []
    log_of(
        "Step 1/3 : RUN a",
        "\n",
        " ---> Using cache\n",
        " ---> aaaaaaaaaaaa\n",
        "Step 2/3 : RUN b   \\     c",
        "\n",
        " ---> Running in bbbbbbbbbbbb\n",
        "output\n",
        "Step 3/3 : COPY d d",
        "\n",
        " ---> cccccccccccc\n",
        progress=shown.append,
    )
    assert shown == ["Step 2/3 : RUN b \\ c", "Step 3/3 : COPY d d"]


def test_a_failed_step_is_one_sentence() -> None:
    log = log_of("Step 2/3 : RUN make", "\n", " ---> Running in bbbb\n", "no rule\n", "stopped\n")
    with pytest.raises(BuildError) as caught:
        log.read({"error": "The command '/bin/sh -c make' returned a non-zero code: 2"})
    assert str(caught.value) == (
        "the image's build failed at Step 2/3 : RUN make: it returned a non-zero code: 2. "
        "It said: no rule / stopped"
    )


@pytest.mark.parametrize(
    ("said", "offline", "told"),
    [
        ("ERROR: No matching distribution found for flask", True, "The build has no network"),
        ("ERROR: No matching distribution found for flask", False, ""),
        ("W: Temporary failure resolving 'deb.debian.org'", True, "The build has no network"),
        ("/bin/sh: 1: pip: not found", True, "The build has no network"),
        ("/bin/sh: 1: pip: not found", False, "The base has no pip"),
        ("no compiler here", True, ""),
    ],
)
def test_a_command_that_misses_network_or_pip_is_told_where_wheels_are(
    said: str, offline: bool, told: str
) -> None:
    log = BuildLog(lambda line: None, offline=offline)
    log.read({"stream": "Step 2/3 : RUN x"})
    log.read({"stream": f"{said}\n"})
    with pytest.raises(BuildError) as caught:
        log.read({"error": "The command '/bin/sh -c x' returned a non-zero code: 1"})
    assert str(caught.value).endswith("." if told else said)
    assert told in str(caught.value)
    assert ("--find-links wheelhouse" in str(caught.value)) is bool(told)
