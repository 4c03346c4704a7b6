"""How the next values are chosen: at random, from a grid, or by what those before have come to."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, NamedTuple

from harness.local.jobs.tuning import gaussian
from harness.local.jobs.tuning.ranges import Categorical

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from harness.local.jobs.tuning.ranges import Range

Values = dict[str, str]

INITIAL = 3
"""Results that there must be before they are looked at."""

TRIES = 10_000
"""Random choices after which one may be what was tried before."""


class Outcome(NamedTuple):
    """What hyperparameters have come to."""

    values: Mapping[str, str]
    score: float | None
    """The larger the better, whatever the objective; None if there is none."""


class Search:
    """Values for one training job definition, at random; `seed` makes them the same each time."""

    def __init__(self, ranges: Sequence[Range], seed: int) -> None:
        self._ranges = list(ranges)
        self._seed = seed

    def propose(
        self, number: int, outcomes: Sequence[Outcome], pending: Sequence[Values]
    ) -> Values | None:
        """The values of training job `number`, from 0; None when there are no more."""
        return self._at_random(number, [*(each.values for each in outcomes), *pending])

    def _at_random(self, number: int, taken: Sequence[Mapping[str, str]]) -> Values:
        """Values that were not `taken`, unless that is hard; they depend on `number` and those."""
        chance = random.Random(f"{self._seed}/{number}")  # noqa: S311  # no secret
        known = self._keys(taken)
        for _ in range(TRIES):
            values = {each.name: each.choose(chance) for each in self._ranges}
            if tuple(values.values()) not in known:
                break
        return values

    def _keys(self, taken: Collection[Mapping[str, str]]) -> set[tuple[str | None, ...]]:
        return {tuple(values.get(each.name) for each in self._ranges) for values in taken}


class GridSearch(Search):
    """Each combination of values once."""

    def propose(
        self,
        number: int,
        outcomes: Sequence[Outcome],  # noqa: ARG002
        pending: Sequence[Values],  # noqa: ARG002
    ) -> Values | None:
        lists = [each.values for each in self._ranges if isinstance(each, Categorical)]
        chosen = next(itertools.islice(itertools.product(*lists), number, None), None)
        if chosen is None:
            return None
        return dict(zip((each.name for each in self._ranges), chosen, strict=True))


class BayesianSearch(Search):
    """Where a Gaussian process expects most of an improvement, after a few at random."""

    def propose(
        self, number: int, outcomes: Sequence[Outcome], pending: Sequence[Values]
    ) -> Values | None:
        known = [each for each in outcomes if each.score is not None]
        taken = [*(each.values for each in outcomes), *pending]
        if len(known) < INITIAL:
            return self._at_random(number, taken)
        worst = min(each.score for each in known if each.score is not None)
        places, scores = [], []
        for each in outcomes:  # a failure is as bad as the worst, so that none is tried beside it
            if (place := self._encode(each.values)) is not None:
                places.append(place)
                scores.append(worst if each.score is None else each.score)
        waiting = [place for each in pending if (place := self._encode(each)) is not None]
        width = sum(each.width for each in self._ranges)
        if len(places) < INITIAL or not width:
            return self._at_random(number, taken)
        values = self._decode(
            gaussian.suggest(places, scores, waiting, width, seed=self._seed + number)
        )
        return self._at_random(number, taken) if self._is_taken(values, taken) else values

    def _is_taken(self, values: Values, taken: Sequence[Mapping[str, str]]) -> bool:
        return tuple(values.values()) in self._keys(taken)

    def _encode(self, values: Mapping[str, str]) -> list[float] | None:
        """Their place in a cube; None if they have none there, as those of a parent may not."""
        place: list[float] = []
        for each in self._ranges:
            encoded = each.encode(values[each.name]) if each.name in values else None
            if encoded is None:
                return None
            place += encoded
        return place

    def _decode(self, place: Sequence[float]) -> Values:
        values, rest = {}, iter(place)
        for each in self._ranges:
            values[each.name] = each.decode([next(rest) for _ in range(each.width)])
        return values
