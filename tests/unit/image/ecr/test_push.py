"""Which image is pushed for which instances; no Docker needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import docker
import pytest

from harness.config.settings import Endpoint, Settings
from harness.errors import ConfigError, EngineError
from harness.image.build import BuiltImage
from harness.image.ecr import push

if TYPE_CHECKING:
    from pathlib import Path

BUILT = BuiltImage("harness-gam:0123456789ab", "sha256:" + "1" * 64, 0.0, built=False)


def test_one_image_cannot_run_on_two_architectures(tmp_path: Path) -> None:
    endpoint = Endpoint(instance_type="ml.c7g.large")
    gone = docker.DockerClient(f"unix://{tmp_path}/none.sock", version="1.41")
    with pytest.raises(
        ConfigError, match=r"ml\.m5\.large takes amd64 images and .* ml\.c7g\.large arm64 ones"
    ):
        push._check_architecture(Settings(endpoint=endpoint), gone, BUILT)


def test_an_engine_that_is_gone(tmp_path: Path) -> None:
    gone = docker.DockerClient(f"unix://{tmp_path}/none.sock", version="1.41")
    with pytest.raises(EngineError, match="the Docker engine stopped answering over harness-gam"):
        push._check_architecture(Settings(), gone, BUILT)
