"""Calls to AWS as the preflight makes them: how long each may take, at the same time as others."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.exceptions import ClientError

T = TypeVar("T")

# Of each call. A throttled or lost one is tried again, at most for about ten seconds.
CONFIG = Config(
    connect_timeout=5,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 5},
    max_pool_connections=32,
)

DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
"""What the services call it if the caller may not make a call."""


def code_of(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def words_of(error: ClientError) -> str:
    return str(error).rstrip(".")


def start(call: Callable[[], T]) -> Future[T]:
    """Run `call` in a thread that no exit of the process waits for."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  # raised in the thread that waits for it
            future.set_exception(error)

    threading.Thread(target=run, name="harness-preflight", daemon=True).start()
    return future


class Once(Generic[T]):
    """A call that several threads want the result of, made by the first."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._results: list[T] = []

    def result(self) -> T:
        with self._lock:
            if not self._results:
                self._results.append(self._call())
            return self._results[0]
