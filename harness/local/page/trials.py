"""The training jobs of a tuning job: what each was given, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.local.page.parts.kinds import tone, url
from harness.local.page.parts.plots import Series, number, plot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from harness.local.page.parts.asked import Local

SHOWN = 100
"""Training jobs, the first ones."""

PLOTS = 6
"""Hyperparameters that the objective is drawn over."""


@dataclass(frozen=True)
class Trial:
    """A training job of a tuning job. `value` is the objective's, once it is known."""

    number: int
    name: str
    url: str
    status: str
    value: float | None
    tuned: dict[str, str]
    is_best: bool

    @property
    def tone(self) -> str:
        return tone(self.status)

    @property
    def objective(self) -> str:
        return "" if self.value is None else number(self.value)


@dataclass(frozen=True)
class Trials:
    """`objective` is the metric's name; `plots` have a name each."""

    objective: str
    tuned: Sequence[str]
    all: Sequence[Trial]
    plots: Sequence[tuple[str, Markup]]


def trials(local: Local, region: str, found: dict[str, Any]) -> Trials | None:
    """Those of the tuning job that is described; None if it has none."""
    asked: dict[str, Any] = {
        "HyperParameterTuningJobName": found["HyperParameterTuningJobName"],
        "SortBy": "CreationTime", "SortOrder": "Ascending", "MaxResults": SHOWN,
    }  # fmt: skip
    operation = "ListTrainingJobsForHyperParameterTuningJob"
    answer = local.call(operation, region, asked) or {}
    best = found.get("BestTrainingJob", {}).get("TrainingJobName")
    every = [
        _trial(place, each, region, best)
        for place, each in enumerate(answer.get("TrainingJobSummaries", []), 1)
    ]
    if not every:
        return None
    tuned = list(dict.fromkeys(name for each in every for name in each.tuned))
    summaries = answer["TrainingJobSummaries"]
    metrics = (each.get("FinalHyperParameterTuningJobObjectiveMetric") for each in summaries)
    objective = next((each["MetricName"] for each in metrics if each), "objective")
    return Trials(objective, tuned, every, list(_plots(objective, tuned, every)))


def _trial(place: int, summary: dict[str, Any], region: str, best: str | None) -> Trial:
    name = summary["TrainingJobName"]
    objective = summary.get("FinalHyperParameterTuningJobObjectiveMetric") or {}
    return Trial(
        place, name, url("TrainingJob", name, region), summary["TrainingJobStatus"],
        objective.get("Value"), summary.get("TunedHyperParameters", {}), name == best,
    )  # fmt: skip


def _plots(
    objective: str, tuned: Sequence[str], every: Sequence[Trial]
) -> list[tuple[str, Markup]]:
    """The objective over the trials in order, and over each hyperparameter that is a number."""
    ended = [(each, each.value) for each in every if each.value is not None]
    if len(ended) < 2:
        return []
    values = [value for _, value in ended]
    order = [float(each.number) for each, _ in ended]
    found = [("trial", _scatter(objective, "trial", order, values))]
    for name in tuned:
        places = [_number(each.tuned.get(name, "")) for each, _ in ended]
        there = [place for place in places if place is not None]
        if len(there) == len(places) and len(set(there)) > 1 and len(found) <= PLOTS:
            found.append((name, _scatter(objective, name, there, values)))
    return found


def _scatter(objective: str, name: str, places: list[float], values: list[float]) -> Markup:
    return plot(Series(objective, places, values, over=name, is_joined=False))


def _number(text: str) -> float | None:
    """Finite and of a size that has a place beside others, or none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < 1e300 else None
