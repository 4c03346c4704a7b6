"""The attacks, in the order in which `make torture` makes them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.torture import clients, containers, kills, load, requests
from tests.torture.service import Watch
from tests.torture.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.torture.service import Service

    Attacking = Callable[[Service, str, float, random.Random, Tally], None]


@dataclass(frozen=True)
class Attack:
    """Its name, how many seconds it gets in the long and in the short form, and what it does."""

    name: str
    seconds: float
    short: float
    make: Attacking

    def against(self, service: Service, image: str, seconds: float, *, seed: int) -> Tally:
        """Make it, with the health of the service watched; what came of it."""
        tally = Tally(self.name)
        choose = random.Random(f"{seed} {self.name}")
        with Watch(service, tally):
            self.make(service, image, seconds, choose, tally)
        return tally


def _documents(
    service: Service, _image: str, seconds: float, choose: random.Random, tally: Tally
) -> None:
    requests.documents(service, seconds, choose, tally)


def _wire(
    service: Service, _image: str, seconds: float, choose: random.Random, tally: Tally
) -> None:
    requests.wire(service, seconds, choose, tally)


def _slow(
    service: Service, image: str, seconds: float, choose: random.Random, tally: Tally
) -> None:
    with containers.Account(service, image) as account:
        endpoint = account.deploy(tally)["EndpointName"]
        clients.slow(service, seconds, choose, tally, endpoint)


ATTACKS = [
    Attack("hostile requests", 60, 8, _documents),
    Attack("bytes that are nearly HTTP", 30, 5, _wire),
    Attack("slow and silent clients", 40, 5, _slow),
    Attack("hostile model archives", 70, 8, containers.extraction),
    Attack("hostile keys and manifests", 70, 8, containers.inputs),
    Attack("expressions without end", 60, 8, containers.expressions),
    Attack("ways out of an isolated container", 60, 20, containers.isolation),
    Attack("64 connections, endpoints come and go", 90, 8, load.many),
    Attack("SIGKILL at moments of chance", 180, 10, kills.sudden),
]
