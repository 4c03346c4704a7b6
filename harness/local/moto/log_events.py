"""The events of moto's log streams on disk, where moto has every line as an object in memory.

They are in SQLite's temporary database: a file without a name, that ends with the process in
whichever way, behind a cache of some megabytes. What is asked for is read from there, a page at a
time. All else of CloudWatch Logs remains moto's.
"""

from __future__ import annotations

import base64
import contextvars
import functools
import hashlib
import heapq
import itertools
import json
from typing import TYPE_CHECKING, Any

from harness.local.moto.logs.events import END, INT64, START, Event, Events, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

MAX_PAGE = 10_000
"""Events of an answer (GetLogEvents and FilterLogEvents in CloudWatch Logs' API reference)."""

MAX_PAGE_BYTES = 1 << 20
"""Bytes of an answer's messages, for both; a longer message comes alone."""

MAX_RESULTS = 10_000
"""Results of a query of Logs Insights, which moto keeps for good."""

_PREFIX = contextvars.ContextVar("_PREFIX", default="")
"""What the streams' names begin with that a FilterLogEvents is about; moto doesn't pass it on."""


def prepare() -> None:
    """Let moto's CloudWatch Logs have its events on disk. May be called again."""
    from moto.logs import models, responses

    if getattr(models.LogStream, "_harness", False):
        return
    response: Any = responses.LogsResponse
    response.filter_log_events = _of_prefix(response.filter_log_events)
    stream: Any = models.LogStream
    stream._harness = True
    stream.__init__ = _with_events(stream.__init__)
    stream._update = _or_else(_update, stream._update)
    stream.get_log_events = _or_else(_get_log_events, stream.get_log_events)
    group: Any = models.LogGroup
    group.filter_log_events = _filter_log_events
    group.describe_log_streams = _describe_log_streams
    backend: Any = models.LogsBackend
    backend.describe_log_groups = _describe_log_groups
    models.execute_query = _execute_query  # type: ignore[attr-defined]  # it is theirs to import


def _with_events(init: Any) -> Any:
    def with_events(self: Any, *arguments: Any, **named: Any) -> None:
        init(self, *arguments, **named)
        self.events = Events()

    return with_events


def _or_else(ours: Callable[..., Any], theirs: Callable[..., Any]) -> Any:
    """Ours for streams that have `Events`; those of before `prepare` have moto's list."""

    @functools.wraps(theirs)
    def method(self: Any, *arguments: Any, **named: Any) -> Any:
        call = ours if isinstance(self.events, Events) else theirs
        return call(self, *arguments, **named)

    return method


def _of_prefix(original: Callable[..., Any]) -> Callable[..., Any]:
    """FilterLogEvents with its `logStreamNamePrefix`."""
    from moto.logs.exceptions import InvalidParameterException

    @functools.wraps(original)
    def filter_log_events(self: Any) -> Any:
        prefix = self._get_param("logStreamNamePrefix") or ""
        if prefix and self._get_param("logStreamNames"):
            raise InvalidParameterException(
                msg="Only one of logStreamNames and logStreamNamePrefix can be given."
            )
        token = _PREFIX.set(prefix)
        try:
            return original(self)
        finally:
            _PREFIX.reset(token)

    return filter_log_events


def _update(self: Any) -> None:
    first, last = self.events.span() or (None, None)
    self.first_event_timestamp, self.last_event_timestamp = first, last


def _bounds(start_time: int | None, end_time: int | None) -> tuple[Place, Place]:
    """The places that a request's times stand for, both of which belong to it in moto."""
    after = (start_time - 1, INT64) if start_time else START
    before = (end_time + 1, -INT64) if end_time else END
    return after, before


def _page(
    events: Iterable[tuple[str, Event]], most: int | None
) -> tuple[list[tuple[str, Event]], bool]:
    """The first events, as many as an answer has, and whether there are more."""
    most = min(MAX_PAGE, max(1, most or MAX_PAGE))
    page: list[tuple[str, Event]] = []
    size = 0
    for name, event in events:
        size += len(event.message.encode())
        if len(page) == most or (page and size > MAX_PAGE_BYTES):
            return page, True
        page.append((name, event))
    return page, False


def _get_log_events(
    self: Any,
    start_time: int | None,
    end_time: int | None,
    limit: int | None,
    next_token: str | None,
    start_from_head: bool,
) -> tuple[list[dict[str, Any]], str, str]:
    """A page, and the tokens of those before and after it."""
    after, before = _bounds(start_time, end_time)
    place = None
    backwards = not start_from_head
    if next_token is not None:
        backwards, place = _parse_token(next_token)
        after, before = (after, min(before, place)) if backwards else (max(after, place), before)
    found = self.events.between(after, before, backwards=backwards)
    page = [event for _, event in _page((("", event) for event in found), limit)[0]]
    if backwards:
        page.reverse()
    if page:
        first, last = page[0].place, page[-1].place
    else:
        first = last = place or (0, 0)
    return [event.to_response_dict() for event in page], _token("b", first), _token("f", last)


def _token(direction: str, place: Place) -> str:
    return f"{direction}/{place[0]:028d}{place[1]:028d}"


def _parse_token(token: Any) -> tuple[bool, Place]:
    """Whether a token leads back, and from which place."""
    from moto.logs.exceptions import InvalidParameterException

    direction, _, digits = str(token).partition("/")
    if direction not in ("b", "f") or len(digits) != 56 or not digits.isdecimal():
        raise InvalidParameterException("The specified nextToken is invalid.")
    return direction == "b", (int(digits[:28]), int(digits[28:]))


def _filter_log_events(
    self: Any,
    log_group_name: str,
    log_stream_names: list[str] | None,
    start_time: int | None,
    end_time: int | None,
    limit: int | None,
    next_token: str | None,
    filter_pattern: str | None,
    interleaved: bool,
) -> tuple[list[dict[str, Any]], str | None, list[dict[str, Any]]]:
    """`LogGroup.filter_log_events`, which reads no further than to the end of a page."""
    from moto.logs.utils import EventMessageFilter

    wanted = set(log_stream_names or ())
    streams = [
        each
        for name, each in self.streams.items()
        if (not wanted or name in wanted) and name.startswith(_PREFIX.get())
    ]
    pattern = EventMessageFilter(filter_pattern or "")
    found = _from_streams(
        streams, _bounds(start_time, end_time), _parse_place(self, next_token), interleaved
    )
    matching = (each for each in found if pattern.matches(each[1].message))
    page, more = _page(matching, limit)
    token = None
    if more:
        name, event = page[-1]
        token = f"{log_group_name}@{name}@{event.timestamp}-{event.event_id}"
    searched = [
        {"logStreamName": each.log_stream_name, "searchedCompletely": True} for each in streams
    ]
    events = [{**event.to_filter_dict(), "logStreamName": name} for name, event in page]
    return events, token, searched


def _parse_place(group: Any, token: str | None) -> tuple[str, Place] | None:
    """The stream and the place that a token says: none at all if it isn't one, as AWS has it."""
    if not token:
        return None
    try:
        name, stream, place = token.split("@")
        timestamp, event = (int(number[:20]) for number in place.split("-"))
    except (ValueError, AttributeError):
        return "", END
    if name != group.name or stream not in group.streams:
        return "", END
    return stream, (timestamp, event)


def _from_streams(
    streams: Sequence[Any],
    bounds: tuple[Place, Place],
    begun: tuple[str, Place] | None,
    interleaved: bool,
) -> Iterator[tuple[str, Event]]:
    """The events of streams behind the place where the last page ended, with the streams' names.

    `interleaved` by their time, else one stream after another.
    """
    names = [each.log_stream_name for each in streams]
    if begun is not None and begun[0] not in names:
        return
    after, before = bounds
    sources = []
    at = names.index(begun[0]) if begun is not None else -1
    for number, stream in enumerate(streams):
        start = after
        if begun is not None and number <= at:
            if number < at and not interleaved:
                continue
            start = max(after, begun[1] if number == at else (begun[1][0], INT64))
        elif begun is not None and interleaved:
            start = max(after, (begun[1][0], -INT64))
        sources.append(_named(stream, start, before))
    if interleaved:
        yield from heapq.merge(*sources, key=lambda each: each[1].timestamp)
    else:
        yield from itertools.chain.from_iterable(sources)


def _named(stream: Any, after: Place, before: Place) -> Iterator[tuple[str, Event]]:
    if isinstance(stream.events, Events):
        found: Iterable[Any] = stream.events.between(after, before)
    else:
        kept = (
            Event(each.timestamp, each.event_id, each.ingestion_time, each.message)
            for each in stream.events
        )
        found = sorted(each for each in kept if after < each.place < before)
    for event in found:
        yield stream.log_stream_name, event


def _describe_log_streams(
    self: Any,
    descending: bool,
    log_group_name: str,
    log_stream_name_prefix: str,
    order_by: str,
    limit: int,
    next_token: str | None = None,
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of `LogGroup`'s streams, whose token is a place, be there a stream or not."""
    by_time = order_by != "LogStreamName"
    found = sorted(
        ((each.last_event_timestamp or 0) if by_time else 0, name)
        for name, each in list(self.streams.items())
        if name.startswith(log_stream_name_prefix or "")
    )
    if descending:
        found.reverse()
    of = f"{log_group_name}@{order_by}@{bool(descending)}@{log_stream_name_prefix or ''}"
    if next_token:
        last = _parse_name(next_token, of)
        found = [each for each in found if (each < last if descending else each > last)]
    page = found[:limit]
    described = [each for _, name in page if (each := self.streams.get(name)) is not None]
    token = _name_token(page[-1], of) if page and len(found) > limit else None
    return [each.to_describe_dict() for each in described], token


def _describe_log_groups(
    self: Any,
    log_group_name_prefix: str | None = None,
    limit: int = 50,
    next_token: str | None = None,
) -> tuple[list[Any], str | None]:
    """A page of `LogsBackend`'s groups. moto's token is the next group, which may be gone then."""
    prefix = log_group_name_prefix or ""
    last = _parse_name(next_token, prefix)[1] if next_token else ""
    names = sorted(name for name in list(self.groups) if name.startswith(prefix) and name > last)
    page = [each for name in names[:limit] if (each := self.groups.get(name)) is not None]
    token = _name_token((0, names[limit - 1]), prefix) if len(names) > limit else None
    return page, token


def _name_token(place: tuple[int, str], of: str) -> str:
    """A token that stands behind a name, for the requests that `of` tells from all others."""
    text = json.dumps([*place, hashlib.blake2b(repr((place, of)).encode()).hexdigest()[:24]])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _parse_name(token: str, of: str) -> tuple[int, str]:
    from moto.logs.exceptions import InvalidParameterException

    try:
        at, name, _ = json.loads(base64.urlsafe_b64decode(token))
        if isinstance(at, int) and isinstance(name, str) and _name_token((at, name), of) == token:
            return at, name
    except (ValueError, TypeError, RecursionError):
        pass
    raise InvalidParameterException("The specified nextToken is invalid.")


def _execute_query(
    log_groups: list[Any], query: str, start_time: int, end_time: int
) -> list[dict[str, Any]]:
    """moto's, which has no more of the results in memory than there shall be."""
    from moto.logs.logs_query import ParsedEvent
    from moto.logs.logs_query.query_parser import parse_query

    parsed = parse_query(query)
    after, before = _bounds(start_time * 1000, end_time * 1000)
    events = (
        ParsedEvent(event, parsed, stream, group)  # type: ignore[arg-type]  # as good as moto's
        for group in log_groups
        for stream in group.streams.values()
        for _, event in _named(stream, after, before)
    )
    pick = heapq.nlargest if parsed.sort_reversed() else heapq.nsmallest
    most = min(MAX_RESULTS, parsed.limit or MAX_RESULTS)
    return [event.fields for event in pick(most, events)]
