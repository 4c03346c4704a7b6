"""What CreateHyperParameterTuningJob refuses, and tuning jobs that need no container to end."""

from __future__ import annotations

import copy
import subprocess
import sys
import time

import pytest

from tests.clients import refusal

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
X = {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}]}
LABELS = {"CategoricalParameterRanges": [{"Name": "label", "Values": ["a", "b", "c"]}]}


@pytest.fixture
def request_(aws, new):
    """A request, with members of its configuration and its definition instead of these."""

    def make(config=None, definition=None, **members):
        whole = {
            "HyperParameterTuningJobName": new("tune"),
            "HyperParameterTuningJobConfig": {
                "Strategy": "Random",
                "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "r2"},
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
                "ParameterRanges": X,
                **(config or {}),
            },
            "TrainingJobDefinition": {
                "AlgorithmSpecification": {
                    "TrainingImage": "image:1",
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": "r2", "Regex": "r2=(.*);"}],
                },
                "RoleArn": ROLE,
                "OutputDataConfig": {"S3OutputPath": f"s3://{aws.bucket}/out"},
                "ResourceConfig": {
                    "InstanceCount": 1,
                    "InstanceType": "ml.m5.large",
                    "VolumeSizeInGB": 1,
                },
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
                **(definition or {}),
            },
            **members,
        }
        for part in (whole, *(each for each in whole.values() if isinstance(each, dict))):
            for name in [name for name, value in part.items() if value is None]:
                del part[name]
        return whole

    return make


def limits(jobs=2, parallel=2, **members):
    given = {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel, **members}
    return {"ResourceLimits": {name: value for name, value in given.items() if value is not None}}


HYPERBAND = {"HyperbandStrategyConfig": {"MinResource": 3, "MaxResource": 2}}
OTHER = {"Type": "Maximize", "MetricName": "loss"}
FLEXIBLE = {
    "InstanceType": "ml.m5.large",
    "InstanceConfigs": [
        {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
    ],
}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"TrainingJobDefinition": None}, "either TrainingJobDefinition or"),
        ({"Autotune": {"Mode": "Enabled"}}, "Autotune: not run by the local AWS"),
        (
            {"config": {"HyperParameterTuningJobObjective": OTHER}},
            ("A metric is required for this hyperparameter tuning job objective. Provide a metric "
            "in the metric definitions."),
        ),
        ({"config": {"HyperParameterTuningJobObjective": None}}, "TuningObjective or"),
        ({"config": {"ParameterRanges": None}}, "HyperParameterRanges or ParameterRanges"),
        ({"config": {"ParameterRanges": {}}}, "no hyperparameter to tune"),
        ({"definition": {"HyperParameterRanges": LABELS}}, "HyperParameterRanges or"),
        ({"definition": {"StaticHyperParameters": {"x": "1"}}}, "both static and tuned: ['x']"),
        ({"config": {"Strategy": "Grid"}}, "Only categorical hyperparameters are supported"),
        (
            {"config": {"Strategy": "Grid", "ParameterRanges": LABELS}},
            ("MaxNumberOfTrainingJobs [2] must equal the total number of distinct categorical "
            "combinations [3]"),
        ),
        (
            {"config": {"ParameterRanges": LABELS, **limits(10)}},
            (
                "The total number of hyperparameter combinations for the provided ranges [3.0] "
                "must be equal or greater than the value of MaxNumberOfJobs, [10]. Provide "
                "additional ranges."
            ),
        ),
        ({"config": {"StrategyConfig": HYPERBAND}}, "only if Hyperband is selected"),
        ({"config": {"Strategy": "Hyperband"}}, "MaxResource must be provided"),
        (
            {"config": {"Strategy": "Hyperband", "StrategyConfig": HYPERBAND}},
            "MinResource [3] must be at most MaxResource [2]",
        ),
        (
            {"config": {"Strategy": "Hyperband", "TrainingJobEarlyStoppingType": "Auto"}},
            "TrainingJobEarlyStoppingType must be Off",
        ),
        ({"definition": {"ResourceConfig": None}}, "either ResourceConfig or"),
        (
            {
                "definition": {
                    "ResourceConfig": None, "HyperParameterTuningResourceConfig": FLEXIBLE,
                }
            },
            "with InstanceConfigs, InstanceType",
        ),
        (
            {"definition": {"CheckpointConfig": {"S3Uri": "s3://b/c", "LocalPath": "x"}}},
            "CheckpointConfig.LocalPath",
        ),
        (
            {
                "WarmStartConfig": {
                    "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "gone"}],
                    "WarmStartType": "TransferLearning",
                }
            },
            "there is no parent hyperparameter tuning job 'gone'",
        ),
    ],
)  # fmt: skip
def test_what_aws_refuses_or_is_not_run_is_refused(aws, request_, members, said):
    request = request_(**members)
    assert said in refusal(aws.sagemaker.create_hyper_parameter_tuning_job, **request)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (limits(751), "training jobs per hyperparameter tuning job' is 750 Training jobs"),
        (limits(2, 101), "parallel training jobs per hyperparameter tuning job' is 100"),
    ],
)
def test_resource_limits_are_an_account_s(aws, request_, config, said):
    create = aws.sagemaker.create_hyper_parameter_tuning_job
    request = request_({"Strategy": "Bayesian", **config})
    assert said in refusal(create, "ResourceLimitExceeded", **request)


def test_a_strategy_that_is_not_installed_is_refused_with_its_command(aws, request_, monkeypatch):
    monkeypatch.setitem(sys.modules, "bayes_opt", None)
    request = request_({"Strategy": "Bayesian"})
    said = refusal(aws.sagemaker.create_hyper_parameter_tuning_job, **request)
    assert said.endswith("pip install 'sagemaker-harness[tuning]'")


def test_instances_count_as_often_as_they_run_at_once(aws, request_):
    resources = {"InstanceCount": 3, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    request = request_(limits(100, 50), {"ResourceConfig": resources})
    said = refusal(
        aws.sagemaker.create_hyper_parameter_tuning_job, "ResourceLimitExceeded", **request
    )
    assert "'ml.m5.large for training job usage'" in said
    assert "a request delta of 150 Instances" in said


def test_several_definitions_are_told_apart(aws, request_):
    request = request_()
    definition = request.pop("TrainingJobDefinition")
    config = request["HyperParameterTuningJobConfig"]
    objective = config.pop("HyperParameterTuningJobObjective")
    own = {"TuningObjective": objective, "HyperParameterRanges": config.pop("ParameterRanges")}
    request["TrainingJobDefinitions"] = [{**definition, **own, "DefinitionName": "a"}] * 2
    create = aws.sagemaker.create_hyper_parameter_tuning_job
    assert "DefinitionName of its own" in refusal(create, **request)

    second = copy.deepcopy({**definition, **own, "DefinitionName": "b"})
    request["TrainingJobDefinitions"][1] = second
    second["TuningObjective"]["Type"] = "Minimize"
    assert "Type of each TuningObjective must be one" in refusal(create, **request)

    second["TuningObjective"]["Type"] = "Maximize"
    create(**request)
    job = finished(aws, request["HyperParameterTuningJobName"])
    assert [each["DefinitionName"] for each in job["TrainingJobDefinitions"]] == ["a", "b"]
    assert {each["TrainingJobDefinitionName"] for each in listed(aws, job)} == {"a", "b"}


def finished(aws, name):
    deadline = time.monotonic() + 60
    while True:
        job = aws.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        if job["HyperParameterTuningJobStatus"] not in ("InProgress", "Stopping"):
            return job
        assert time.monotonic() < deadline
        time.sleep(0.02)


def listed(aws, job, **members):
    return aws.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=job["HyperParameterTuningJobName"], **members
    )["TrainingJobSummaries"]


def test_a_job_whose_training_jobs_all_fail_is_failed_and_stays_to_be_read(aws, request_):
    request = request_(definition={"StaticHyperParameters": {"kept": "1"}})
    name = request["HyperParameterTuningJobName"]
    created = aws.sagemaker.create_hyper_parameter_tuning_job(**request)
    job = finished(aws, name)

    assert job["HyperParameterTuningJobArn"] == created["HyperParameterTuningJobArn"]
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("No training job succeeded after 2 attempts.")
    assert job["TrainingJobStatusCounters"]["RetryableError"] == 2  # there is no engine
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 0, "Pending": 0, "Failed": 2}
    assert job["HyperParameterTuningJobConfig"]["TrainingJobEarlyStoppingType"] == "Off"
    assert job["TrainingJobDefinition"]["StaticHyperParameters"] == {
        "kept": "1", "_tuning_objective_metric": "r2",
    }  # fmt: skip
    children = listed(aws, job)
    assert [each["ObjectiveStatus"] for each in children] == ["Failed", "Failed"]
    assert all(each["TuningJobName"] == name for each in children)
    assert listed(aws, job, SortBy="FinalObjectiveMetricValue") == []

    jobs = aws.sagemaker.list_hyper_parameter_tuning_jobs(NameContains=name, StatusEquals="Failed")
    (summary,) = jobs["HyperParameterTuningJobSummaries"]
    assert summary["Strategy"] == "Random"
    assert summary["ResourceLimits"]["MaxNumberOfTrainingJobs"] == 2

    create = aws.sagemaker.create_hyper_parameter_tuning_job
    upper = {**request, "HyperParameterTuningJobName": name.upper()}
    assert "already exists" in refusal(create, "ResourceInUse", **upper)
    stop = aws.sagemaker.stop_hyper_parameter_tuning_job
    assert "Failed" in refusal(stop, HyperParameterTuningJobName=name)
    aws.sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    describe = aws.sagemaker.describe_hyper_parameter_tuning_job
    refusal(describe, "ResourceNotFound", HyperParameterTuningJobName=name)
    child = children[0]["TrainingJobName"]
    assert aws.sagemaker.describe_training_job(TrainingJobName=child)["TuningJobArn"].endswith(name)


def test_a_warm_start_keeps_the_hyperparameters_of_its_parents(aws, request_):
    parent = request_(definition={"StaticHyperParameters": {"kept": "1"}})
    aws.sagemaker.create_hyper_parameter_tuning_job(**parent)
    name = parent["HyperParameterTuningJobName"]
    finished(aws, name)
    warm = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": name}],
        "WarmStartType": "IdenticalDataAndAlgorithm",
    }
    create = aws.sagemaker.create_hyper_parameter_tuning_job
    for members, said in (
        ({}, "The set of tunable plus static HyperParameter names is not the same"),
        (
            {"definition": {"StaticHyperParameters": {"kept": "1"}},
             "config": {"ParameterRanges": {
                 "IntegerParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "9"}]}}},
            "the type of x must be the same",
        ),
        (
            {"definition": {"StaticHyperParameters": {"kept": "1"}},
             "config": {"HyperParameterTuningJobObjective": {
                 "Type": "Minimize", "MetricName": "r2"}}},
            "the objective metric must be the same",
        ),
        ({"config": {"Strategy": "Grid", "ParameterRanges": LABELS, **limits(3)}}, "Grid"),
    ):  # fmt: skip
        assert said in refusal(create, **request_(WarmStartConfig=warm, **members))
    kept = {"StaticHyperParameters": {"kept": "1"}}
    create(**request_(WarmStartConfig=warm, definition=kept))


def test_the_optimiser_is_imported_by_the_first_job_that_needs_it():
    program = (
        "import sys, harness.local.aws\n"
        "assert 'harness.local.jobs.tuning.provider' in sys.modules\n"
        "sys.exit(bool({'bayes_opt', 'sklearn', 'scipy'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0
