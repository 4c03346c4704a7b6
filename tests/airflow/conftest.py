"""A local AWS started as a user does, and Airflow told of it by the environment alone.

Airflow and the harness want other versions of the same packages: the harness is a command here
(`HARNESS`, or the one on the PATH).
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import ExitStack

import pytest

from tests.command import harness

_service = ExitStack()


def pytest_configure() -> None:
    """Start the service, and set what Airflow reads when it is imported."""
    patch = _service.enter_context(pytest.MonkeyPatch.context())
    for name in [name for name in os.environ if name.startswith(("AWS_", "AIRFLOW_"))]:
        patch.delenv(name)
    folder = _service.enter_context(tempfile.TemporaryDirectory())
    # Not the service that the user has started, if there is one.
    patch.setenv("XDG_STATE_HOME", folder)
    patch.setenv("AIRFLOW_HOME", folder)
    patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")  # which has nothing of its own
    harness("up", "--detach", "--port", "0")
    _service.callback(harness, "down")
    for name, value in json.loads(harness("env", "--json")).items():
        if value is not None:
            patch.setenv(name, value)


def pytest_unconfigure() -> None:
    _service.close()
