"""CloudWatch Logs for browsers: groups, streams, their last lines, and those that come."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.local.page.answers import Stream, clock

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Iterator, Sequence

    from types_boto3_logs import CloudWatchLogsClient

LINES = 2_000
"""The last lines of a log stream that are shown."""

STREAMS = 20
"""Log streams of a resource that are shown and followed."""

LISTED = 50
"""Log groups, or streams of one, on a page of their list."""

POLL_SECONDS = 0.5
"""Between two looks at a log that is followed."""

SILENCE_SECONDS = 15.0
"""After which a browser is told that its connection still is one."""

FOLLOW_SECONDS = 3_600.0
"""After which following ends; the browser asks again, and goes on where it was."""

EXPLAINING = 25
"""Lines of a log that are shown beside the reason of a failure."""


def streams(client: CloudWatchLogsClient, group: str, prefix: str) -> list[Stream]:
    """Those of a group whose names begin so, with their last lines; none if there is no group."""
    asked: Any = {"logGroupName": group, "limit": STREAMS}
    if prefix:
        asked["logStreamNamePrefix"] = prefix
    try:
        names = [
            each["logStreamName"] for each in client.describe_log_streams(**asked)["logStreams"]
        ]
        return [stream(client, group, name) for name in names]
    except ClientError:  # there is no such group yet, or any more
        return []


def stream(client: CloudWatchLogsClient, group: str, name: str) -> Stream:
    """Raises ClientError if there is no such stream."""
    found = client.get_log_events(logGroupName=group, logStreamName=name, limit=LINES)
    return Stream(name, found["events"], found["nextForwardToken"])


def explaining(found: Sequence[Stream]) -> list[str]:
    """The lines that most likely say why a container failed: its last traceback, or its last ones.

    Of the stream that has a traceback, or else of the first.
    """
    logs = [[each["message"] for each in one.events] for one in found]
    for lines in logs:
        starts = [n for n, line in enumerate(lines) if line.startswith("Traceback (most recent")]
        if starts:
            after = lines[starts[-1] :]
            if len(after) <= EXPLAINING:
                return after
            return [*after[:3], "…", *after[3 - EXPLAINING + 1 :]]
    return logs[0][-EXPLAINING:] if logs else []


def whole(client: CloudWatchLogsClient, group: str, name: str) -> Generator[bytes, None, None]:
    """All lines of a stream with their times, as a text that is made while it is sent."""
    asked: Any = {"logGroupName": group, "logStreamName": name, "startFromHead": True}
    while True:
        found = client.get_log_events(**asked)
        lines = (f"{clock(each['timestamp'])} {each['message']}\n" for each in found["events"])
        if text := "".join(lines):
            yield text.encode()
        if found["nextForwardToken"] == asked.get("nextToken"):
            return
        asked["nextToken"] = found["nextForwardToken"]


class Following:
    """Server-sent events: what is logged from now on, in the loop, so that it takes no thread.

    `after` are the streams and the tokens from which on; `ended` is set when nothing is to be
    sent any more. Each event has the tokens to go on from as its id.
    """

    def __init__(
        self,
        client: CloudWatchLogsClient,
        group: str,
        after: dict[str, str],
        ended: threading.Event,
    ) -> None:
        self._client = client
        self._group = group
        self._after = after
        self._ended = ended
        self._begun: float | None = None

    async def next(self) -> bytes | None:
        loop = asyncio.get_running_loop()
        if self._begun is None:
            self._begun = loop.time()
            return b"retry: 1000\n\n"
        silent = loop.time() + SILENCE_SECONDS
        while not self._ended.is_set() and loop.time() < self._begun + FOLLOW_SECONDS:
            try:
                lines = await asyncio.to_thread(lambda: list(self._new()))
            except (ClientError, BotoCoreError):  # it is gone
                return None
            if lines:
                document = json.dumps(lines)
                return f"id: {json.dumps(self._after)}\ndata: {document}\n\n".encode()
            if loop.time() > silent:
                return b": still here\n\n"
            await asyncio.sleep(POLL_SECONDS)
        return None

    async def close(self) -> None:
        """Nothing is behind it."""

    def _new(self) -> Iterator[tuple[str, str, str]]:
        for name, token in self._after.items():
            found = self._client.get_log_events(
                logGroupName=self._group, logStreamName=name, nextToken=token,
                startFromHead=True, limit=LINES,
            )  # fmt: skip
            self._after[name] = found["nextForwardToken"]
            for each in found["events"]:
                yield name, clock(each["timestamp"]), each["message"]


def after(text: str) -> dict[str, str] | None:
    """What `Following` gave as an id, sent back; None if it is something else."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict) or not 0 < len(found) <= STREAMS:
        return None
    texts = all(isinstance(each, str) for pair in found.items() for each in pair)
    return found if texts else None
