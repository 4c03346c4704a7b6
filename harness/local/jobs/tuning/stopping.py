"""Which training jobs are stopped early: by the median rule, or by Hyperband.

Both look at the values of the objective that a job has written so far: one an epoch. They are
scores here, the larger the better.
"""

from __future__ import annotations

import math
import statistics
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ETA = 3
"""Of the jobs at a rung of Hyperband one in so many goes on."""


def worse_than_median(scores: Sequence[float], previous: Sequence[Sequence[float]]) -> bool:
    """Whether a job's last score is below the median of the previous jobs' running averages.

    ("How Early Stopping Works" in AWS's guide.) Those that have ended before that epoch don't
    count.
    """
    epoch = len(scores)
    averages = [
        list(accumulate(each[:epoch]))[-1] / epoch for each in previous if len(each) >= epoch > 0
    ]
    return bool(averages) and scores[-1] < statistics.median(averages)


class Hyperband:
    """Asynchronous successive halving, in brackets that begin to halve later and later.

    A job that reaches a rung is stopped unless its score there is among the best of those that
    reached it before; none before `lowest` epochs, and each after `highest`.
    """

    def __init__(self, lowest: int, highest: int) -> None:
        self.highest = highest
        ratio = max(highest / lowest, 1.0)
        steps = int(math.log(ratio, ETA) + 1e-9)  # 3**2 is to be two steps
        self._rungs = [lowest * ETA**step for step in range(steps + 1)]
        if self._rungs[-1] >= highest:
            self._rungs.pop()  # the end is no place to halve

    def rungs(self, number: int) -> list[int]:
        """The epochs at which training job `number` is compared, from 0."""
        return self._rungs[number % max(len(self._rungs), 1) :]

    def stops(self, number: int, all_scores: Mapping[int, Sequence[float]]) -> bool:
        """Whether job `number` is to stop where it is now, by the scores of all by number."""
        scores = all_scores[number]
        if len(scores) > self.highest:
            return True
        for rung in self.rungs(number):
            if len(scores) < rung:
                break
            there = [
                each[rung - 1]
                for other, each in all_scores.items()
                if len(each) >= rung and rung in self.rungs(other)
            ]
            place = sum(score > scores[rung - 1] for score in there)
            if place >= max(1, len(there) // ETA):
                return True
        return False
