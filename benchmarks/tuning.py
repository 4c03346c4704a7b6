"""Twelve training jobs of a tuning job, beside the same twelve started by hand.

    python benchmarks/tuning.py [--json] [--rounds 3]

By hand as many run at once as the machine has processors, which is what a tuning job does by
itself. The tuning job is of a grid, so that both have the same hyperparameters, and of a Bayesian
search, which has to think in between. A service of its own runs them, in turns, once it is warm.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shared import gauss3
from shared.command import argument_parser, load_settings, prepare, say, tell
from shared.service import LIMIT, Service, service

GOAL = 1.15  # times by hand
POLL = 0.05
DF = ["10", "20", "30"]
ALPHA = ["0.1", "1", "10", "100"]
_numbers = itertools.count(1)


class Work:
    """The jobs, with the data in place."""

    def __init__(self, local: Service) -> None:
        self._sagemaker = local.sagemaker
        settings = load_settings()
        self._static = {
            name: str(value)
            for name, value in settings.hyperparameters.items()
            if name not in ("df", "alpha")
        }
        for channel, rows in gauss3.channels(0.0).items():
            local.s3.put_object(
                Bucket=local.bucket, Key=f"tuning/{channel}/{channel}.csv", Body=rows
            )
        definitions = settings.metrics.definitions.items()
        self._common = local.definition(
            {channel: f"tuning/{channel}/" for channel in ("train", "test")},
            {"MetricDefinitions": [{"Name": name, "Regex": regex} for name, regex in definitions]},
        )

    def by_hand(self) -> float:
        """Seconds of the twelve, as many at once as there are processors."""
        start = time.perf_counter()
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            list(pool.map(self._train, itertools.product(DF, ALPHA)))
        return time.perf_counter() - start

    def _train(self, values: tuple[str, str]) -> None:
        df, alpha = values
        name = f"by-hand-{next(_numbers)}"
        self._sagemaker.create_training_job(
            TrainingJobName=name,
            HyperParameters={**self._static, "df": df, "alpha": alpha},
            **self._common,
        )
        self._until_completed(
            lambda: self._sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"]
        )

    def tuned(self, strategy: str) -> float:
        """Seconds of a tuning job of twelve."""
        name = f"tuned-{next(_numbers)}"
        ranges: Any = {
            "CategoricalParameterRanges": [
                {"Name": "df", "Values": DF}, {"Name": "alpha", "Values": ALPHA}
            ]
        }  # fmt: skip
        if strategy == "Bayesian":
            ranges = {
                "IntegerParameterRanges": [{"Name": "df", "MinValue": "10", "MaxValue": "30"}],
                "ContinuousParameterRanges": [
                    {"Name": "alpha", "MinValue": "0.1", "MaxValue": "100"}
                ],
            }
        config: Any = {
            "Strategy": strategy,
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "test:r2"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 12, "MaxParallelTrainingJobs": 4},
            "ParameterRanges": ranges,
            "RandomSeed": 1,
        }
        definition: Any = {"StaticHyperParameters": self._static, **self._common}
        start = time.perf_counter()
        self._sagemaker.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name,
            HyperParameterTuningJobConfig=config,
            TrainingJobDefinition=definition,
        )
        self._until_completed(
            lambda: self._sagemaker.describe_hyper_parameter_tuning_job(
                HyperParameterTuningJobName=name
            )["HyperParameterTuningJobStatus"]
        )
        return time.perf_counter() - start

    def _until_completed(self, status: Any) -> None:
        deadline = time.monotonic() + LIMIT
        while (found := status()) != "Completed":
            if found != "InProgress" or time.monotonic() > deadline:
                raise SystemExit(f"a job is {found}")
            time.sleep(POLL)


def main() -> int:
    arguments = argument_parser(__doc__, rounds=3).parse_args()
    _, image = prepare()
    seconds: dict[str, list[float]] = {"by hand": [], "Grid": [], "Bayesian": []}
    with service(image) as local:
        work = Work(local)
        work.tuned("Bayesian")  # the optimiser is imported once
        for _ in range(arguments.rounds):
            seconds["by hand"].append(work.by_hand())
            for strategy in ("Grid", "Bayesian"):
                seconds[strategy].append(work.tuned(strategy))
            say(", ".join(f"{name} {each[-1]:.1f} s" for name, each in seconds.items()))
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    ratios = {name: medians[name] / medians["by hand"] for name in ("Grid", "Bayesian")}
    result = {
        "rounds": arguments.rounds,
        "seconds": {name: round(each, 2) for name, each in medians.items()},
        "ratios": {name: round(each, 3) for name, each in ratios.items()},
        "goal": GOAL,
    }
    table = f"by hand   {medians['by hand']:6.2f} s   twelve training jobs\n" + "\n".join(
        f"{name:<9} {medians[name]:6.2f} s   ratio {ratio:.2f} (at most {GOAL})"
        for name, ratio in ratios.items()
    )
    tell(result, table, as_json=arguments.json)
    return 0 if max(ratios.values()) <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
