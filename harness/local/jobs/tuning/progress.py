"""How far a tuning job is: the best result, and since when none was better."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNIFICANT = 0.01
"""Of the best value: what less is no improvement (BestObjectiveNotImproving in the reference)."""

CONVERGED = 10
"""Results in a row without an improvement after which a job has converged, or three for each
hyperparameter if that is more. AWS has criteria of its own, which it doesn't tell."""


class Progress:
    """Of the scores that training jobs have come to, the larger the better."""

    def __init__(self, criteria: Mapping[str, Any], sign: float, hyperparameters: int) -> None:
        self._criteria = criteria
        self._sign = sign
        self._enough = max(CONVERGED, 3 * hyperparameters)
        self._best: float | None = None
        self.not_improving = 0
        self.converged: datetime | None = None

    def add(self, score: float) -> None:
        """A training job has ended with this score."""
        best = self._best
        if best is None or score - best > SIGNIFICANT * abs(best):
            self.not_improving = 0
        else:
            self.not_improving += 1
        if best is None or score > best:
            self._best = score
        if self.not_improving >= self._enough and self.converged is None:
            self.converged = datetime.now(UTC)

    def is_complete(self) -> bool:
        """Whether one of the `TuningJobCompletionCriteria` is met."""
        target = self._criteria.get("TargetObjectiveMetricValue")
        patience = self._criteria.get("BestObjectiveNotImproving", {}).get(
            "MaxNumberOfTrainingJobsNotImproving"
        )
        convergence = self._criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence")
        return (
            (target is not None and self._best is not None and self._best >= self._sign * target)
            or (patience is not None and self.not_improving >= patience)
            or (convergence == "Enabled" and self.converged is not None)
        )

    def details(self) -> dict[str, Any]:
        """`TuningJobCompletionDetails`."""
        return {
            "NumberOfTrainingJobsObjectiveNotImproving": self.not_improving,
            "ConvergenceDetectedTime": self.converged,
        }
