"""A build that can't begin, and what it makes of a Dockerfile; no Docker needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import docker
import pytest

from harness.config import loading
from harness.errors import EngineError
from harness.image import build

if TYPE_CHECKING:
    from pathlib import Path


def test_every_stage_gets_our_label() -> None:
    dockerfile = "ARG BASE\nFROM ${BASE} AS a\nRUN x\n\nfrom a\n  FROM b AS c\n# FROM d\n"
    assert build._FROM.sub(lambda line: line[0] + "|", dockerfile) == (
        "ARG BASE\nFROM ${BASE} AS a|\nRUN x\n\nfrom a|\n  FROM b AS c|\n# FROM d\n"
    )


def test_an_engine_that_is_gone(project: Path, tmp_path: Path) -> None:
    client = docker.DockerClient(f"unix://{tmp_path}/none.sock", version="1.41")
    with pytest.raises(EngineError, match="the Docker engine stopped answering"):
        build.build(loading.load(project / "harness.toml", {}), client, progress=print)
