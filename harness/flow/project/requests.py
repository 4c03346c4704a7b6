"""What a project's endpoint is asked: bodies, and the truth that its answers are measured by."""

from __future__ import annotations

import csv
import mimetypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import FlowError
from harness.flow.payloads import TYPES, bodies, plain, table_of
from harness.flow.project import sources

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from harness.config.settings import Requests, Settings
    from harness.flow.payloads import Array


@dataclass(frozen=True)
class Body:
    """One request. `rows` is how many answers are due, where that is known."""

    content: bytes
    content_type: str
    rows: int | None = None


@dataclass(frozen=True)
class RequestSet:
    """The requests of one name. `truth` of shape (n,) belongs to the answers, in their order."""

    name: str
    bodies: list[Body]
    accept: str
    truth: Array | None = None

    @property
    def key(self) -> str:
        return f"requests.{self.name}" if self.name else "requests"


def check(settings: Settings) -> None:
    """Raises `ConfigError` for sources that aren't there, before anything is made."""
    for name, requests in settings.requests.items():
        sources.check(settings.root, requests.source, _key(name))


def read(settings: Settings) -> list[RequestSet]:
    """All sets of the settings.

    Raises:
        FlowError: a source can't be read, or made into requests.
    """
    return [_read(settings.root, name, each) for name, each in settings.requests.items()]


def _key(name: str) -> str:
    return f"requests.{name}.source" if name else "requests.source"


def _read(root: Path, name: str, requests: Requests) -> RequestSet:
    key, source = _key(name), requests.source
    kind = plain(requests.content_type)
    accept = requests.accept or (requests.content_type if kind in TYPES else "*/*")
    if sources.is_uri(source):
        raise FlowError(f"{key} = {source!r}: requests are read from files here; copy it first.")
    if sources.is_function(source):
        made = sources.call(sources.function(root, source, key), f"{key} = {source!r}")
        return _made(name, key, made, requests, accept)
    path = root / source
    if path.suffix.lower() == ".csv" and (requests.target is not None or kind in TYPES):
        rows, truth = _columns(path, requests, key)
        return RequestSet(name, _bodies(rows, requests), accept, truth)
    with sources.files(root, source, key) as found:
        whole = [
            Body(file.read_bytes(), _guessed(file, requests.content_type))
            for file in found.values()
        ]
    return RequestSet(name, whole, accept)


def _guessed(file: Path, content_type: str) -> str:
    """The set's content type; for one of rows, what the file's name says, if it says something."""
    if plain(content_type) not in TYPES:
        return content_type
    return mimetypes.guess_type(file.name)[0] or content_type


def _made(name: str, key: str, made: Any, requests: Requests, accept: str) -> RequestSet:
    """What a function has returned: a pair of rows and their truth, or bodies."""
    if isinstance(made, tuple) and len(made) == 2 and not isinstance(made[0], bytes | str):
        rows, truth = made
        return RequestSet(name, _bodies(rows, requests), accept, np.asarray(truth))
    if isinstance(made, bytes | str) or not hasattr(made, "__iter__"):
        raise FlowError(
            f"{key}: the function returned {type(made).__name__}; it is to return bodies (a list "
            "of bytes), or rows and their truth as a pair."
        )
    return RequestSet(name, list(_whole(made, requests.content_type, key)), accept)


def _whole(made: Iterable[Any], content_type: str, key: str) -> Iterable[Body]:
    for each in made:
        if not isinstance(each, bytes | str):
            raise FlowError(
                f"{key}: the function returned a {type(each).__name__} for a body, which is bytes "
                "or str."
            )
        yield Body(each if isinstance(each, bytes) else each.encode(), content_type)


def _bodies(rows: Any, requests: Requests) -> list[Body]:
    if hasattr(rows, "to_numpy"):  # a pandas DataFrame
        rows = rows.to_numpy()
    made = bodies(rows, requests.content_type, limit=requests.rows)
    return [Body(content, requests.content_type, count) for content, count in made]


def _columns(path: Path, requests: Requests, key: str) -> tuple[list[list[str]], Array | None]:
    """The rows of a csv without the target's column, and that column."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FlowError(f"{key}: {path} can't be read as csv: {error}.") from None
    names = rows.pop(0) if requests.has_header and rows else []
    if not rows:
        raise FlowError(f"{key}: {path} has no rows.")
    target = requests.target
    if target is None:
        return rows, None
    if isinstance(target, str):
        if target not in names:
            raise FlowError(
                f"{key}: {path} has no column {target!r} (the target); it has {', '.join(names)}."
            )
        target = names.index(target)
    try:
        truth = [row.pop(target) for row in rows]
    except IndexError:
        raise FlowError(
            f"{key}: {path} has no column {target} (the target) in every row."
        ) from None
    return rows, table_of(truth)
