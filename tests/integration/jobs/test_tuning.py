"""Hyperparameter tuning jobs, whose training jobs run in containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from examples.gauss3 import tune as gauss3
from tests.integration.support import ROLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.image.build import BuiltImage
    from tests.integration.support import AWS, Names

pytestmark = pytest.mark.timeout(240)

GROUP = "/aws/sagemaker/TrainingJobs"
X = {"Name": "x", "MinValue": "0", "MaxValue": "1", "ScalingType": "Linear"}


def labels(*values: str) -> dict[str, Any]:
    return {"CategoricalParameterRanges": [{"Name": "label", "Values": list(values)}]}


@pytest.fixture
def tune(aws: AWS, names: Names, probe_image: str) -> Callable[..., str]:
    """Creates a tuning job on the probe image."""

    def tune(
        ranges: dict[str, Any],
        jobs: int | None,
        parallel: int = 1,
        static: dict[str, str] | None = None,
        config: dict[str, Any] | None = None,
        image: str = probe_image,
        definitions: Sequence[dict[str, Any]] = (),
        **members: Any,
    ) -> str:
        name = names.new("t")[-32:].strip("-")
        limits = {"MaxParallelTrainingJobs": parallel}
        if jobs is not None:
            limits["MaxNumberOfTrainingJobs"] = jobs
        whole: Any = {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": limits,
            "ParameterRanges": ranges,
            "RandomSeed": 1,
            **(config or {}),
        }
        definition: Any = {
            "AlgorithmSpecification": {
                "TrainingImage": image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "score", "Regex": "score=([-0-9.]+);"}],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{aws.bucket}/out"},
            "ResourceConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 120},
            "Environment": {"PROBE": "tune"},
            "StaticHyperParameters": static or {},
        }
        if definitions:  # which say themselves what is tuned, and for what
            whole = {k: v for k, v in whole.items() if k not in (
                "HyperParameterTuningJobObjective", "ParameterRanges")}  # fmt: skip
            members["TrainingJobDefinitions"] = [{**definition, **each} for each in definitions]
        else:
            members["TrainingJobDefinition"] = definition
        aws.sagemaker.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name, HyperParameterTuningJobConfig=whole, **members
        )
        return name

    return tune


def describe(aws: AWS, name: str) -> Any:
    return aws.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)


def children(aws: AWS, name: str, **members: Any) -> list[Any]:
    listed = aws.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, **members
    )
    return listed["TrainingJobSummaries"]


def finish(aws: AWS, name: str) -> Any:
    def ended() -> Any:
        job = describe(aws, name)
        running = job["HyperParameterTuningJobStatus"] in ("InProgress", "Stopping")
        return None if running else job

    return aws.wait_until(ended, f"end of {name}")


def test_an_image_that_does_not_exist_is_refused(tune: Callable[..., str]) -> None:
    image = "harness-no-such-image.invalid/x:1"
    with pytest.raises(ClientError, match=f"Cannot find the requested image: {image} with tag: 1"):
        tune({"ContinuousParameterRanges": [X]}, 1, image=image)


def test_a_search_finds_the_best_and_its_training_jobs_are_as_any_other(
    aws: AWS, tune: Callable[..., str]
) -> None:
    ranges = {
        "ContinuousParameterRanges": [X],
        "IntegerParameterRanges": [{"Name": "n", "MinValue": "1", "MaxValue": "9"}],
        **labels("good", "better"),
    }
    tags = [{"Key": "team", "Value": "blue"}]
    name = tune(ranges, 6, 2, {"kept": "same"}, {"Strategy": "Bayesian"}, Tags=tags)
    job = finish(aws, name)

    assert job["HyperParameterTuningJobStatus"] == "Completed", job.get("FailureReason")
    assert job["TrainingJobStatusCounters"]["Completed"] == 6
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 6, "Pending": 0, "Failed": 0}
    by_value = children(aws, name, SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    best = job["BestTrainingJob"]
    assert by_value[0] == best
    assert [each["TrainingJobName"].rpartition("-")[0] for each in children(aws, name)] == [
        f"{name}-{number:03}" for number in range(1, 7)
    ]
    value = best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    component = aws.sagemaker.describe_trial_component(
        TrialComponentName=f"{best['TrainingJobName']}-aws-training-job"
    )
    assert component["Metrics"][0]["Last"] == value
    found = aws.sagemaker.search(
        Resource="HyperParameterTuningJob",
        SearchExpression={
            "Filters": [
                {"Name": "HyperParameterTuningJobName", "Operator": "Equals", "Value": name}
            ]
        },
    )
    assert [each["HyperParameterTuningJob"]["BestTrainingJob"] for each in found["Results"]] == [
        best
    ]
    tuned = best["TunedHyperParameters"]
    assert value == pytest.approx(1 - (float(tuned["x"]) - 0.3) ** 2, abs=1e-5)
    assert 1 <= int(tuned["n"]) <= 9

    child = aws.sagemaker.describe_training_job(TrainingJobName=best["TrainingJobName"])
    assert child["TuningJobArn"] == job["HyperParameterTuningJobArn"]
    assert child["HyperParameters"] == {
        **tuned, "kept": "same", "_tuning_objective_metric": "score",
    }  # fmt: skip
    assert child["FinalMetricDataList"][0]["Value"] == pytest.approx(value)
    assert aws.sagemaker.list_tags(ResourceArn=child["TrainingJobArn"])["Tags"] == tags
    log = aws.log(GROUP, best["TrainingJobName"])
    assert any('"_tuning_objective_metric": "score"' in line for line in log)
    listed = aws.sagemaker.list_training_jobs(NameContains=name)["TrainingJobSummaries"]
    assert len(listed) == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        {"Strategy": "Grid", "TrainingJobEarlyStoppingType": "Auto"},
        {
            "Strategy": "Hyperband",
            "StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 2, "MaxResource": 6}},
        },
    ],
)
def test_a_training_job_that_is_worse_than_others_is_stopped(
    aws: AWS, tune: Callable[..., str], config: dict[str, Any]
) -> None:
    jobs = None if config["Strategy"] == "Grid" else 2
    static = {"epochs": "60", "pause": "0.05"}
    name = tune(labels("good", "bad"), jobs, 1, static, config)
    job = finish(aws, name)

    assert job["HyperParameterTuningJobStatus"] == "Completed", job.get("FailureReason")
    ended = {each["TunedHyperParameters"]["label"]: each for each in children(aws, name)}
    if config["Strategy"] == "Grid":
        assert ended["good"]["TrainingJobStatus"] == "Completed"
        assert ended["bad"]["TrainingJobStatus"] == "Stopped"
    else:  # each is stopped that goes on after MaxResource
        assert job["TrainingJobStatusCounters"]["Stopped"] == 2
    assert ended["bad"]["ObjectiveStatus"] == "Succeeded"
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"label": "good"}


@pytest.mark.slow
def test_no_more_run_at_once_than_the_machine_has_room_for_and_all_stop(
    aws: AWS, tune: Callable[..., str], docker_client: Any
) -> None:
    room = docker_client.info()["NCPU"]
    name = tune({"ContinuousParameterRanges": [X]}, 20, room + 2, {"epochs": "2000", "pause": "1"})

    def messages() -> list[str]:
        found = []
        for each in children(aws, name, MaxResults=100):
            job = aws.sagemaker.describe_training_job(TrainingJobName=each["TrainingJobName"])
            found.append(job["SecondaryStatusTransitions"][-1]["StatusMessage"])
        return found

    aws.wait_until(
        lambda: sum(each.startswith("Training image") for each in messages()) == room,
        "as many as there is room for",
    )
    said = messages()
    assert len(said) == room + 2
    assert sum(each.startswith(f"Waiting until one of the {room} training") for each in said) == 2
    assert describe(aws, name)["TrainingJobStatusCounters"]["InProgress"] == room + 2

    aws.wait_until(  # that they hear SIGTERM: the first process of a container ignores it before
        lambda: sum("epoch=1" in line for line in aws.log(GROUP, name)) == room,
        "the first epoch of those that run",
    )
    aws.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    job = finish(aws, name)
    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    assert job["TrainingJobStatusCounters"]["Stopped"] == room + 2
    assert not aws.containers(name)


@pytest.mark.slow
def test_no_further_job_is_launched_once_none_is_better(aws: AWS, tune: Callable[..., str]) -> None:
    patience = {"MaxNumberOfTrainingJobsNotImproving": 3}
    criteria = {"TuningJobCompletionCriteria": {"BestObjectiveNotImproving": patience}}
    n = {"Name": "n", "MinValue": "1", "MaxValue": "100"}  # which says nothing of the score
    job = finish(aws, tune({"IntegerParameterRanges": [n]}, 30, 1, config=criteria))
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["Completed"] == 4
    assert job["TuningJobCompletionDetails"]["NumberOfTrainingJobsObjectiveNotImproving"] == 3


@pytest.mark.slow
def test_several_definitions_have_ranges_on_their_own_scales(
    aws: AWS, tune: Callable[..., str]
) -> None:
    def definition(name: str, kind: str, scaled: dict[str, str]) -> dict[str, Any]:
        return {
            "DefinitionName": name,
            "TuningObjective": {"Type": "Maximize", "MetricName": "score"},
            "HyperParameterRanges": {f"{kind}ParameterRanges": [scaled]},
        }

    near_one = {"Name": "x", "MinValue": "0.1", "MaxValue": "0.9",
                "ScalingType": "ReverseLogarithmic"}  # fmt: skip
    powers = {"Name": "n", "MinValue": "1", "MaxValue": "10000", "ScalingType": "Logarithmic"}
    own = [definition("a", "Continuous", near_one), definition("b", "Integer", powers)]
    name = tune({}, 4, 2, definitions=own)
    job = finish(aws, name)
    assert job["HyperParameterTuningJobStatus"] == "Completed", job.get("FailureReason")
    found: dict[str, list[dict[str, str]]] = {"a": [], "b": []}
    for each in children(aws, name):
        found[each["TrainingJobDefinitionName"]].append(each["TunedHyperParameters"])
        assert each["TrainingJobStatus"] == "Completed"
    assert [len(each) for each in found.values()] == [2, 2]
    assert all(0.1 <= float(each["x"]) <= 0.9 for each in found["a"])
    assert all(1 <= int(each["n"]) <= 10_000 for each in found["b"])
    assert job["BestTrainingJob"]["TrainingJobDefinitionName"] == "b"  # whose x is the best one


@pytest.mark.slow
def test_one_failure_is_told_and_nothing_but_failures_fail_the_tuning_job(
    aws: AWS, tune: Callable[..., str]
) -> None:
    one = tune(labels("good", "fail"), None, 2, config={"Strategy": "Grid"})
    all_ = tune({"ContinuousParameterRanges": [X]}, 9, 2, {"label": "fail"})

    job = finish(aws, one)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["NonRetryableError"] == 1
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"label": "good"}
    (failed,) = children(aws, one, StatusEquals="Failed")
    assert failed["FailureReason"] == "AlgorithmError: told to fail, exit code: 1"
    assert failed["ObjectiveStatus"] == "Failed"

    job = finish(aws, all_)
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("No training job succeeded after ")
    assert "BestTrainingJob" not in job
    assert 5 <= job["TrainingJobStatusCounters"]["NonRetryableError"] <= 6


@pytest.mark.slow
def test_a_warm_start_knows_its_parents_and_a_target_ends_it(
    aws: AWS, tune: Callable[..., str]
) -> None:
    ranges = {"ContinuousParameterRanges": [X]}
    parent = tune(ranges, 4, 2, config={"Strategy": "Bayesian"})
    best = finish(aws, parent)["BestTrainingJob"]
    for kind in ("IdenticalDataAndAlgorithm", "TransferLearning"):
        warm = {
            "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": parent}],
            "WarmStartType": kind,
        }
        config = {
            "Strategy": "Bayesian",
            "TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 0.9},
        }
        job = finish(aws, tune(ranges, 10, 1, config=config, WarmStartConfig=warm))
        assert job["HyperParameterTuningJobStatus"] == "Completed"
        assert job["TrainingJobStatusCounters"]["Completed"] < 10
        if kind == "TransferLearning":
            assert "OverallBestTrainingJob" not in job
        else:
            both = [best, job["BestTrainingJob"]]
            assert job["OverallBestTrainingJob"] == max(
                both, key=lambda each: each["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
            )


@pytest.mark.slow
def test_twelve_jobs_on_gauss3_find_a_model_nearly_as_good_as_the_published_one(
    aws: AWS, gam_image: BuiltImage
) -> None:
    job = gauss3.tune(aws.session, gam_image.name, aws.bucket)
    assert job["TrainingJobStatusCounters"]["Completed"] == gauss3.JOBS
    assert gauss3.r_squared(job) > 0.997  # 0.9972 is published
