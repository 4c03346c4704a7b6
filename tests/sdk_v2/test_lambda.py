"""`CallbackStep` and `LambdaStep`: a queue that is answered, and a function in a container."""

from __future__ import annotations

import uuid

import boto3
from sagemaker.lambda_helper import Lambda
from sagemaker.workflow.callback_step import CallbackOutput, CallbackOutputTypeEnum, CallbackStep
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionEquals
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession

from tests.callbacks import answer
from tests.policies import trust
from tests.sdk_v2 import notebook
from tests.sdk_v2.test_pipeline import end

SCRIPT = """
def double(event, context):
    return {"twice": 2 * event["number"]}
"""


def test_a_function_is_given_what_a_callback_was_answered(session, tmp_path):
    name = f"v2-{uuid.uuid4().hex[:8]}"
    queue = boto3.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    role = boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust("lambda"))[
        "Role"
    ]["Arn"]
    script = tmp_path / "functions.py"
    script.write_text(SCRIPT)
    function = Lambda(
        function_name=name, execution_role_arn=role, script=str(script), session=session,
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
    made.upsert(notebook.ROLE)
    execution = made.start()
    answer(queue, number="7")
    steps = end(execution)
    assert not [each["FailureReason"] for each in steps.values() if "FailureReason" in each]
    assert set(steps) == {"Ask", "Double", "Check"}
    found = steps["Double"]["Metadata"]["Lambda"]
    assert found["OutputParameters"] == [{"Name": "twice", "Value": "14"}]
