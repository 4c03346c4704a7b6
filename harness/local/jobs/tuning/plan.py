"""What a CreateHyperParameterTuningJob asks for, checked: AWS's rules beyond its service model."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.aws_model import quotas
from harness.config import extras
from harness.local.core import instances
from harness.local.jobs.tuning import ranges
from harness.local.jobs.tuning.ranges import Categorical, refusal
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OBJECTIVE = "_tuning_objective_metric"
"""The hyperparameter by which AWS tells containers the objective's name."""

MAX_PARALLEL = 100
"""Training jobs at once of a tuning job ("Resource Limits for Automatic Model Tuning")."""

MAX_JOBS = {"Random": 10_000}
"""Training jobs of a tuning job, by strategy; `DEFAULT_MAX_JOBS` of the others."""
DEFAULT_MAX_JOBS = 750

MAX_RESOURCE = 20_000
"""Epochs of Hyperband's `MaxResource`."""
EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
"""Static hyperparameters that say it where the request doesn't, as AWS reads them."""

MAX_HYPERPARAMETERS = 100

# What a training job is asked for as the definition says it.
_SAME = (
    "RoleArn", "InputDataConfig", "VpcConfig", "OutputDataConfig", "StoppingCondition",
    "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining",
    "CheckpointConfig", "RetryStrategy", "Environment",
)  # fmt: skip


@dataclass(frozen=True)
class Definition:
    """One `TrainingJobDefinition`, with the ranges and the objective that it has."""

    name: str | None
    given: Mapping[str, Any]
    objective: Mapping[str, str]
    ranges: Sequence[ranges.Range]
    place: str
    """What it is called in errors."""

    @property
    def metric(self) -> str:
        return self.objective["MetricName"]

    @property
    def sign(self) -> float:
        """What makes of a value of the objective a score, which is the larger the better."""
        return 1.0 if self.objective["Type"] == "Maximize" else -1.0

    @property
    def static(self) -> dict[str, str]:
        return {**self.given.get("StaticHyperParameters", {}), OBJECTIVE: self.metric}

    def training_job(self, name: str, tuned: Mapping[str, str], tags: Any) -> dict[str, Any]:
        """The CreateTrainingJob request of one of its training jobs."""
        request: dict[str, Any] = {
            "TrainingJobName": name,
            "HyperParameters": {**self.static, **tuned},
            "AlgorithmSpecification": dict(self.given["AlgorithmSpecification"]),
            "ResourceConfig": _resources(self.given, self.place),
            **{member: self.given[member] for member in _SAME if member in self.given},
        }
        return {**request, "Tags": tags} if tags else request


def _resources(given: Mapping[str, Any], place: str) -> dict[str, Any]:
    """The `ResourceConfig` of the training jobs; of several choices the first."""
    own, flexible = given.get("ResourceConfig"), given.get("HyperParameterTuningResourceConfig")
    if (own is None) == (flexible is None):
        raise refusal(f"{place}: give either ResourceConfig or HyperParameterTuningResourceConfig.")
    if flexible is None:
        # A tuning job keeps no warm pools that could be told: AWS unsets it, too.
        return {
            name: value for name, value in (own or {}).items() if name != "KeepAlivePeriodInSeconds"
        }
    chosen = {name: value for name, value in flexible.items() if name != "AllocationStrategy"}
    if configs := chosen.pop("InstanceConfigs", None):
        if {"InstanceType", "InstanceCount", "VolumeSizeInGB"} & chosen.keys():
            raise refusal(
                f"{place}.HyperParameterTuningResourceConfig: with InstanceConfigs, InstanceType, "
                "InstanceCount and VolumeSizeInGB must not be given."
            )
        chosen |= configs[0]
    return chosen


class Plan:
    """A tuning job as it is to be carried out.

    Raises:
        AwsError: AWS refuses it, or the local AWS doesn't run it.
    """

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.config: Mapping[str, Any] = request["HyperParameterTuningJobConfig"]
        self.strategy: str = self.config["Strategy"]
        self.limits: Mapping[str, Any] = self.config["ResourceLimits"]
        if "Autotune" in request:
            raise refusal("Autotune: not run by the local AWS, only by AWS.")
        if self.strategy == "Bayesian" and extras.missing("tuning"):
            raise refusal(
                "Strategy: Bayesian needs bayesian-optimization where the local AWS runs, which is "
                f"not installed there: {extras.command('tuning')}"
            )
        self.definitions = _definitions(request)
        self._check_names()
        for definition in self.definitions:
            _check_definition(definition)
        self.max_jobs = self._max_jobs()
        self.max_parallel: int = self.limits["MaxParallelTrainingJobs"]
        self._check_limits()
        self.resources = self._hyperband()

    @property
    def hyperparameters(self) -> int:
        """How many are tuned, of the definition that tunes most."""
        return max(len(each.ranges) for each in self.definitions)

    def described(self) -> dict[str, Any]:
        """The `HyperParameterTuningJobConfig`, with what AWS fills in."""
        described = {
            "TrainingJobEarlyStoppingType": "Off",
            **self.config,
            "ResourceLimits": {"MaxNumberOfTrainingJobs": self.max_jobs, **self.limits},
        }
        if "ParameterRanges" in self.config:
            described["ParameterRanges"] = _described(self.config["ParameterRanges"])
        return described

    def described_definitions(self) -> dict[str, Any]:
        """`TrainingJobDefinition`, or `TrainingJobDefinitions`."""
        described = []
        for each in self.definitions:
            algorithm = {"MetricDefinitions": [], **each.given["AlgorithmSpecification"]}
            own = {
                "StaticHyperParameters": each.static,
                "AlgorithmSpecification": algorithm,
                # Where the request has the flexible one, too: SDK v2's attach reads it.
                "ResourceConfig": _resources(each.given, each.place),
            }
            if "HyperParameterRanges" in each.given:
                own["HyperParameterRanges"] = _described(each.given["HyperParameterRanges"])
            described.append({**each.given, **own})
        if self.definitions[0].place == "TrainingJobDefinition":
            return {"TrainingJobDefinition": described[0]}
        return {"TrainingJobDefinitions": described}

    def _check_names(self) -> None:
        if len(self.definitions) == 1:
            return
        names = [each.name for each in self.definitions]
        if None in names or len(set(names)) != len(names):
            raise refusal("TrainingJobDefinitions: each must have a DefinitionName of its own.")
        if len({each.objective["Type"] for each in self.definitions}) > 1:
            raise refusal("TrainingJobDefinitions: the Type of each TuningObjective must be one.")

    def _max_jobs(self) -> int:
        """How many training jobs there are to be, at most."""
        given: int | None = self.limits.get("MaxNumberOfTrainingJobs")
        limit = MAX_JOBS.get(self.strategy, DEFAULT_MAX_JOBS)
        combinations = sum(ranges.combinations(each.ranges) for each in self.definitions)
        if self.strategy == "Grid":
            if not all(
                isinstance(r, Categorical) for each in self.definitions for r in each.ranges
            ):
                raise refusal(
                    "Only categorical hyperparameters are supported when using the Grid strategy."
                )
            if given is not None and given != combinations:
                raise refusal(
                    f"MaxNumberOfTrainingJobs [{given}] must equal the total number of distinct "
                    f"categorical combinations [{combinations:.0f}] when using the Grid strategy; "
                    "it need not be specified."
                )
            given = int(combinations)
        elif given is not None and combinations < given:
            raise refusal(
                "You don't have enough combinations of hyperparameter ranges. The total number of "
                f"hyperparameter combinations for the provided ranges [{combinations:.1f}] must be "
                f"equal or greater than the value of MaxNumberOfJobs, [{given}]. Provide "
                "additional ranges."
            )
        if given is None:
            return limit if math.isinf(combinations) else min(limit, int(combinations))
        _check_quota("training jobs per hyperparameter tuning job", limit, given)
        return given

    def _check_limits(self) -> None:
        parallel = "parallel training jobs per hyperparameter tuning job"
        _check_quota(parallel, MAX_PARALLEL, self.max_parallel)
        counts: Counter[str] = Counter()
        spot = any(each.given.get("EnableManagedSpotTraining") for each in self.definitions)
        for each in self.definitions:
            resources = _resources(each.given, each.place)
            groups = resources.get("InstanceGroups") or [resources]
            own = {g.get("InstanceType", ""): g.get("InstanceCount", 1) for g in groups}
            for kind, count in own.items():
                counts[kind] = max(counts[kind], count * self.max_parallel)
        quota = quotas.SPOT_TRAINING if spot else quotas.TRAINING
        # Those of several definitions run at once as many as one's.
        largest = counts.most_common(1)
        instances.check_count(largest, quota)

    def _hyperband(self) -> tuple[int, int] | None:
        """Hyperband's least and most epochs."""
        given = self.config.get("StrategyConfig", {}).get("HyperbandStrategyConfig")
        if self.strategy != "Hyperband":
            if given is not None:
                raise refusal(
                    "StrategyConfig.HyperbandStrategyConfig can be provided only if Hyperband is "
                    "selected as the strategy."
                )
            return None
        if self.config.get("TrainingJobEarlyStoppingType", "Off") != "Off":
            raise refusal(
                "TrainingJobEarlyStoppingType must be Off to use the Hyperband strategy, which has "
                "its own early stopping."
            )
        given = given or {}
        most = given.get("MaxResource") or self._epochs()
        least = given.get("MinResource", 1)
        if most is None:
            raise refusal(
                "HyperbandStrategyConfig.MaxResource must be provided, or one of the static "
                f"hyperparameters {', '.join(EPOCHS)}."
            )
        if not least <= most <= MAX_RESOURCE:
            raise refusal(
                f"HyperbandStrategyConfig: MinResource [{least}] must be at most MaxResource "
                f"[{most}], and that at most {MAX_RESOURCE}."
            )
        return least, most

    def _epochs(self) -> int | None:
        for definition in self.definitions:
            for name in EPOCHS:
                text = definition.static.get(name, "").strip('"')
                if text.isdecimal() and int(text):
                    return int(text)
        return None


def _described(given: Mapping[str, Any]) -> dict[str, Any]:
    """A `ParameterRanges` with all its lists, and the scaling that AWS fills in."""
    described: dict[str, Any] = {}
    for kind in ranges.KINDS:
        auto = {} if kind == "CategoricalParameterRanges" else {"ScalingType": "Auto"}
        described[kind] = [{**auto, **each} for each in given.get(kind) or []]
    return described


def _definitions(request: Mapping[str, Any]) -> list[Definition]:
    config = request["HyperParameterTuningJobConfig"]
    single, several = request.get("TrainingJobDefinition"), request.get("TrainingJobDefinitions")
    if (single is None) == (several is None):
        raise refusal("Give either TrainingJobDefinition or TrainingJobDefinitions.")
    pairs = [("TrainingJobDefinition", single)] if single else []
    pairs += [(f"TrainingJobDefinitions[{i}]", each) for i, each in enumerate(several or [])]
    found = []
    for place, given in pairs:
        objective = _one_of(
            (given, f"{place}.TuningObjective", "TuningObjective"),
            (config, "HyperParameterTuningJobObjective", "HyperParameterTuningJobObjective"),
        )
        ranged = _one_of(
            (given, f"{place}.HyperParameterRanges", "HyperParameterRanges"),
            (config, "ParameterRanges", "ParameterRanges"),
        )
        parsed = ranges.parse(ranged, place)
        found.append(Definition(given.get("DefinitionName"), given, objective, parsed, place))
    return found


def _one_of(*choices: tuple[Mapping[str, Any], str, str]) -> Any:
    there = [(given[member], where) for given, where, member in choices if member in given]
    if len(there) != 1:
        names = " or ".join(where for _, where, _ in choices)
        raise refusal(f"Give either {names}.")
    return there[0][0]


def _check_definition(definition: Definition) -> None:
    given, place = definition.given, definition.place
    metrics = given["AlgorithmSpecification"].get("MetricDefinitions") or []
    if definition.metric not in {each["Name"] for each in metrics}:
        raise refusal(
            "A metric is required for this hyperparameter tuning job objective. Provide a metric "
            "in the metric definitions."
        )
    if not definition.ranges:
        raise refusal(f"{place}: there is no hyperparameter to tune: give a range of values.")
    tuned = {each.name for each in definition.ranges}
    if both := sorted(tuned & definition.static.keys()):
        raise refusal(f"{place}: hyperparameters can't be both static and tuned: {both}.")
    if len(tuned | definition.static.keys()) > MAX_HYPERPARAMETERS:
        raise refusal(f"{place}: a training job has at most {MAX_HYPERPARAMETERS} hyperparameters.")


def _check_quota(what: str, limit: int, asked: int) -> None:
    """Raises AWS's `ResourceLimitExceeded`."""
    if asked > limit:
        raise AwsError(
            "ResourceLimitExceeded",
            f"The account-level service limit 'Number of {what}' is {limit} Training jobs, with "
            f"current utilization of 0 Training jobs and a request delta of {asked} Training jobs. "
            "Please use AWS Service Quotas to request an increase for this quota. If AWS Service "
            "Quotas is not available, contact AWS support to request an increase for this quota.",
        )
