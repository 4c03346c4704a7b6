"""Functions in containers: `@step` in pipelines, `@remote` and `RemoteExecutor` as jobs."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from sagemaker.core.remote_function import RemoteExecutor, remote
from sagemaker.core.remote_function.errors import RemoteFunctionError
from sagemaker.core.resources import TrainingJob
from sagemaker.core.workflow.conditions import ConditionGreaterThan
from sagemaker.core.workflow.parameters import ParameterInteger
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.function_step import step
from sagemaker.mlops.workflow.pipeline import Pipeline

from tests.sdk_v3 import support
from tests.sdk_v3.test_pipeline import end

if TYPE_CHECKING:
    from sagemaker.mlops.workflow.pipeline import PipelineExecution

pytestmark = pytest.mark.timeout(900)  # the first one builds the image


@pytest.fixture
def options(functions_image: str, role: str) -> dict[str, Any]:
    return {
        "image_uri": functions_image, "instance_type": support.INSTANCE, "role": role,
        "max_runtime_in_seconds": support.WAIT,
    }  # fmt: skip


def start(role: str, *steps: Any, parameters: Any = ()) -> PipelineExecution:
    made = Pipeline(
        name=f"v3-{uuid.uuid4().hex[:8]}", steps=list(steps), parameters=list(parameters),
        sagemaker_session=PipelineSession(),
    )  # fmt: skip
    made.upsert(role)
    return made.start()


def test_steps_pass_on_what_they_return_and_a_condition_looks_at_it(
    options: dict[str, Any],
) -> None:
    count = ParameterInteger(name="Count", default_value=4)

    @step(name="Split", **options)
    def split(count: Any) -> tuple:
        return list(range(count)), {"factor": 2}

    @step(name="Multiply", **options)
    def multiply(numbers: Any, factors: Any) -> Any:
        return sum(numbers) * factors["factor"]

    @step(name="Tell", **options)
    def tell(product: Any, before: str) -> Any:
        return f"{before}: {product}"

    parts = split(count)
    product = multiply(parts[0], factors=parts[1])
    enough = ConditionStep(
        "Enough", conditions=[ConditionGreaterThan(left=product, right=10)],
        if_steps=[tell(product, "it is")], else_steps=[FailStep("Few", "too few")],
    )  # fmt: skip
    execution = start(options["role"], enough, parameters=[count])
    steps = end(execution)
    assert not [each["FailureReason"] for each in steps.values() if "FailureReason" in each]
    assert set(steps) == {"Split", "Multiply", "Enough", "Tell"}
    assert execution.result("Split") == ([0, 1, 2, 3], {"factor": 2})
    assert execution.result("Multiply") == 12
    assert execution.result("Tell") == "it is: 12"
    metadata: Any = steps["Multiply"]["Metadata"]
    job = TrainingJob.get(metadata["TrainingJob"]["Arn"].rpartition("/")[2])
    assert job.training_job_status == "Completed"
    assert job.algorithm_specification.training_image == options["image_uri"]


def test_a_function_that_raises_fails_its_step_and_is_told(options: dict[str, Any]) -> None:
    @step(name="Refuse", **options)
    def refuse() -> None:
        raise ValueError("too cold")

    @step(name="Behind", **options)
    def behind(given: Any) -> Any:
        return given

    execution = start(options["role"], behind(refuse()))
    steps = end(execution)
    assert execution.describe()["PipelineExecutionStatus"] == "Failed"
    assert set(steps) == {"Refuse"}
    assert steps["Refuse"]["StepStatus"] == "Failed"
    reason = steps["Refuse"]["FailureReason"]
    assert reason == "ClientError: AlgorithmError: ValueError('too cold'), exit code: 1"
    with pytest.raises(RemoteFunctionError, match="Refuse is not in Completed status"):
        execution.result("Refuse")


def test_a_remote_function_returns_and_raises_as_it_would_here(options: dict[str, Any]) -> None:
    @remote(**options)
    def divide(one: float, other: float) -> float:
        return one / other

    assert divide(1, other=4) == 0.25
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        divide(1, 0)


def test_an_executor_runs_functions_side_by_side(options: dict[str, Any]) -> None:
    def power(base: int, exponent: int) -> int:
        return base**exponent

    with RemoteExecutor(max_parallel_jobs=2, **options) as executor:
        futures = [executor.submit(power, base, exponent=3) for base in (2, 3)]
        assert [each.result(support.WAIT) for each in futures] == [8, 27]
