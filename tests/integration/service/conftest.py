"""A shell with a service, which ends with the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.service.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docker import DockerClient


@pytest.fixture
def shell(tmp_path: Path, docker_client: DockerClient) -> Iterator[Shell]:
    shell = Shell(tmp_path, docker_client)
    yield shell
    shell.run('"$PYTHON" -m harness down')
