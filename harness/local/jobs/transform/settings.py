"""How a transform job makes its requests, and what its container says of that."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import urllib3

from harness.local.data import records
from harness.local.jobs.transform import requests
from harness.local.jobs.transform.answers import beginning, write

if TYPE_CHECKING:
    from harness.local.core.logs import LogStream
    from harness.local.hosting.containers.serving import Instance

PARAMETERS_TIMEOUT = 10.0
"""Seconds in which `GET /execution-parameters` must be answered."""

STRATEGIES = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}
_ASKED_STRATEGIES = {theirs: ours for ours, theirs in STRATEGIES.items()} | {None: None}


class Settings(NamedTuple):
    """How requests are made: the job's values, else the container's, else the defaults."""

    concurrent: int
    strategy: str
    payload_in_mb: int

    @property
    def limit(self) -> int:
        """Bytes of a request."""
        return (self.payload_in_mb << 20) or records.MAX_PAYLOAD

    def __str__(self) -> str:
        """As AWS writes it into the data log."""
        return (
            f"MaxConcurrentTransforms={self.concurrent}, MaxPayloadInMB={self.payload_in_mb}, "
            f"BatchStrategy={STRATEGIES[self.strategy]}"
        )


def execution_parameters(instance: Instance, data_log: LogStream) -> dict[str, Any]:
    """What the container asks for with `GET /execution-parameters`; nothing if it hasn't it."""
    deadline = time.monotonic() + PARAMETERS_TIMEOUT
    try:
        response = instance.http.urlopen(
            "GET", "/execution-parameters", timeout=PARAMETERS_TIMEOUT, redirect=False,
            preload_content=False,
        )  # fmt: skip
        body = beginning(response, deadline)
    except (urllib3.exceptions.HTTPError, TimeoutError):
        return {}
    if response.status != 200:
        return {}
    try:
        asked = json.loads(body)
        found = {
            "MaxConcurrentTransforms": _number(
                asked, "MaxConcurrentTransforms", requests.MAX_CONCURRENT
            ),
            "MaxPayloadInMB": _number(asked, "MaxPayloadInMB", requests.MAX_PAYLOAD_IN_MB),
            "BatchStrategy": _ASKED_STRATEGIES[asked.get("BatchStrategy")],
        }
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError):
        text = body.decode(errors="replace")[:100]
        write(data_log, f"/execution-parameters answered no execution parameters: {text!r}")
        return {}
    return {name: value for name, value in found.items() if value is not None}


def _number(asked: dict[str, Any], name: str, maximum: int) -> int | None:
    return None if asked.get(name) is None else max(0, min(maximum, int(asked[name])))
