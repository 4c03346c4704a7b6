"""What an endpoint's containers use, in CloudWatch: the dimensions are `EndpointName` and
`VariantName`, of which the containers of a variant have the same.

A new endpoint is looked at after a second, and twice as late each time: there is something to see
at once, and in the end one that stays costs as much as AWS's frequency does, once in a minute.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.local.core.usage import Meter, measure, put

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Iterable

    from harness.local.core.backend import Backend
    from harness.local.engine.container import Container
    from harness.local.protocol.messages import RequestContext

NAMESPACE = "/aws/sagemaker/Endpoints"

FIRST_SECONDS = 1.0

FREQUENCY = 60
"""The default of `MetricPublishFrequencyInSeconds` (`MetricsConfig` in AWS's API reference)."""


def watch(
    backend: Backend,
    context: RequestContext,
    name: str,
    containers: Callable[[], Iterable[tuple[str, Container]]],
    frequency: Callable[[], float],
    stopped: threading.Event,
) -> None:
    """Measure an endpoint's containers until it is stopped.

    It waits for nothing that a request waits for.

    Args:
        name: the endpoint's.
        containers: those of the moment, each with its variant's name.
        frequency: seconds between two looks, once it has been there for as long.
        stopped: set when there is nothing more to measure.
    """
    known: dict[Container, Meter] = {}

    def meters() -> Collection[Meter]:
        nonlocal known
        known = {
            each: known.get(each) or Meter(each, {"EndpointName": name, "VariantName": variant})
            for variant, each in containers()
            if not each.exited.is_set()
        }
        return known.values()

    def pause(age: float) -> float:
        return min(frequency(), max(FIRST_SECONDS, age))

    measure(meters, pause, partial(put, backend, context, NAMESPACE), stopped)
