"""Many clients at once on an endpoint, while others come and go."""

from __future__ import annotations

import contextlib
import http.client
import threading
from typing import TYPE_CHECKING, Any

from tests.torture.containers import Account
from tests.torture.service import resident

if TYPE_CHECKING:
    import random

    from tests.torture.service import Service
    from tests.torture.tally import Tally

CONNECTIONS = 64
GROWTH = 1.05
"""Times the memory after a quarter of the time that there may be at the end."""

SMALL = 20
"""Megabytes of growth that say nothing: a pool that fills, a page of code that is read."""


def many(service: Service, image: str, seconds: float, choose: random.Random, tally: Tally) -> None:
    """Each answer is the body that was sent; memory of both sides is flat."""
    ended = threading.Event()
    with Account(service, image) as account:
        endpoint = account.deploy(tally, container={"Environment": {}})["EndpointName"]
        clients = [
            threading.Thread(target=_client, args=(service, endpoint, number, ended, tally))
            for number in range(CONNECTIONS)
        ]
        coming = threading.Thread(target=_come_and_go, args=(account, ended, tally))
        for thread in [*clients, coming]:
            thread.start()
        try:
            ended.wait(seconds / 4)
            before = _memory(service, endpoint)
            ended.wait(seconds * 3 / 4)
            after = _memory(service, endpoint)
        finally:
            ended.set()
            for thread in [*clients, coming]:
                thread.join()
    for whose, megabytes in before.items():
        if after[whose] > max(GROWTH * megabytes, megabytes + SMALL):
            tally.went_wrong("lost", f"memory of {whose}: {megabytes} → {after[whose]} MB")


def _client(
    service: Service, endpoint: str, number: int, ended: threading.Event, tally: Tally
) -> None:
    connection = http.client.HTTPConnection(*service.address, timeout=60)
    with contextlib.closing(connection):
        count = 0
        while not ended.is_set():
            count += 1
            body = f"{number}:{count}".encode()
            try:
                connection.request("POST", f"/endpoints/{endpoint}/invocations", body)
                response = connection.getresponse()
                answer = response.read()
            except (OSError, http.client.HTTPException) as error:
                tally.went_wrong("lost", f"request {count} of connection {number}: {error!r}")
                connection.close()
                continue
            tally.attempt()
            if response.status != http.client.OK:
                tally.went_wrong("5xx", f"{response.status}: {answer[:200]!r}")
            elif answer != body:
                tally.went_wrong("lost", f"{body!r} was answered {answer[:100]!r}")


def _come_and_go(account: Account, ended: threading.Event, tally: Tally) -> None:
    sagemaker: Any = account.aws.sagemaker
    while not ended.is_set():
        described = account.deploy(tally)
        if described.get("EndpointStatus") != "InService":
            tally.went_wrong("lost", f"an endpoint beside the load: {described}")
        elif described:
            sagemaker.delete_endpoint(EndpointName=described["EndpointName"])
        ended.wait(1)


def _memory(service: Service, endpoint: str) -> dict[str, int]:
    found = {"the service": service.megabytes()}
    for container in service.engine.containers.list(filters={"name": f"^/{endpoint}"}):
        pid = container.attrs["State"]["Pid"]
        with contextlib.suppress(OSError):
            found["the container"] = resident(pid)
    return found
