"""`CallbackStep` and `LambdaStep`: a queue that is answered, and a function in a container."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import boto3
from sagemaker.core.lambda_helper import Lambda
from sagemaker.core.workflow.conditions import ConditionEquals
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.callback_step import (
    CallbackOutput,
    CallbackOutputTypeEnum,
    CallbackStep,
)
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep
from sagemaker.mlops.workflow.pipeline import Pipeline

from tests.callbacks import answer
from tests.policies import trust
from tests.sdk_v3.test_pipeline import end

if TYPE_CHECKING:
    from pathlib import Path

    from sagemaker.core.helper.session_helper import Session

SCRIPT = """
def double(event, context):
    return {"twice": 2 * event["number"]}
"""


def test_a_function_is_given_what_a_callback_was_answered(
    session: Session, role: str, tmp_path: Path
) -> None:
    name = f"v3-{uuid.uuid4().hex[:8]}"
    queue = boto3.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    own = boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust("lambda"))[
        "Role"
    ]["Arn"]
    script = tmp_path / "functions.py"
    script.write_text(SCRIPT)
    function = Lambda(
        function_name=name, execution_role_arn=own, script=str(script), session=session,
        handler="functions.double", runtime="python3.11",
    )  # fmt: skip
    number = CallbackOutput("number", CallbackOutputTypeEnum.Integer)
    ask = CallbackStep("Ask", queue, inputs={"question": "which?"}, outputs=[number])
    double = LambdaStep(
        "Double", function, inputs={"number": ask.properties.Outputs["number"]},
        outputs=[LambdaOutput("twice", LambdaOutputTypeEnum.Integer)],
    )  # fmt: skip
    is_it = ConditionEquals(left=double.properties.Outputs["twice"], right=14)
    check = ConditionStep(
        "Check", conditions=[is_it], if_steps=[], else_steps=[FailStep("No", "it isn't")]
    )
    made = Pipeline(name=name, steps=[ask, double, check], sagemaker_session=PipelineSession())
    made.upsert(role)
    execution = made.start()
    answer(queue, number="7")
    steps = end(execution)
    assert not [each["FailureReason"] for each in steps.values() if "FailureReason" in each]
    assert set(steps) == {"Ask", "Double", "Check"}
    metadata: Any = steps["Double"]["Metadata"]
    assert metadata["Lambda"]["OutputParameters"] == [{"Name": "twice", "Value": "14"}]
