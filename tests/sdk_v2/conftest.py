"""A local AWS started as a user does, and the environment that `harness env` prints for it.

The SageMaker SDK's v2 can't share an environment with the harness, which has v3: the harness is a
command here (`HARNESS`, or the one on the PATH).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagemaker.session import Session

COMMAND_SECONDS = 60
BUILD_SECONDS = 900


def harness(*arguments: str, timeout: float = COMMAND_SECONDS) -> str:
    """What the command prints; its progress goes to stderr."""
    command = [os.environ.get("HARNESS", "harness"), *arguments]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=timeout)
    return result.stdout


@pytest.fixture(scope="session")
def image() -> str:
    """The project's image, built unless it is there."""
    return build()


@pytest.fixture(scope="session")
def functions_image() -> str:
    """The image that functions run in, of functions/, built unless it is there."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("a function needs the Python that it was pickled in, and its image has 3.11")
    return build("--config", str(Path(__file__).with_name("functions") / "harness.toml"))


def build(*options: str) -> str:
    """The name of the image of a project."""
    built = harness("build", "--json", *options, timeout=BUILD_SECONDS)
    return str(json.loads(built.splitlines()[-1])["image"])


@pytest.fixture(scope="session", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """All that makes these tests run on this machine: what `harness env` prints."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        # Not the service that the user has started, if there is one.
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        harness("up", "--detach", "--port", "0")
        try:
            variables: dict[str, str | None] = json.loads(harness("env", "--json"))
            for name, value in variables.items():
                if value is None:
                    patch.delenv(name, raising=False)
                else:
                    patch.setenv(name, value)
            yield {name: value for name, value in variables.items() if value is not None}
        finally:
            harness("down")


@pytest.fixture
def session() -> Session:
    """What a notebook on AWS has."""
    import sagemaker

    return sagemaker.Session()


@pytest.fixture
def prefix() -> str:
    """Of the keys of one test."""
    return f"sdk-v2/{uuid.uuid4().hex[:8]}"
