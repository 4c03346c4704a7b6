"""CloudWatch's metrics, of which moto tells one of several dimensions as often as it has values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moto.cloudwatch.models import Dimension


def prepare() -> None:
    """Let ListMetrics tell of each metric once. May be called again."""
    from moto.cloudwatch import models

    module: Any = models
    module.are_dimensions_same = _are_same


def _are_same(some: Sequence[Dimension], others: Sequence[Dimension]) -> bool:
    """Whether they are the same dimensions, in whatever order."""
    return _named(some) == _named(others)


def _named(dimensions: Sequence[Dimension]) -> set[tuple[Any, Any]]:
    return {(each.name, each.value) for each in dimensions}
