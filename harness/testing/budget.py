"""What a suite may cost on AWS: a ceiling, below which what it makes has to stay at its worst."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from harness.aws_model import prices
from harness.errors import ConfigError

if TYPE_CHECKING:
    import boto3

DEFAULT = 10.0
"""US dollars that a suite may cost, where nobody says and AWS tells its prices."""

ENDPOINT_SECONDS = 3600
"""How long an endpoint is reckoned with: it serves until the suite ends."""


class Budget:
    """Adds up what has been made, by its longest run time; refuses what would go over `limit`.

    `limit`: in US dollars; None is `DEFAULT`, and lets pass what has no known price.
    """

    def __init__(self, boto: boto3.Session, region: str, limit: float | None) -> None:
        self._boto = boto
        self._region = region
        self._strict = limit is not None
        self._limit = DEFAULT if limit is None else limit
        self._lock = threading.Lock()
        self._prices: dict[tuple[str, str], float | None] = {}
        self.spent = 0.0

    def take(self, component: str, instance_type: str, count: int, seconds: float) -> None:
        """Reckon with these instances for so long. `component` is AWS's: `Training`, `Hosting`.

        Raises:
            ConfigError: that would cost more than is left, or nobody knows what it costs.
        """
        with self._lock:
            key = (component, instance_type)
            if key not in self._prices:
                self._prices[key] = prices.hourly(
                    self._boto, component, instance_type, self._region
                )
            price = self._prices[key]
            if price is None:
                if self._strict:
                    raise ConfigError(
                        f"AWS doesn't say what {instance_type} costs for {component} in "
                        f"{self._region}, so that --harness-price-limit can't be kept: allow the "
                        "caller pricing:GetProducts, or leave the limit out."
                    )
                return
            cost = price * count * seconds / 3600
            if self.spent + cost > self._limit:
                raise ConfigError(
                    f"{count} {instance_type} for up to {seconds:.0f} s may cost {cost:.2f} US "
                    f"dollars, with {self.spent:.2f} reckoned with so far: more than the limit of "
                    f"{self._limit:.2f}. Raise it by --harness-price-limit, or shorten "
                    "max_runtime_seconds."
                )
            self.spent += cost
