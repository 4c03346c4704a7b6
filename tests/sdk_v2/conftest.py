"""A local AWS started as a user does, and the environment that `harness env` prints for it.

The SageMaker SDK's v2 can't share an environment with the harness, which has v3: the harness is a
command here (`HARNESS`, or the one on the PATH).
"""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.command import build, build_functions, harness

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagemaker.session import Session


@pytest.fixture(scope="session")
def image() -> str:
    """The project's image, built unless it is there."""
    return build()


@pytest.fixture(scope="session")
def functions_image() -> str:
    """The image that functions run in, of functions/, built unless it is there."""
    return build_functions(Path(__file__).with_name("functions"))


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
