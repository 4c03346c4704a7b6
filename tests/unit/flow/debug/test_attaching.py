"""Runs that are debugged: what is refused, and what of the settings is other."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from harness.config.settings import Settings
from harness.errors import ConfigError
from harness.flow.debug import attaching
from harness.flow.debug.paths import Mapping, mappings
from harness.flow.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path

PORT = 43_210


def settings(**given: Any) -> Settings:
    return Settings(**given)


@pytest.mark.parametrize(
    ("given", "steps", "words"),
    [
        ({"target": "aws"}, {"train"}, "--target aws"),
        ({}, {"build"}, "takes no step train"),
        ({"training": {"network_isolation": True}}, {"train"}, "network_isolation"),
    ],
)
def test_what_can_not_be_debugged_is_refused(given: Any, steps: set[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refusal:
        attaching.require(settings(**given), Plan(frozenset(steps)), "train", PORT)
    assert "\n" not in str(refusal.value)


def test_a_port_that_is_taken_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"--debug-port {port}"):
            attaching.require(settings(), Plan(), "train", port)


def test_without_debugpy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "debugpy", None)
    with pytest.raises(ConfigError, match=r"debugpy, .*: pip install 'sagemaker-harness\[debug\]'"):
        attaching.require(settings(), Plan(), "serve", PORT)


def test_a_job_that_is_debugged_has_time() -> None:
    given = settings(training={"environment": {"A": "b"}, "spot": True, "max_wait_seconds": 900})
    training = attaching.debugged(given, "train", PORT).training
    assert training.environment == {"A": "b", "HARNESS_DEBUG": str(PORT)}
    assert training.limit_seconds == training.max_runtime_seconds == 8 * 3600
    assert given.training.environment == {"A": "b"}


def test_an_endpoint_that_is_debugged_has_time() -> None:
    endpoint = attaching.debugged(settings(), "serve", PORT).endpoint
    assert endpoint.environment["HARNESS_DEBUG"] == str(PORT)
    assert endpoint.environment["SAGEMAKER_MODEL_SERVER_TIMEOUT"] == "3600"
    assert endpoint.startup_timeout_seconds == 3600


def test_where_programs_stand(tmp_path: Path) -> None:
    for name in ("container/code/model.py", "container/requirements.txt", "src/train.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "container" / "Dockerfile").write_text(
        "FROM a\nCOPY requirements.txt /x/\nCOPY code /opt/code\n"
    )
    built = settings(root=tmp_path, training={"entry_point": "train.py"})
    assert mappings(built) == [
        Mapping("src", "/opt/ml/code"), Mapping("container/code", "/opt/code"),
    ]  # fmt: skip
    assert mappings(settings(root=tmp_path, image={"uri": "a"})) == [Mapping("", "/opt/ml/code")]
