"""What a project's endpoint is asked: bodies, and the truth that its answers are measured by."""

from __future__ import annotations

import csv
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import ConfigError, FlowError
from harness.flow.project import sources
from harness.flow.project.payloads import TYPES, bodies, plain, table_of

if TYPE_CHECKING:
    from pathlib import Path

    from harness.config.settings import Requests, Settings
    from harness.flow.project.payloads import Array


_BODY = (bytes, bytearray, memoryview, str)
"""What a function may return a body as."""


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


def read(settings: Settings) -> list[RequestSet]:
    """All sets of the settings.

    Raises:
        ConfigError: a source isn't there, or is none for requests.
        FlowError: it can't be read, or made into requests.
    """
    for name, each in settings.requests.items():
        _check(settings.root, _key(name), each.source)
        _check_type(name, each)
    return [_read(settings.root, name, each) for name, each in settings.requests.items()]


def _check(root: Path, key: str, source: str) -> None:
    if sources.is_uri(source) or sources.is_output(source):
        raise ConfigError(
            f"{key} = {source!r}: requests are read from files on this machine; copy it first."
        )
    sources.check(root, source, key)


def _check_type(name: str, requests: Requests) -> None:
    if requests.target is not None and plain(requests.content_type) not in TYPES:
        key = _key(name).replace("source", "content_type")
        raise ConfigError(
            f"{key} = {requests.content_type!r}: rows of a csv can't be sent as that; there are "
            f"{', '.join(TYPES)}: choose one, or leave `target` out and send files as they are."
        )


def _key(name: str) -> str:
    return f"requests.{name}.source" if name else "requests.source"


def _read(root: Path, name: str, requests: Requests) -> RequestSet:
    key, source = _key(name), requests.source
    kind = plain(requests.content_type)
    accept = requests.accept or (requests.content_type if kind in TYPES else "*/*")
    if sources.is_function(source):
        key = f"{key} = {source!r}"
        made = sources.call(sources.function(root, source, _key(name)), key)
        found, truth = _made(key, made, requests)
        return RequestSet(name, found, accept, truth)
    path = root / source
    if requests.target is not None or (path.suffix.lower() == ".csv" and kind in TYPES):
        rows, truth = _columns(path, requests, key)
        return RequestSet(name, _bodies(rows, requests), accept, truth)
    with sources.files(root, source, key) as files:
        whole = [
            Body(_content(file, key), _guessed(file, requests.content_type))
            for file in files.values()
        ]
    return RequestSet(name, whole, accept)


def _content(file: Path, key: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise FlowError(f"{key}: {file} can't be read: {error.strerror}.") from None


def _guessed(file: Path, content_type: str) -> str:
    """The set's content type; for one of rows, what the file's name says, if it says something."""
    if plain(content_type) not in TYPES:
        return content_type
    return mimetypes.guess_type(file.name)[0] or content_type


def _made(key: str, made: Any, requests: Requests) -> tuple[list[Body], Array | None]:
    """What a function has returned: bodies or rows, alone or as a pair with their truth."""
    truth = None
    if isinstance(made, tuple) and len(made) == 2 and not isinstance(made[0], _BODY):
        made, truth = made[0], _column(key, made[1])
    alone = truth is None
    if hasattr(made, "to_numpy"):  # a pandas DataFrame
        made = made.to_numpy()
    if isinstance(made, (*_BODY, dict)) or not hasattr(made, "__iter__") or _is_one_value(made):
        raise FlowError(
            f"{key}: it returned {_kind(made)}; it is to return bodies (a list of bytes) or rows "
            "(an array, a DataFrame, a list), alone or as a pair with their truth."
        )
    # A generator is the project's code, too.
    rows = made if isinstance(made, np.ndarray) else sources.call(list, key, made)
    if len(rows) == 0:
        raise FlowError(f"{key}: it returned nothing to ask.")
    found = _whole(key, rows, requests, alone) or _bodies(rows, requests)
    if truth is not None and len(truth) != len(rows):
        raise FlowError(f"{key}: it returned {len(rows)} rows, and the truth of {len(truth)}.")
    return found, truth


def _kind(made: Any) -> str:
    return "None" if made is None else f"a {type(made).__name__}"


def _is_one_value(made: Any) -> bool:
    return isinstance(made, np.ndarray) and made.ndim == 0


def _column(key: str, truth: Any) -> Array:
    """The truth as an array of shape (n,) where it is one column."""
    if isinstance(truth, Iterator):
        truth = sources.call(list, key, truth)
    try:
        array = np.asarray(truth.to_numpy() if hasattr(truth, "to_numpy") else truth)
    except ValueError as error:
        raise FlowError(
            f"{key}: of the truth that it returned no array can be made: {error}."
        ) from None
    if array.dtype == object:  # pandas' texts
        array = np.asarray(array.tolist())
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else np.atleast_1d(array)


def _whole(key: str, made: Any, requests: Requests, alone: bool) -> list[Body]:
    """Bodies as they are; none, if these are rows.

    Texts with their truth are rows where the content type has rows: of one column.
    """
    texts = [each for each in made if isinstance(each, _BODY)]
    if not texts or (
        not alone and isinstance(texts[0], str) and plain(requests.content_type) in TYPES
    ):
        return []
    if len(texts) != len(made):
        other = next(each for each in made if not isinstance(each, _BODY))
        raise FlowError(f"{key}: one of the bodies that it returned is {_kind(other)}, not bytes.")
    try:
        contents = [each.encode() if isinstance(each, str) else bytes(each) for each in texts]
    except UnicodeEncodeError as error:
        raise FlowError(f"{key}: one of the bodies that it returned is no text: {error}.") from None
    return [Body(content, requests.content_type) for content in contents]


def _bodies(rows: Any, requests: Requests) -> list[Body]:
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
            there = f"it has {', '.join(names)}" if names else "it is read without a header"
            raise FlowError(f"{key}: {path} has no column {target!r} (the target); {there}.")
        target = names.index(target)
    try:
        truth = [row.pop(target) for row in rows]
    except IndexError:
        raise FlowError(
            f"{key}: {path} has no column {target} (the target) in every row."
        ) from None
    return rows, table_of(truth)
