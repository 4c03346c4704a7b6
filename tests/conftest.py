"""What every test run needs."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling

# Before 3.11.8, CPython's `ast` mixes up threads where the garbage collector runs in the middle of
# it ("AST constructor recursion depth mismatch", python/cpython issue 106905). pytest, werkzeug's
# routes and every traceback that is printed use it, here from many threads: let it run rarely, as
# the command line does.
gc.set_threshold(100_000, 50, 50)

# Every start removes what killed processes of this machine have left. To pytest-xdist's workers,
# each other's are those of another machine, or one would remove what another's test is to find.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    from harness import machine

    os.environ[machine.VARIABLE] = f"{machine.name()}-{worker}"

MOST_WORKERS = 8  # there is one Docker engine for them all

# Tests that run for seconds are spread one by one, unless their file's fixtures cost more.
SPREAD = "tests/integration/"
TOGETHER = {
    "tests/integration/clients/test_moto_conformance.py",
    "tests/integration/image/test_push.py",
    "tests/integration/test_torture.py",
}

FLOW = "tests/integration/flow/"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `pytest -n auto` means: two more than there are cores, since some always wait."""
    return min(MOST_WORKERS, (os.cpu_count() or 1) + 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what is spread last, which leaves no worker without work, and of that the longest first.

    The other way round, unit tests would find what integration tests have left in moto's memory.
    """
    items.sort(key=lambda item: (item.nodeid.startswith(SPREAD), not item.nodeid.startswith(FLOW)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """How `pytest -n` spreads tests over workers, where `--dist` doesn't say it."""
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # as `pytest_collection_modifyitems` has them

    class ByFile(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return nodeid if file.startswith(SPREAD) and file not in TOGETHER else file

    return ByFile(config, log)
