"""Functions in containers: `@step` in pipelines, `@remote` and `RemoteExecutor` as jobs."""

from __future__ import annotations

import uuid

import pytest
from sagemaker.remote_function import RemoteExecutor, remote
from sagemaker.remote_function.errors import RemoteFunctionError
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThan
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.function_step import step
from sagemaker.workflow.parameters import ParameterInteger
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession

from tests.sdk_v2 import notebook
from tests.sdk_v2.test_pipeline import end

pytestmark = pytest.mark.timeout(900)  # the first one builds the image


@pytest.fixture
def options(functions_image):
    return {
        "image_uri": functions_image, "instance_type": notebook.INSTANCE_TYPE,
        "role": notebook.ROLE, "max_runtime_in_seconds": 120,
    }  # fmt: skip


def start(*steps, parameters=()):
    made = Pipeline(
        name=f"v2-{uuid.uuid4().hex[:8]}", steps=list(steps), parameters=list(parameters),
        sagemaker_session=PipelineSession(),
    )  # fmt: skip
    made.upsert(notebook.ROLE)
    return made.start()


def test_steps_pass_on_what_they_return_and_a_condition_looks_at_it(options, session):
    count = ParameterInteger(name="Count", default_value=4)

    @step(name="Split", **options)
    def split(count) -> tuple:
        return list(range(count)), {"factor": 2}

    @step(name="Multiply", **options)
    def multiply(numbers, factors):
        return sum(numbers) * factors["factor"]

    @step(name="Tell", **options)
    def tell(product, before):
        return f"{before}: {product}"

    parts = split(count)
    product = multiply(parts[0], factors=parts[1])
    enough = ConditionStep(
        "Enough", conditions=[ConditionGreaterThan(left=product, right=10)],
        if_steps=[tell(product, "it is")], else_steps=[FailStep("Few", "too few")],
    )  # fmt: skip
    execution = start(enough, parameters=[count])
    steps = end(execution)
    assert not [each["FailureReason"] for each in steps.values() if "FailureReason" in each]
    assert set(steps) == {"Split", "Multiply", "Enough", "Tell"}
    assert execution.result("Split") == ([0, 1, 2, 3], {"factor": 2})
    assert execution.result("Multiply") == 12
    assert execution.result("Tell") == "it is: 12"
    name = steps["Multiply"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    job = session.sagemaker_client.describe_training_job(TrainingJobName=name)
    assert job["TrainingJobStatus"] == "Completed"
    assert job["AlgorithmSpecification"]["TrainingImage"] == options["image_uri"]


def test_a_function_that_raises_fails_its_step_and_is_told(options):
    @step(name="Refuse", **options)
    def refuse():
        raise ValueError("too cold")

    @step(name="Behind", **options)
    def behind(given):
        return given

    execution = start(behind(refuse()))
    steps = end(execution)
    assert execution.describe()["PipelineExecutionStatus"] == "Failed"
    assert set(steps) == {"Refuse"}
    assert steps["Refuse"]["StepStatus"] == "Failed"
    reason = steps["Refuse"]["FailureReason"]
    assert reason == "ClientError: AlgorithmError: ValueError('too cold'), exit code: 1"
    with pytest.raises(RemoteFunctionError, match="Refuse is not in Completed status"):
        execution.result("Refuse")


def test_a_remote_function_returns_and_raises_as_it_would_here(options):
    @remote(**options)
    def divide(one, other):
        return one / other

    assert divide(1, other=4) == 0.25
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        divide(1, 0)


def test_an_executor_runs_functions_side_by_side(options):
    def power(base, exponent):
        return base**exponent

    with RemoteExecutor(max_parallel_jobs=2, **options) as executor:
        futures = [executor.submit(power, base, exponent=3) for base in (2, 3)]
        assert [each.result(120) for each in futures] == [8, 27]
