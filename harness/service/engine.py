"""What the service wants of the Docker engine: that it is there, and rid of what others left.

Without one, all but jobs and endpoints works: so neither is an error here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable


def prepare_engine(progress: Callable[[str], None]) -> None:
    """Find or set up the Docker engine; says so if there is none."""
    from harness.image import docker_engine

    try:
        docker_engine.ensure(progress)
    except EngineError as error:
        progress(f"harness: jobs and endpoints will fail until there is an engine: {error}")


def remove_leftovers(progress: Callable[[str], None]) -> list[str]:
    """Remove the containers that killed processes left; says so if there is no engine to ask."""
    from harness.image import docker_engine
    from harness.local.engine import sessions

    try:
        removed = sessions.clean(docker_engine.connect())
    except EngineError as error:
        progress(f"harness: {error}")
        return []
    for name in removed:
        progress(f"removed {name}, which a killed process left")
    return removed
