"""A whole run on a local AWS that goes wrong on demand, as the project file asks for."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.forked import Forked, starter
from tests.integration.support import finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUICK = Path(__file__).parents[1] / "quick"

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

THROTTLED = ("CreateTrainingJob", "DescribeTrainingJob", "CreateEndpoint", "DescribeEndpoint")


def rule(**keys: object) -> str:
    return "\n".join(["", "[[faults]]", *(f"{key} = {value!r}" for key, value in keys.items())])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Forked]]:
    with starter({**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}, tmp_path) as start:
        yield start


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """The quick project, with these faults."""

    def project(*rules: str) -> Path:
        folder = tmp_path / "quick"
        shutil.copytree(QUICK, folder)
        with (folder / "harness.toml").open("a") as file:
            file.write("\n".join(rules))
        return folder

    return project


@pytest.mark.slow
def test_a_run_survives_throttling_errors_and_resets(
    project: Callable[..., Path], start: Callable[..., Forked]
) -> None:
    folder = project(
        *(rule(operation=each, error="Throttling", count=1) for each in THROTTLED),
        rule(service="s3", operation="PutObject", error="Throttling", count=1),
        rule(operation="CreateModel", status=503, count=1),
        rule(operation="InvokeEndpoint", error="Throttling", count=1),
        rule(operation="CreateEndpointConfig", latency=1, count=1),
        rule(operation="GetLogEvents", reset=True, count=1).replace("True", "true"),
    )
    status, report, log = finish(start("run", "--json", cwd=folder))
    assert status == 0, log
    assert report["passed"]
    assert "faults: 9 on demand" in log
    for injected in (
        *(f"injected: sagemaker:{each}" for each in THROTTLED),
        "injected: s3:PutObject",
        "injected: sagemaker-runtime:InvokeEndpoint",
    ):
        assert injected in log


@pytest.mark.slow
def test_a_run_without_capacity_fails_in_aws_words(
    project: Callable[..., Path], start: Callable[..., Forked]
) -> None:
    folder = project(rule(event="InsufficientInstanceCapacity", operation="CreateTrainingJob"))
    status, report, log = finish(start("run", "--json", cwd=folder))
    assert status == 1, log
    assert "CapacityError: Unable to provision requested ML compute capacity" in report["error"]
    assert "(injected)" in report["error"]
