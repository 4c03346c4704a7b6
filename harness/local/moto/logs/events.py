"""The events of all log streams, on disk, and the list of those of one stream."""

from __future__ import annotations

import contextlib
import functools
import itertools
import sqlite3
import threading
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

CACHE_KB = 8192

_READ = 500
"""Events that are read at once, for as long as no other thread can."""

INT64 = (1 << 63) - 1


Place = tuple[int, int]
"""Where an event stands in its stream: its time, and its number among those of this time."""


class Event(NamedTuple):
    """One event, with the names of moto's own."""

    timestamp: int
    event_id: int
    ingestion_time: int
    message: str

    @property
    def place(self) -> Place:
        return self.timestamp, self.event_id

    def to_filter_dict(self) -> dict[str, Any]:
        return {**self.to_response_dict(), "eventId": str(self.event_id)}

    def to_response_dict(self) -> dict[str, Any]:
        return {
            "timestamp": self.timestamp,
            "message": self.message,
            "ingestionTime": self.ingestion_time,
        }


class _Database:
    """All events of the process, by stream and time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Each call holds the lock; no name makes it SQLite's own temporary file.
        self._connection = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._connection.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute(
            "CREATE TABLE events (stream INTEGER, timestamp INTEGER, id INTEGER, "
            "ingested INTEGER, message TEXT, PRIMARY KEY (stream, timestamp, id)) WITHOUT ROWID"
        )
        self._ids = itertools.count(1)
        self._streams = itertools.count(1)
        self._dropped: list[int] = []

    def new_stream(self) -> int:
        return next(self._streams)

    def add(self, stream: int, events: Iterable[Any]) -> int:
        """Keep moto's events, which get ids of ours; returns how many they are."""
        with self._lock:
            self._forget_dropped()
            rows = []
            for event in events:
                event.event_id = next(self._ids)
                # Half a surrogate pair, which JSON has and UTF-8 doesn't.
                message = event.message.encode(errors="replace").decode()
                rows.append(
                    (stream, event.timestamp, event.event_id, event.ingestion_time, message)
                )
            self._connection.execute("BEGIN")
            try:
                self._connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", rows)
            finally:
                self._connection.execute("COMMIT")
            return len(rows)

    def drop(self, stream: int) -> None:
        """Forget the events of a stream, when the next ones come."""
        # Called by the garbage collector, perhaps of a thread that holds the lock.
        self._dropped.append(stream)

    def _forget_dropped(self) -> None:
        while self._dropped:
            self._connection.execute("DELETE FROM events WHERE stream = ?", (self._dropped.pop(),))

    def first(
        self,
        stream: int,
        after: Place,
        before: Place,
        most: int,
        *,
        backwards: bool = False,
    ) -> list[Event]:
        """The first events between these places, or the last, from the end to the beginning."""
        order = "DESC" if backwards else "ASC"
        with self._lock:
            rows = self._connection.execute(
                "SELECT timestamp, id, ingested, message FROM events WHERE stream = ? "  # noqa: S608
                "AND (timestamp, id) > (?, ?) AND (timestamp, id) < (?, ?) "
                f"ORDER BY timestamp {order}, id {order} LIMIT ?",
                (stream, *map(_clamped, after), *map(_clamped, before), most),
            ).fetchall()
        return [Event(*row) for row in rows]

    def save(self, file: str) -> None:
        """Copy all into a database that is a file."""
        with self._lock, contextlib.closing(sqlite3.connect(file)) as copy:
            self._connection.backup(copy)

    @contextlib.contextmanager
    def attached(self, file: str) -> Iterator[None]:
        """Let `restore` find the events that were saved in this file."""
        self._connection.execute("ATTACH ? AS saved", (file,))
        try:
            yield
            (most,) = self._connection.execute("SELECT max(id) FROM events").fetchone()
            self._ids = itertools.count((most or 0) + 1)
        finally:
            self._connection.execute("DETACH saved")

    def restore(self, stream: int, saved: int) -> None:
        """Keep the events of a stream that were saved."""
        with self._lock:
            self._connection.execute(
                "INSERT INTO events SELECT ?, timestamp, id, ingested, message "
                "FROM saved.events WHERE stream = ?",
                (stream, saved),
            )

    def span(self, stream: int) -> tuple[int, int] | None:
        """The earliest and the latest timestamp of a stream."""
        ends = (self.first(stream, START, END, 1, backwards=end) for end in (False, True))
        first, last = ends
        return (first[0].timestamp, last[0].timestamp) if first else None


START = (-INT64, -INT64)
END = (INT64, INT64)


def _clamped(number: int) -> int:
    return max(-INT64, min(INT64, int(number)))


@functools.cache
def database() -> _Database:
    return _Database()


class Events:
    """What stands where a stream of moto's has its list of events."""

    def __init__(self) -> None:
        self._database = database()
        self._stream = self._database.new_stream()
        self._count = 0
        weakref.finalize(self, self._database.drop, self._stream).atexit = False

    def saved(self) -> tuple[int, int]:
        """By what `restored` finds them in a copy of the database."""
        return self._stream, self._count

    @classmethod
    def restored(cls, stream: int, count: int) -> Events:
        """The events of a stream of the database that is `saved_in` a file."""
        made = cls()
        made._database.restore(made._stream, stream)
        made._count = count
        return made

    def __iadd__(self, events: Iterable[Any]) -> Self:
        self._count += self._database.add(self._stream, events)
        return self

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Event]:
        return self.between(START, END)

    def between(self, after: Place, before: Place, *, backwards: bool = False) -> Iterator[Event]:
        """The events between two places, in their order or from the last to the first."""
        while True:
            found = self._database.first(self._stream, after, before, _READ, backwards=backwards)
            yield from found
            if len(found) < _READ:
                return
            if backwards:
                before = found[-1].place
            else:
                after = found[-1].place

    def span(self) -> tuple[int, int] | None:
        """The earliest and the latest timestamp; None if there is no event."""
        return self._database.span(self._stream)


def save(file: Path) -> None:
    """Copy the events of all streams into a file."""
    database().save(str(file))


@contextlib.contextmanager
def saved_in(file: Path) -> Iterator[None]:
    """Let `Events.restored` find those that were saved in this file, if it is there."""
    with database().attached(str(file)) if file.exists() else contextlib.nullcontext():
        yield
