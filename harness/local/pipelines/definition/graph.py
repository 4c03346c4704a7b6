"""Which steps wait for which."""

from __future__ import annotations

import dataclasses
import graphlib
from typing import TYPE_CHECKING

from harness.local.pipelines.definition import references
from harness.local.pipelines.definition.errors import refusal
from harness.local.pipelines.definition.kinds import FAIL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.pipelines.definition.step import Step


def with_dependencies(steps: Mapping[str, Step]) -> dict[str, Step]:
    """The steps, each with what it waits for: what it names, what it refers to, its condition.

    They are in an order in which they could run one by one. Raises AWS's refusal.
    """
    needed: dict[str, set[str]] = {}
    for step in steps.values():
        named = set(step.given.get("DependsOn") or [])
        if unknown := sorted(named - steps.keys()):
            raise refusal(f"Step '{step.name}': DependsOn: there is no step '{unknown[0]}'")
        referred = {each.name for each in references.found(step.values) if each.root == "Steps"}
        needed[step.name] = named | referred | ({step.branch[0]} if step.branch else set())
        for other in sorted(needed[step.name]):
            if steps[other].type == FAIL:
                raise refusal(f"{step.name} can not depends on {other}")
    try:
        order = list(graphlib.TopologicalSorter(needed).static_order())
    except graphlib.CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise refusal(f"Steps wait for each other in a circle: {circle}") from None
    levels: dict[str, int] = {}
    for name in order:
        levels[name] = 1 + max((levels[other] for other in needed[name]), default=0)
    place = {name: number for number, name in enumerate(steps)}
    order.sort(key=lambda name: (levels[name], place[name]))
    return {
        name: dataclasses.replace(steps[name], dependencies=frozenset(needed[name]))
        for name in order
    }
