"""`sagemaker.mlops.workflow`: the example's pipeline, from the rows to an endpoint."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import WaiterError
from sagemaker.core.workflow.pipeline_context import PipelineSession

from examples.gauss3.pipeline import Gauss3, r_squared
from tests.sdk_v3 import support

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.pipeline import PipelineExecution

ALL = ["Prepare", "Train", "Evaluate", "IsGood", "Register", "Create", "Configure", "Deploy"]


def end(execution: PipelineExecution) -> dict[str, dict[str, object]]:
    """Wait, and return the steps by name."""
    try:
        execution.wait(delay=1, max_attempts=support.WAIT)
    except WaiterError as error:
        if "terminal failure" not in str(error):
            raise
    return {each["StepName"]: each for each in execution.list_steps()}


def test_a_good_model_is_registered_and_deployed_and_a_bad_one_is_not(
    image: str, role: str
) -> None:
    name = f"gauss3-{uuid.uuid4().hex[:8]}"
    sagemaker = boto3.client("sagemaker")
    pipeline = Gauss3(PipelineSession(), name, image, role).pipeline()
    pipeline.upsert(role_arn=role, tags=[{"Key": "team", "Value": "blue"}])
    pipeline.upsert(role_arn=role)  # which updates it
    execution = pipeline.start()
    steps = end(execution)
    assert not [each["FailureReason"] for each in steps.values() if "FailureReason" in each]
    assert sorted(steps) == sorted(ALL)
    assert {each["StepStatus"] for each in steps.values()} == {"Succeeded"}
    r2 = r_squared(sagemaker, boto3.client("s3"), execution.arn)
    assert r2 == pytest.approx(support.TEST_R2, abs=support.TOLERANCE)
    (package,) = sagemaker.list_model_packages(ModelPackageGroupName=name)[
        "ModelPackageSummaryList"
    ]
    assert package["ModelApprovalStatus"] == "Approved"
    answer = boto3.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, Body=b"101\n102\n", ContentType="text/csv", Accept="text/csv"
    )
    assert len(answer["Body"].read().split()) == 2
    sagemaker.delete_endpoint(EndpointName=name)

    again = pipeline.start(parameters={"EnoughR2": 0.9999})
    steps = end(again)
    described = again.describe()
    assert described["FailureReason"] == "Step failure: One or multiple steps failed."
    assert steps["TooBad"]["FailureReason"] == "R² is not what it should be"
    assert "Register" not in steps
    for step in ("Prepare", "Train", "Evaluate"):
        assert steps[step]["CacheHitResult"] == {"SourcePipelineExecutionArn": execution.arn}
    pipeline.delete()
