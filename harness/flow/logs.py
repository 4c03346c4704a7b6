"""The log of a job or an endpoint, read from CloudWatch Logs as it grows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3


class Line(NamedTuple):
    """A line of a log. `written` is in milliseconds since 1970, as CloudWatch Logs has it."""

    written: int
    stream: str
    text: str

    @property
    def source(self) -> str:
        """The host or instance that wrote it: `algo-1` of `job/algo-1-1700000000000`."""
        return re.sub(r"-\d{9,}$", "", self.stream.rpartition("/")[2])


class LogReader:
    """The streams of a log group whose names begin with `prefix`, each line once."""

    def __init__(self, boto: boto3.Session, group: str, prefix: str) -> None:
        self._logs = boto.client("logs")
        self.group = group
        self.prefix = prefix
        self._tokens: dict[str, str] = {}
        self._read: list[Line] = []
        """What was read by a call that then failed, for the next one."""

    def new(self) -> list[Line]:
        """The lines since the last call, in the order in which they were written."""
        for stream in self._streams():
            self._read_stream(stream)
        found, self._read = self._read, []
        return sorted(found, key=lambda line: line.written)

    def _streams(self) -> Iterator[str]:
        selection: dict[str, Any] = {"logGroupName": self.group}
        if self.prefix:
            selection["logStreamNamePrefix"] = self.prefix
        try:
            while True:
                page = self._logs.describe_log_streams(**selection)
                yield from (stream["logStreamName"] for stream in page["logStreams"])
                if "nextToken" not in page:  # fifty are told at once
                    return
                selection["nextToken"] = page["nextToken"]
        except self._logs.exceptions.ResourceNotFoundException:
            return  # nothing was written yet

    def _read_stream(self, stream: str) -> None:
        while True:
            token = self._tokens.get(stream)
            selection: dict[str, Any] = {"nextToken": token} if token else {}
            page = self._logs.get_log_events(
                logGroupName=self.group, logStreamName=stream, startFromHead=True, **selection
            )
            self._read += [
                Line(event.get("timestamp", 0), stream, event["message"].rstrip("\n"))
                for event in page["events"]
            ]
            # The end is where the token doesn't change (GetLogEvents' contract).
            self._tokens[stream] = page["nextForwardToken"]
            if page["nextForwardToken"] == token:
                return
