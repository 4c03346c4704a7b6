"""Pipelines whose steps run containers: every job type, property files, the cache, stop, retry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.pipelines.support import get
from tests.integration.support import ROLE

if TYPE_CHECKING:
    from tests.integration.pipelines.support import Pipelines

pytestmark = [pytest.mark.docker, pytest.mark.timeout(280)]


def test_every_kind_of_step_and_then_the_cache(pipelines: Pipelines) -> None:
    aws, client = pipelines.aws, pipelines.sagemaker
    cache: Any = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}
    endpoint = pipelines.name[-30:].strip("-")
    container = {
        "Image": pipelines.image,
        "ModelDataUrl": get("Steps.Train.ModelArtifacts.S3ModelArtifacts"),
    }
    model = pipelines.step("Model", "Model", {
        "ExecutionRoleArn": ROLE, "PrimaryContainer": container})  # fmt: skip
    transform = pipelines.step("Transform", "Transform", {
        "ModelName": get("Steps.Model.ModelName"),
        "TransformInput": {"DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix", "S3Uri": f"{pipelines.out}/prepared/rows.csv"}}},
        "TransformOutput": {"S3OutputPath": f"{pipelines.out}/transformed"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }, **cache)  # fmt: skip
    register = pipelines.step("Register", "RegisterModel", {
        "ModelPackageGroupName": pipelines.name,
        "ModelApprovalStatus": "Approved",
        "InferenceSpecification": {
            "Containers": [container], "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"]},
    })  # fmt: skip
    config = pipelines.step("Config", "EndpointConfig", {
        "EndpointConfigName": endpoint,
        "ProductionVariants": [{
            "VariantName": "AllTraffic", "ModelName": get("Steps.Model.ModelName"),
            "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}],
    })  # fmt: skip
    deploy = pipelines.step("Deploy", "Endpoint", {
        "EndpointName": endpoint,
        "EndpointConfigName": get("Steps.Config.EndpointConfigName")})  # fmt: skip
    r2 = {"Std:JsonGet": {"PropertyFile": get("Steps.Prepare.PropertyFiles.Metrics"),
                          "Path": "regression.r2"}}  # fmt: skip
    good = pipelines.step("Good", "Condition", {
        "Conditions": [{"Type": "GreaterThanOrEqualTo", "LeftValue": r2, "RightValue": 0.9}],
        "IfSteps": [register, config, deploy],
        "ElseSteps": [pipelines.step("Bad", "Fail", {"ErrorMessage": "too bad"})],
    }, DependsOn=["Transform"])  # fmt: skip
    pipelines.create(
        pipelines.prepare(**cache), pipelines.train(**cache), pipelines.tune(), model, transform,
        good,
    )  # fmt: skip

    first = pipelines.start()
    ended = pipelines.end(first)
    assert not pipelines.failures(first)
    assert ended["PipelineExecutionStatus"] == "Succeeded"
    steps = pipelines.steps(first)
    assert set(steps) == {"Prepare", "Train", "Tune", "Model", "Transform", "Good", "Register",
                          "Config", "Deploy"}  # fmt: skip
    execution = first.rpartition("/")[2]
    arn = steps["Train"]["Metadata"]["TrainingJob"]["Arn"]
    job = client.describe_training_job(TrainingJobName=arn.rpartition("/")[2])
    assert job["TrainingJobName"].startswith(f"pipelines-{execution}-Train-")
    assert job["TrainingJobStatus"] == "Completed"
    assert job["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] == (
        f"{pipelines.out}/prepared"
    )
    tags = {each["Key"]: each["Value"] for each in client.list_tags(ResourceArn=arn)["Tags"]}
    assert tags == {"team": "a", "step": "train", "sagemaker:pipeline-execution-arn": first,
                    "sagemaker:pipeline-step-name": "Train"}  # fmt: skip
    tuned = steps["Tune"]["Metadata"]["TuningJob"]["Arn"].rpartition("/")[2]
    assert tuned.startswith(f"{execution}-Tune-")
    assert len(tuned) <= 32
    package = client.describe_model_package(
        ModelPackageName=steps["Register"]["Metadata"]["RegisterModel"]["Arn"]
    )
    assert (
        package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
        == (job["ModelArtifacts"]["S3ModelArtifacts"])
    )
    assert aws.invoke(endpoint, b"", ContentType="probe/instance")["Body"].read()
    key = f"{pipelines.name}/transformed/rows.csv.out"
    assert aws.s3.get_object(Bucket=aws.bucket, Key=key)["Body"].read()
    client.delete_endpoint(EndpointName=endpoint)
    client.delete_endpoint_config(EndpointConfigName=endpoint)

    # And again, with a metric that is too bad: only what the parameter changes runs.
    second = pipelines.start(PipelineParameters=[{"Name": "R2", "Value": "0.5"}])
    ended = pipelines.end(second)
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert ended["FailureReason"] == "Step failure: One or multiple steps failed."
    steps = pipelines.steps(second)
    assert steps["Train"]["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
    assert steps["Train"]["Metadata"]["TrainingJob"]["Arn"] == arn
    assert "CacheHitResult" not in steps["Prepare"]
    assert steps["Bad"]["FailureReason"] == "too bad"
    assert "Register" not in steps


@pytest.mark.slow
def test_a_failed_step_leaves_those_behind_it_and_a_stop_stops_the_job(
    pipelines: Pipelines,
) -> None:
    client = pipelines.sagemaker
    behind = pipelines.step("Behind", "Model", {
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {
            "Image": pipelines.image,
            "ModelDataUrl": get("Steps.Broken.ModelArtifacts.S3ModelArtifacts")},
    })  # fmt: skip
    pipelines.create(
        pipelines.train("Broken", "fail-without-file"),
        pipelines.train("Waits", "until-sigterm"),
        behind,
    )
    arn = pipelines.start()
    job = pipelines.aws.wait_until(
        lambda: pipelines.steps(arn).get("Waits", {}).get("Metadata", {}).get("TrainingJob"),
        "a job",
    )["Arn"].rpartition("/")[2]
    pipelines.aws.wait_until(
        lambda: pipelines.steps(arn).get("Broken", {}).get("StepStatus") == "Failed", "a failure"
    )
    pipelines.aws.wait_for_log("/aws/sagemaker/TrainingJobs", job, "waiting for SIGTERM")
    client.stop_pipeline_execution(PipelineExecutionArn=arn)
    assert pipelines.end(arn)["PipelineExecutionStatus"] == "Failed"
    steps = pipelines.steps(arn)
    assert set(steps) == {"Broken", "Waits"}
    assert steps["Broken"]["FailureReason"].startswith("ClientError: AlgorithmError: ")
    assert steps["Waits"]["StepStatus"] == "Stopped"
    assert client.describe_training_job(TrainingJobName=job)["TrainingJobStatus"] == "Stopped"
