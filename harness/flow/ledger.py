"""What runs have created and not removed yet, on disk: what a killed run leaves can be found again.

A ledger is one run's: a file of JSON lines, held by a lock for as long as the run's process lives.
A resource is entered, and that is on disk, before it is created; it is struck out once it is gone.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from filelock import FileLock, Timeout

from harness.paths import state_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Entry(NamedTuple):
    """A resource: its kind, as `harness.flow.teardown.REMOVE` has it, and its name."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Ledger:
    """What one run has created: in memory, and in a file unless its resources end with it."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.about: dict[str, str] = {}
        """Where the resources are: "run", "target", "region", "account", "url"."""
        self._path: Path | None = None
        self._lock: FileLock | None = None

    @classmethod
    def create(cls, about: dict[str, str]) -> Self:
        """A ledger with a file, for the run named in `about`."""
        path = folder() / f"{about['run']}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        made = cls()
        made.about = about
        made._hold(path)
        made._write(about)
        # The file's name has to outlast a crash as well.
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return made

    @classmethod
    def _read(cls, path: Path) -> Self:
        """A ledger that is there. Raises `Timeout` if its run lives."""
        found = cls()
        found._hold(path)
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:  # somebody else has cleaned up meanwhile
            found.close()
            raise
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:  # its process was killed as it wrote it, and has created nothing
                continue
            if "kind" not in record:
                found.about = record
                continue
            entry = Entry(record["kind"], record["name"])
            if record.get("gone"):
                found.entries.remove(entry)
            else:
                found.entries.append(entry)
        return found

    def _hold(self, path: Path) -> None:
        lock = FileLock(path.with_suffix(".lock"), thread_local=False)
        lock.acquire(timeout=0)
        self._path, self._lock = path, lock

    def add(self, entry: Entry) -> None:
        """Enter a resource that is about to be created."""
        self.entries.append(entry)
        self._write(entry._asdict())

    def remove(self, entry: Entry) -> None:
        """Strike out a resource that is gone."""
        self.entries.remove(entry)
        self._write({**entry._asdict(), "gone": True})

    def forget(self) -> None:
        """Strike out all: the resources are to stay."""
        for entry in list(self.entries):
            self.remove(entry)

    def close(self) -> None:
        """Let go of it; its file stays where something is left to be removed."""
        if self._path is None or self._lock is None:
            return
        if not self.entries:
            self._path.unlink(missing_ok=True)
            self._path.with_suffix(".lock").unlink(missing_ok=True)
        self._lock.release()
        self._lock = None

    def _write(self, record: dict[str, Any]) -> None:
        if self._path is None:
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def folder() -> Path:
    """Where the ledgers of this user are."""
    return state_folder() / "ledger"


def abandoned() -> Iterator[Ledger]:
    """The ledgers of runs that have ended without removing everything; each is held meanwhile."""
    for path in sorted(folder().glob("*.jsonl")):
        try:
            found = Ledger._read(path)
        except (Timeout, FileNotFoundError):
            continue
        with found:
            yield found


def living() -> set[str]:
    """The names of the runs that live."""
    alive = set()
    for path in folder().glob("*.jsonl"):
        lock = FileLock(path.with_suffix(".lock"), thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            alive.add(path.stem)
        else:
            lock.release()
    return alive
