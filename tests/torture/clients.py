"""Attacks by how a request arrives: not at all, byte by byte, over thousands of connections."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from tests.torture.service import ANSWER_SECONDS

if TYPE_CHECKING:
    import random

    from tests.torture.service import Service
    from tests.torture.tally import Tally

SILENT = 300
IDLE = 3_000
TRICKLING = 20
PROMPT_SECONDS = 3.0
"""In which others are answered meanwhile: far more than it takes, so that a busy machine passes."""

HEAD = b"HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nContent-Type: text/csv\r\n\r\n"


def slow(
    service: Service, seconds: float, choose: random.Random, tally: Tally, endpoint: str
) -> None:
    """Silent, idle and trickling connections; others are answered as if they weren't there."""
    _allow_files(2 * IDLE)
    ended = threading.Event()
    heads = [
        b"PUT /torture/trickle " + HEAD,
        f"POST /endpoints/{endpoint}/invocations ".encode() + HEAD,
        b"POST / " + HEAD,
        b"GET / HTTP/1.1\r\nHost: x\r\nA: ",
    ]
    with contextlib.ExitStack() as open_ones:
        drippers = []
        for number in range(SILENT + IDLE):
            with contextlib.suppress(OSError):
                connection = socket.create_connection(service.address, timeout=ANSWER_SECONDS)
                open_ones.enter_context(connection)
                tally.attempt()
                if number < TRICKLING:
                    connection.sendall(heads[number % len(heads)])
                    drippers.append(connection)
        dripping = threading.Thread(target=_drip, args=(drippers, ended), daemon=True)
        dripping.start()
        try:
            _ask_others(service, seconds, tally, endpoint)
        finally:
            ended.set()
            dripping.join()


def _drip(connections: list[socket.socket], ended: threading.Event) -> None:
    while not ended.wait(0.2):
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.send(b"1")


def _ask_others(service: Service, seconds: float, tally: Tally, endpoint: str) -> None:
    """New clients that want something, all the while."""
    runtime: Any = service.boto.client("sagemaker-runtime")
    sagemaker: Any = service.boto.client("sagemaker")
    calls = {
        "InvokeEndpoint": lambda: runtime.invoke_endpoint(EndpointName=endpoint, Body=b"1"),
        "ListModels": sagemaker.list_models,
        "health": service.seconds_to_answer,
    }
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for name, ask in calls.items():
            start = time.monotonic()
            tally.attempt()
            try:
                ask()
            except Exception as error:  # noqa: BLE001  # whatever it is, it is counted
                tally.went_wrong("5xx", f"{name}: {error}")
            taken = time.monotonic() - start
            if taken > PROMPT_SECONDS:
                tally.went_wrong("hangs", f"{name} took {taken:.1f} s beside slow clients")


def _allow_files(number: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < number <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
