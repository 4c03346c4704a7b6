"""`WarmStartConfig`: a tuning job that begins with what others have come to."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, Protocol

from harness.local.jobs.tuning.plan import DEFAULT_MAX_JOBS, MAX_JOBS
from harness.local.jobs.tuning.ranges import Numeric, refusal
from harness.local.jobs.tuning.search import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from harness.local.jobs.tuning.child import Child
    from harness.local.jobs.tuning.plan import Definition, Plan

MAX_CHANGES = 10
"""Changes of static hyperparameters ("Warm Start Tuning Restrictions" in AWS's guide)."""

IDENTICAL = "IdenticalDataAndAlgorithm"


class Parent(Protocol):
    """What is asked of a tuning job that others begin with."""

    status: str
    plan: Plan
    children: list[Child]


class WarmStart:
    """The parents of a tuning job, as they were when it was created."""

    def __init__(self, kind: str = "", parents: Iterable[Parent] = ()) -> None:
        self._kind = kind
        self._parents = [list(parent.children) for parent in parents]

    @classmethod
    def restored(cls, best: Child) -> WarmStart:
        """Of a job that was saved: all that counts once it has ended."""
        found = cls(IDENTICAL)
        found._parents = [[best]]
        return found

    def outcomes(self) -> list[Outcome]:
        """What the parents' training jobs have come to.

        With transfer learning only which of a parent's were better than its others counts, since
        new data, or a new algorithm, has other values: their scores are standardised.
        """
        found = []
        for children in self._parents:
            scored = [(each, each.score) for each in children if each.score is not None]
            scores = [score for _, score in scored if score is not None]
            if self._kind != IDENTICAL and scores:
                scores = standardised(scores)
            found += [
                Outcome(each.request["HyperParameters"], score)
                for (each, _), score in zip(scored, scores, strict=True)
            ]
        return found

    @property
    def is_transfer(self) -> bool:
        return bool(self._parents) and self._kind != IDENTICAL

    def best(self) -> list[Child]:
        """The training jobs that count for `OverallBestTrainingJob`, which is of identical data."""
        if self._kind != IDENTICAL:
            return []
        return [each for children in self._parents for each in children]


def standardised(scores: Sequence[float]) -> list[float]:
    mean, spread = statistics.fmean(scores), statistics.pstdev(scores) or 1.0
    return [(score - mean) / spread for score in scores]


def check(
    config: Mapping[str, Any] | None, plan: Plan, find: Callable[[str], Parent | None]
) -> WarmStart:
    """The warm start that a request asks for.

    Raises:
        AwsError: a parent doesn't exist, still runs, or tunes something else.
    """
    if config is None:
        return WarmStart()
    if plan.strategy not in ("Bayesian", "Random"):
        raise refusal(f"WarmStartConfig: not with the strategy {plan.strategy}.")
    if len(plan.definitions) > 1:
        raise refusal("WarmStartConfig: not with several TrainingJobDefinitions.")
    parents = []
    for each in config["ParentHyperParameterTuningJobs"]:
        name = each.get("HyperParameterTuningJobName", "")
        parent = find(name)
        if parent is None:
            raise refusal(
                f"WarmStartConfig: there is no parent hyperparameter tuning job {name!r}."
            )
        if parent.status in ("InProgress", "Stopping"):
            raise refusal(
                f"WarmStartConfig: the parent hyperparameter tuning job {name} is in status "
                f"{parent.status}; it must be Completed, Stopped or Failed."
            )
        if len(parent.plan.definitions) > 1:
            raise refusal(f"WarmStartConfig: the parent {name} has several TrainingJobDefinitions.")
        _check_parent(
            name, parent.plan.definitions[0], plan.definitions[0], config["WarmStartType"]
        )
        parents.append(parent)
    launched = sum(len(parent.children) for parent in parents)
    limit = MAX_JOBS.get(plan.strategy, DEFAULT_MAX_JOBS)
    if launched + plan.max_jobs > limit:
        raise refusal(
            f"WarmStartConfig: the parents' {launched} training jobs and MaxNumberOfTrainingJobs "
            f"[{plan.max_jobs}] together are more than {limit}."
        )
    return WarmStart(config["WarmStartType"], parents)


def _check_parent(name: str, parent: Definition, new: Definition, kind: str) -> None:
    if dict(parent.objective) != dict(new.objective):
        raise refusal(
            f"WarmStartConfig: the objective metric must be the same as that of the parent {name}: "
            f"{parent.objective['Type']} {parent.metric}."
        )
    was, now = _types(parent), _types(new)
    if parent.static.keys() | was.keys() != new.static.keys() | now.keys():
        raise refusal(
            "The set of tunable plus static HyperParameter names is not the same across current "
            "and parent tuning jobs. Please ensure this set is constant when warm starting. Note "
            "that previously static HyperParameters can be tuned in warm start jobs and vice versa."
        )
    if changed := sorted(each for each in was.keys() & now.keys() if was[each] != now[each]):
        raise refusal(
            f"WarmStartConfig: the type of {changed[0]} must be the same as in the parent {name}."
        )
    if (changes := _changes(parent, new)) > MAX_CHANGES:
        raise refusal(
            f"WarmStartConfig: {changes} changes of static hyperparameters since the parent {name} "
            f"are more than {MAX_CHANGES}."
        )
    if kind != IDENTICAL:
        return
    images = [each.given["AlgorithmSpecification"].get("TrainingImage") for each in (parent, new)]
    inputs = [each.given.get("InputDataConfig") for each in (parent, new)]
    for what, (before, after) in (("TrainingImage", images), ("InputDataConfig", inputs)):
        if before != after:
            raise refusal(
                f"WarmStartConfig: with {IDENTICAL} the {what} must be the same as that of the "
                f"parent {name}."
            )


def _types(definition: Definition) -> dict[str, str]:
    """The kinds of the hyperparameters that are tuned."""
    return {
        each.name: ("integer" if each.is_integer else "continuous")
        if isinstance(each, Numeric)
        else "categorical"
        for each in definition.ranges
    }


def _changes(parent: Definition, new: Definition) -> int:
    """Each value of a categorical hyperparameter counts, and two for a static value's change."""
    changes = 0
    for each in parent.ranges:
        if each.name in new.static:
            changes += 1 if isinstance(each, Numeric) else len(each.values)
    for name, value in parent.static.items():
        if name in new.static and new.static[name] != value:
            changes += 2
    return changes
