"""A stack's models, endpoint configurations and endpoints are our resources."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.clients import failure

# moto's CloudFormation needs it, and the extra "all-services" brings it (tox -e services).
pytest.importorskip("openapi_spec_validator")

ARN = "arn:aws:sagemaker:us-east-1:123456789012"

TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Model": {
            "Type": "AWS::SageMaker::Model",
            "Properties": {
                "ExecutionRoleArn": "arn:aws:iam::123456789012:role/sagemaker",
                "PrimaryContainer": {"Image": "image:1"},
                "EnableNetworkIsolation": "true",
                "Tags": [{"Key": "stack", "Value": "yes"}],
            },
        },
        "Config": {
            "Type": "AWS::SageMaker::EndpointConfig",
            "Properties": {
                "ProductionVariants": [
                    {
                        "VariantName": "v",
                        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
                        "InitialInstanceCount": "1",
                        "InstanceType": "ml.m5.large",
                        "InitialVariantWeight": 1,
                    }
                ]
            },
        },
    },
    "Outputs": {
        "Arn": {"Value": {"Ref": "Model"}},
        "Name": {"Value": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}},
    },
}


@pytest.fixture(scope="module")
def stacks(aws):
    return aws.session.client("cloudformation")


@pytest.fixture
def create(stacks, new):
    def create(change=lambda _resources: None):
        template = copy.deepcopy(TEMPLATE)
        change(template["Resources"])
        name = new("stack")
        stacks.create_stack(StackName=name, TemplateBody=json.dumps(template))
        return name

    return create


def described(stacks, name):
    (stack,) = stacks.describe_stacks(StackName=name)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    return stack["StackStatus"], outputs


def test_our_resources_are_made_and_deleted(aws, stacks, create):
    name = create()
    status, outputs = described(stacks, name)
    assert status == "CREATE_COMPLETE"
    config = aws.sagemaker.describe_endpoint_config(EndpointConfigName=outputs["Name"])
    (variant,) = config["ProductionVariants"]
    model = aws.sagemaker.describe_model(ModelName=variant["ModelName"])
    assert model["ModelArn"] == outputs["Arn"]
    assert model["EnableNetworkIsolation"] is True
    tags = aws.session.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "stack", "Values": ["yes"]}]
    )
    assert [each["ResourceARN"] for each in tags["ResourceTagMappingList"]] == [outputs["Arn"]]
    stacks.delete_stack(StackName=name)
    for call, given in (
        (aws.sagemaker.describe_model, {"ModelName": variant["ModelName"]}),
        (aws.sagemaker.describe_endpoint_config, {"EndpointConfigName": outputs["Name"]}),
    ):
        assert failure(call, **given)[2].startswith("Could not find")


def test_what_is_changed_is_replaced(aws, stacks, create):
    name = create()
    template = copy.deepcopy(TEMPLATE)
    template["Resources"]["Model"]["Properties"]["PrimaryContainer"]["Image"] = "image:2"
    stacks.update_stack(StackName=name, TemplateBody=json.dumps(template))
    status, outputs = described(stacks, name)
    assert status == "UPDATE_COMPLETE"
    model = aws.sagemaker.describe_model(ModelName=outputs["Arn"].rpartition("/")[2])
    assert model["PrimaryContainer"]["Image"] == "image:2"


def test_names_are_the_templates(aws, create, new):
    name = new("named")
    create(lambda resources: resources["Model"]["Properties"].update(ModelName=name))
    assert aws.sagemaker.describe_model(ModelName=name)["ModelArn"] == f"{ARN}:model/{name}"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda each: each["Config"]["Properties"]["ProductionVariants"][0].update(ModelName="no"),
         f'Config: Could not find model "{ARN}:model/no".'),
        (lambda each: each["Model"]["Properties"].update(Nonsense="x"),
         "Model: Encountered unsupported property Properties.Nonsense"),
        (lambda each: each["Model"]["Properties"].update(EnableNetworkIsolation="maybe"),
         "Model: Properties.EnableNetworkIsolation: 'maybe' is neither true nor false"),
    ],
)  # fmt: skip
def test_what_is_refused_fails_the_stack(stacks, create, change, reason):
    name = create(change)
    assert described(stacks, name)[0] == "CREATE_FAILED"
    events = stacks.describe_stack_events(StackName=name)["StackEvents"]
    reasons = [each.get("ResourceStatusReason", "") for each in events]
    assert any(each.startswith(reason) for each in reasons)


def test_an_endpoint_that_does_not_come_up_fails_the_stack(stacks, create, new, no_engine):
    properties = {"EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}}
    name = create(
        lambda resources: resources.update(
            Endpoint={"Type": "AWS::SageMaker::Endpoint", "Properties": properties}
        )
    )
    with pytest.raises(Exception, match="CREATE_FAILED"):
        stacks.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600}
        )
    events = stacks.describe_stack_events(StackName=name)["StackEvents"]
    assert any(no_engine in each.get("ResourceStatusReason", "") for each in events)


def test_resources_that_nobody_makes_are_refused(stacks, new):
    template = {"Resources": {"D": {"Type": "AWS::SageMaker::Domain", "Properties": {}}}}
    status, code, text = failure(
        stacks.create_stack, StackName=new("stack"), TemplateBody=json.dumps(template)
    )
    assert (status, code) == (400, "ValidationError")
    assert "Unrecognized resource types: [AWS::SageMaker::Domain]" in text


def test_notebook_instances_are_our_records(aws, stacks, new):
    name, config = new("stack"), {"Fn::GetAtt": ["Config", "NotebookInstanceLifecycleConfigName"]}
    resources = {
        "Config": {"Type": "AWS::SageMaker::NotebookInstanceLifecycleConfig", "Properties": {}},
        "Notebook": {
            "Type": "AWS::SageMaker::NotebookInstance",
            "Properties": {
                "InstanceType": "ml.t3.medium",
                "RoleArn": "arn:aws:iam::123456789012:role/sagemaker",
                "LifecycleConfigName": config,
            },
        },
    }
    stacks.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    assert described(stacks, name) == ("CREATE_COMPLETE", {})
    (listed,) = aws.sagemaker.list_notebook_instances()["NotebookInstances"]
    configs = aws.sagemaker.list_notebook_instance_lifecycle_configs()
    (made,) = configs["NotebookInstanceLifecycleConfigs"]
    member = "NotebookInstanceLifecycleConfigName"
    assert listed[member] == made[member]
    stacks.delete_stack(StackName=name)
    assert aws.sagemaker.list_notebook_instances()["NotebookInstances"] == []
