"""Container output to CloudWatch Logs, under AWS's names for groups and streams."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING

from harness.local.engine.log_lines import LastWords

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_logs.type_defs import InputLogEventTypeDef

_log = logging.getLogger(__name__)

# PutLogEvents' limits: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/
BATCH_EVENTS = 10_000
BATCH_BYTES = 1_048_576
EVENT_OVERHEAD = 26

FLUSH_TIMEOUT = 30

MAX_QUEUED = 50_000
"""Events of a stream that wait to be sent; a container that writes faster has to wait itself."""

MAX_QUEUED_BYTES = 16 << 20
"""Bytes of them, in as many characters."""


class LogStream:
    """One log stream: lines are queued by `write`, and sent by the writer of `LogStreams`."""

    def __init__(
        self, streams: LogStreams, region: str, group: str, name: str, account_id: str = ""
    ) -> None:
        self._streams = streams
        self.account_id = account_id
        self.region = region
        self.group = group
        self.name = name
        self.words = LastWords()
        self.created = False
        self.events: list[InputLogEventTypeDef] = []
        self.size = 0
        """Characters of the events that wait."""
        self.queued = 0
        self.sent = 0
        self.lost = False
        """Whether it was said that its lines get lost."""

    def write(self, line: str) -> None:
        self.words.add(line)
        # CloudWatch Logs refuses empty messages.
        event: InputLogEventTypeDef = {"timestamp": time.time_ns() // 1_000_000,
                                       "message": line or " "}  # fmt: skip
        self._streams.queue(self, event)

    def flush(self) -> None:
        """Wait until everything written so far is in CloudWatch Logs."""
        self._streams.flush(self)


class LogStreams:
    """All log streams of a local AWS, and the thread that sends what is written to them."""

    def __init__(self, client: Callable[..., CloudWatchLogsClient]) -> None:
        """`client` makes that of a region, and of an account where it isn't the local AWS's own."""
        self._make_client = client
        self._clients: dict[tuple[str, str], CloudWatchLogsClient] = {}
        self._changed = threading.Condition()
        self._dirty: dict[LogStream, None] = {}
        self._sending = False
        self._closed = False
        self._writer: threading.Thread | None = None

    def open(self, region: str, group: str, name: str, account_id: str = "") -> LogStream:
        return LogStream(self, region, group, name, account_id)

    def queue(self, stream: LogStream, event: InputLogEventTypeDef) -> None:
        with self._changed:
            if _is_full(stream):
                self._changed.wait_for(lambda: not _is_full(stream), FLUSH_TIMEOUT)
            if self._closed:
                return
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="logs", daemon=True)
                self._writer.start()
            stream.events.append(event)
            stream.size += len(event["message"])
            self._dirty[stream] = None
            stream.queued += 1
            self._changed.notify_all()

    def flush(self, stream: LogStream | None = None) -> None:
        """Wait until everything queued so far has been sent, `FLUSH_TIMEOUT` at most."""
        with self._changed:
            if stream is None:
                self._changed.wait_for(lambda: not self._dirty and not self._sending, FLUSH_TIMEOUT)
            else:
                until = stream.queued
                self._changed.wait_for(lambda: stream.sent >= until, FLUSH_TIMEOUT)

    def close(self) -> None:
        """Send what is queued, and end the writer."""
        self.flush()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._writer:
            self._writer.join(FLUSH_TIMEOUT)
        for client in list(self._clients.values()):
            client.close()

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._dirty or self._closed)
                if not self._dirty:
                    return
                stream = next(iter(self._dirty))
                del self._dirty[stream]
                events, stream.events, stream.size = stream.events, [], 0
                self._sending = True
                self._changed.notify_all()
            try:
                self._send(stream, events)
                stream.lost = False
            except Exception as error:  # noqa: BLE001 - the other streams' lines are still to be sent
                # Once: a container may write a thousand lines a second.
                _log.log(
                    logging.DEBUG if stream.lost else logging.ERROR,
                    "lost %d log lines of %s, and others if this goes on: %s: %s",
                    len(events), stream.name, type(error).__name__, error,
                )  # fmt: skip
                stream.lost = True
            with self._changed:
                self._sending = False
                stream.sent += len(events)
                self._changed.notify_all()

    def _send(self, stream: LogStream, events: list[InputLogEventTypeDef]) -> None:
        place = stream.region, stream.account_id
        client = self._clients.get(place)
        if client is None:
            client = self._clients[place] = self._make_client(*filter(None, place))
        if not stream.created:
            self._create(client, stream)
        for batch in _batches(events):
            try:
                self._put(client, stream, batch)
            except client.exceptions.ResourceNotFoundException:
                _log.warning(
                    "the log stream %s of %s was deleted while it was written to: its lines go on "
                    "in a new one", stream.name, stream.group,
                )  # fmt: skip
                self._create(client, stream)
                self._put(client, stream, batch)

    def _create(self, client: CloudWatchLogsClient, stream: LogStream) -> None:
        with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
            client.create_log_group(logGroupName=stream.group)
        with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
            client.create_log_stream(logGroupName=stream.group, logStreamName=stream.name)
        stream.created = True

    def _put(
        self,
        client: CloudWatchLogsClient,
        stream: LogStream,
        batch: list[InputLogEventTypeDef],
    ) -> None:
        client.put_log_events(logGroupName=stream.group, logStreamName=stream.name, logEvents=batch)


def _is_full(stream: LogStream) -> bool:
    return len(stream.events) >= MAX_QUEUED or stream.size >= MAX_QUEUED_BYTES


def _batches(events: list[InputLogEventTypeDef]) -> Iterator[list[InputLogEventTypeDef]]:
    """The events in lists that PutLogEvents takes."""
    batch: list[InputLogEventTypeDef] = []
    size = 0
    for event in events:
        weight = len(event["message"].encode()) + EVENT_OVERHEAD
        if batch and (size + weight > BATCH_BYTES or len(batch) == BATCH_EVENTS):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += weight
    if batch:
        yield batch
