"""`sagemaker.workflow`: `Pipeline.upsert`, `start`, `wait`, `list_steps`, and a function step."""

from __future__ import annotations

import uuid

from botocore.exceptions import WaiterError
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionEquals
from sagemaker.workflow.function_step import step
from sagemaker.workflow.functions import Join
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parallelism_config import ParallelismConfiguration
from sagemaker.workflow.parameters import ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.retry import SageMakerJobExceptionTypeEnum, SageMakerJobStepRetryPolicy
from sagemaker.workflow.selective_execution_config import SelectiveExecutionConfig
from sagemaker.workflow.steps import CacheConfig, TrainingStep

from tests.sdk_v2 import notebook

CAPACITY = SageMakerJobExceptionTypeEnum.CAPACITY_ERROR
RETRY = SageMakerJobStepRetryPolicy(failure_reason_types=[CAPACITY], max_attempts=2)


def end(execution):
    """Wait, and return the steps by name."""
    try:
        execution.wait(delay=1, max_attempts=120)
    except WaiterError as error:
        if "terminal failure" not in str(error):
            raise
    return {each["StepName"]: each for each in execution.list_steps()}


def pipeline(image, prefix):
    """Trains, and then registers or creates the model."""
    session = PipelineSession()
    df = ParameterInteger(name="Df", default_value=20)
    then = ParameterString(
        name="Then", default_value="register", enum_values=["register", "create"]
    )
    channels = notebook.upload(session.default_bucket(), prefix)
    estimator = notebook.estimator(session, image, prefix, df=df)
    inputs = {name: TrainingInput(uri) for name, uri in channels.items()}
    train = TrainingStep(
        "Train", step_args=estimator.fit(inputs), retry_policies=[RETRY],
        cache_config=CacheConfig(enable_caching=True, expire_after="T1H"),
    )  # fmt: skip
    model = Model(
        image_uri=image, role=notebook.ROLE, sagemaker_session=session,
        model_data=train.properties.ModelArtifacts.S3ModelArtifacts,
    )  # fmt: skip
    registered = model.register(
        content_types=["text/csv"], response_types=["text/csv"],
        inference_instances=[notebook.INSTANCE_TYPE], transform_instances=[notebook.INSTANCE_TYPE],
        model_package_group_name=Join(on="-", values=["v2", prefix.rpartition("/")[2]]),
        approval_status="Approved",
    )  # fmt: skip
    branch = ConditionStep(
        "Branch", conditions=[ConditionEquals(left=then, right="register")],
        if_steps=[ModelStep("Model", step_args=registered)],
        else_steps=[ModelStep("Other", step_args=model.create(notebook.INSTANCE_TYPE))],
    )  # fmt: skip
    return Pipeline(
        name=f"v2-{uuid.uuid4().hex[:8]}", parameters=[df, then], steps=[train, branch],
        sagemaker_session=session,
    )  # fmt: skip


def test_a_pipeline_trains_registers_creates_and_runs_again_in_part(image, session, prefix):
    made, client = pipeline(image, prefix), session.sagemaker_client
    made.upsert(
        notebook.ROLE, tags=[{"Key": "team", "Value": "blue"}],
        parallelism_config=ParallelismConfiguration(2),
    )  # fmt: skip
    made.upsert(notebook.ROLE, description="again")
    assert made.describe()["PipelineDescription"] == "again"
    first = made.start(execution_display_name="first")
    steps = end(first)
    assert not [each["FailureReason"] for each in steps.values() if "FailureReason" in each]
    assert set(steps) == {"Train", "Branch", "Model-RegisterModel"}
    assert first.describe()["PipelineExecutionStatus"] == "Succeeded"
    job = client.describe_training_job(
        TrainingJobName=steps["Train"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    )
    metrics = {each["MetricName"]: each["Value"] for each in job["FinalMetricDataList"]}
    assert metrics["test:r2"] > 0.99
    assert job["HyperParameters"]["df"] == "20"
    package = client.describe_model_package(
        ModelPackageName=steps["Model-RegisterModel"]["Metadata"]["RegisterModel"]["Arn"]
    )
    assert package["ModelApprovalStatus"] == "Approved"
    assert first.list_parameters()["PipelineParameters"] == [
        {"Name": "Df", "Value": "20"}, {"Name": "Then", "Value": "register"}
    ]  # fmt: skip

    second = made.start(parameters={"Then": "create"})
    steps = end(second)
    assert steps["Train"]["CacheHitResult"] == {"SourcePipelineExecutionArn": first.arn}
    arn = steps["Other-CreateModel"]["Metadata"]["Model"]["Arn"]
    model = client.describe_model(ModelName=arn.rpartition("/")[2])
    data = model["PrimaryContainer"]["ModelDataUrl"]
    assert data == job["ModelArtifacts"]["S3ModelArtifacts"]

    chosen = SelectiveExecutionConfig(["Branch", "Model-RegisterModel"])
    steps = end(made.start(selective_execution_config=chosen))
    assert set(steps) == {"Train", "Branch", "Model-RegisterModel"}
    assert steps["Train"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": second.arn}
    assert len(made.list_executions()["PipelineExecutionSummaries"]) == 3
    made.delete()


def test_a_function_step_is_a_training_job_in_its_image(image, session):
    @step(name="Add", image_uri=image, instance_type=notebook.INSTANCE_TYPE, role=notebook.ROLE)
    def add(one, other):
        return one + other

    made = Pipeline(
        name=f"v2-{uuid.uuid4().hex[:8]}", steps=[add(1, 2)], sagemaker_session=PipelineSession()
    )
    made.upsert(notebook.ROLE)
    found = end(made.start())["Add"]
    name = found["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    job = session.sagemaker_client.describe_training_job(TrainingJobName=name)
    algorithm = job["AlgorithmSpecification"]
    assert algorithm["TrainingImage"] == image
    assert algorithm["ContainerEntrypoint"][0] == "/bin/bash"
    # The SDK isn't in the project's image, as it isn't in AWS's where it isn't installed.
    assert found["FailureReason"].startswith("ClientError: AlgorithmError: ")
