"""Container output to CloudWatch Logs, under AWS's names for groups and streams."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

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


class LogStream:
    """One log stream: lines are queued by `write`, and sent by the writer of `LogStreams`."""

    def __init__(self, streams: LogStreams, region: str, group: str, name: str) -> None:
        self._streams = streams
        self.region = region
        self.group = group
        self.name = name
        self.last_line = ""
        self.created = False
        self.events: list[InputLogEventTypeDef] = []
        self.queued = 0
        self.sent = 0

    def write(self, line: str) -> None:
        if line.strip():
            self.last_line = line.strip()
        # CloudWatch Logs refuses empty messages.
        event: InputLogEventTypeDef = {"timestamp": time.time_ns() // 1_000_000,
                                       "message": line or " "}  # fmt: skip
        self._streams.queue(self, event)

    def flush(self) -> None:
        """Wait until everything written so far is in CloudWatch Logs."""
        self._streams.flush(self)


class LogStreams:
    """All log streams of a local AWS, and the thread that sends what is written to them."""

    def __init__(self, client: Callable[[str], CloudWatchLogsClient]) -> None:
        self._make_client = client
        self._clients: dict[str, CloudWatchLogsClient] = {}
        self._changed = threading.Condition()
        self._dirty: dict[LogStream, None] = {}
        self._sending = False
        self._closed = False
        self._writer: threading.Thread | None = None

    def open(self, region: str, group: str, name: str) -> LogStream:
        return LogStream(self, region, group, name)

    def queue(self, stream: LogStream, event: InputLogEventTypeDef) -> None:
        with self._changed:
            if len(stream.events) >= MAX_QUEUED:
                self._changed.wait_for(lambda: len(stream.events) < MAX_QUEUED, FLUSH_TIMEOUT)
            if self._closed:
                return
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="logs", daemon=True)
                self._writer.start()
            stream.events.append(event)
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
                events, stream.events = stream.events, []
                self._sending = True
                self._changed.notify_all()
            try:
                self._send(stream, events)
            except Exception:  # noqa: BLE001 - the other streams' lines are still to be sent
                _log.exception("lost %d log lines of %s", len(events), stream.name)
            with self._changed:
                self._sending = False
                stream.sent += len(events)
                self._changed.notify_all()

    def _send(self, stream: LogStream, events: list[InputLogEventTypeDef]) -> None:
        client = self._clients.get(stream.region)
        if client is None:
            client = self._clients[stream.region] = self._make_client(stream.region)
        if not stream.created:
            with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
                client.create_log_group(logGroupName=stream.group)
            with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
                client.create_log_stream(logGroupName=stream.group, logStreamName=stream.name)
            stream.created = True
        batch: list[InputLogEventTypeDef] = []
        size = 0
        for event in events:
            weight = len(event["message"].encode()) + EVENT_OVERHEAD
            if batch and (size + weight > BATCH_BYTES or len(batch) == BATCH_EVENTS):
                client.put_log_events(
                    logGroupName=stream.group, logStreamName=stream.name, logEvents=batch
                )
                batch, size = [], 0
            batch.append(event)
            size += weight
        if batch:
            client.put_log_events(
                logGroupName=stream.group, logStreamName=stream.name, logEvents=batch
            )
