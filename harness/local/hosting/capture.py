"""Data capture: what an endpoint's variant is asked and answers, in files in S3.

The files are those of AWS's developer guide ("Capture data from real-time endpoint"): JSON Lines
below `<destination>/<endpoint>/<variant>/yyyy/mm/dd/hh/`, by the hour of the invocation in UTC.
"""

from __future__ import annotations

import base64
import json
import logging
import random
import threading
import uuid
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from harness.local.data import s3_objects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.local.core.backend import Backend

_log = logging.getLogger(__name__)

FIRST_WAIT = 1.0
"""Seconds from an invocation to the file that has it. It doubles while there are more of them, so
that a file has many, up to `LONGEST_WAIT`; AWS writes them after some minutes."""
LONGEST_WAIT = 30.0

MOST_BYTES = 64 << 20
"""What may wait to be written; further invocations aren't captured, as on AWS under pressure."""


class _Record(NamedTuple):
    """An invocation."""

    time: datetime
    request: Mapping[str, Any]
    content_type: str | None
    """The answer's."""
    answer: bytes

    @property
    def size(self) -> int:
        return len(self.request.get("Body", b"")) + len(self.answer)


class Capture:
    """What is captured of one variant, by a `DataCaptureConfig`."""

    def __init__(
        self, backend: Backend, config: Mapping[str, Any], endpoint: str, variant: str
    ) -> None:
        self._backend = backend
        self._name = endpoint
        self._share = config["InitialSamplingPercentage"] / 100
        modes = {each["CaptureMode"] for each in config["CaptureOptions"]}
        self._has_input = not modes.isdisjoint(("Input", "InputAndOutput"))
        self._has_output = not modes.isdisjoint(("Output", "InputAndOutput"))
        header = config.get("CaptureContentTypeHeader", {})
        self._encodings = {
            **{each.lower(): "CSV" for each in header.get("CsvContentTypes", [])},
            **{each.lower(): "JSON" for each in header.get("JsonContentTypes", [])},
        }
        self._place = f"{config['DestinationS3Uri'].rstrip('/')}/{endpoint}/{variant}"
        self._lock = threading.Lock()
        self._waiting: list[_Record] = []
        self._size = 0
        self._is_writing = False
        self._closed = threading.Event()

    def take(self, request: Mapping[str, Any], content_type: str | None, answer: bytes) -> None:
        """Capture an invocation, if it is in the sample. It is written by a thread of its own."""
        if random.random() >= self._share:  # noqa: S311  # no secret
            return
        record = _Record(datetime.now(UTC), request, content_type, answer)
        with self._lock:
            if self._size + record.size > MOST_BYTES:
                _log.warning(
                    "endpoint %s: an invocation is not captured: too many wait", self._name
                )
                return
            self._size += record.size
            self._waiting.append(record)
            starts, self._is_writing = not self._is_writing, True
        if starts:
            self._backend.spawn(self._write, f"capture-{self._name}")

    def close(self) -> None:
        """Let what waits be written at once: there won't be more."""
        self._closed.set()

    def _write(self) -> None:
        """Write what waits, until there is nothing more."""
        wait = FIRST_WAIT
        while True:
            self._closed.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT)
            with self._lock:
                records, self._waiting, self._size = self._waiting, [], 0
                if not records:
                    self._is_writing = False
                    return
            for hour, found in groupby(records, lambda each: f"{each.time:%Y/%m/%d/%H}"):
                self._put(hour, list(found))

    def _put(self, hour: str, records: Sequence[_Record]) -> None:
        begun = records[0].time
        name = f"{begun:%M-%S}-{begun.microsecond // 1000:03}-{uuid.uuid4()}.jsonl"
        uri = f"{self._place}/{hour}/{name}"
        text = "".join(
            f"{json.dumps(self._line(each), separators=(',', ':'))}\n" for each in records
        )
        try:
            bucket, key = s3_objects.split(uri)
            self._backend.s3.put_object(Bucket=bucket, Key=key, Body=text.encode())
        except (ClientError, BotoCoreError, s3_objects.DataError) as error:
            _log.warning("endpoint %s: %s was not captured: %s", self._name, uri, error)

    def _line(self, record: _Record) -> dict[str, Any]:
        request, captured = record.request, {}
        if self._has_input:
            captured["endpointInput"] = self._data(
                "INPUT", request.get("ContentType"), request.get("Body", b"")
            )
        if self._has_output:
            captured["endpointOutput"] = self._data("OUTPUT", record.content_type, record.answer)
        about: dict[str, Any] = {"eventId": str(uuid.uuid4())}
        if attributes := request.get("CustomAttributes"):
            about["customAttributes"] = [attributes]
        if inference := request.get("InferenceId"):
            about["inferenceId"] = inference
        about["inferenceTime"] = f"{record.time:%Y-%m-%dT%H:%M:%SZ}"
        return {"captureData": captured, "eventMetadata": about, "eventVersion": "0"}

    def _data(self, mode: str, content_type: str | None, body: bytes) -> dict[str, str]:
        """`CSV` and `JSON` stand as they are, if they are said to be; all else is in base64."""
        encoding, text = self._encoding(content_type or ""), ""
        if encoding != "BASE64":
            try:
                text = body.decode()
            except UnicodeDecodeError:
                encoding = "BASE64"
        if encoding == "BASE64":
            text = base64.b64encode(body).decode()
        observed = {"observedContentType": content_type} if content_type else {}
        return {**observed, "mode": mode, "data": text, "encoding": encoding}

    def _encoding(self, content_type: str) -> str:
        whole = content_type.lower()
        plain = whole.partition(";")[0].strip()
        return self._encodings.get(whole) or self._encodings.get(plain) or "BASE64"


def summary(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A `DataCaptureConfigSummary` of a configuration."""
    if config is None:
        return None
    enabled = config.get("EnableCapture", True)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId"),
    }
