"""Locks between the processes of one user on this machine: a build, a push."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import filelock

from harness.paths import cache_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.errors import HarnessError

WAIT_SECONDS = 3600


@contextmanager
def held(
    what: str, error: type[HarnessError], *, progress: Callable[[str], None]
) -> Iterator[None]:
    """Hold the lock of this name; waits for whoever holds it, and says so.

    Raises:
        HarnessError: `error`, if it isn't free within `WAIT_SECONDS`.
    """
    lock = _lock(what)
    try:
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            progress(f"waiting for another {what} to end")
            lock.acquire(timeout=WAIT_SECONDS)
    except filelock.Timeout:
        raise error(
            f"another {what} has held {lock.lock_file} for {WAIT_SECONDS} s; end it, or wait."
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def held_if_free(what: str) -> Iterator[bool]:
    """Hold the lock of this name, unless somebody else does; gives whether it is held."""
    lock = _lock(what)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _lock(what: str) -> filelock.FileLock:
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(folder / f"{what}.lock")
