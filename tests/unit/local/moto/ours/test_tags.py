"""The tagging API finds our resources, and tags them."""

from __future__ import annotations

import pytest

from tests.clients import failure


@pytest.fixture(scope="module")
def tagging(aws):
    return aws.session.client("resourcegroupstaggingapi")


@pytest.fixture
def model(aws, new):
    def create(**tags):
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        container = {"Image": "image:1"}
        return aws.sagemaker.create_model(
            ModelName=new("model"), PrimaryContainer=container, Tags=listed
        )["ModelArn"]

    return create


def found(tagging, **filters):
    listed = tagging.get_resources(**filters)["ResourceTagMappingList"]
    return {
        each["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in each["Tags"]} for each in listed
    }


def test_resources_are_found_by_their_tags(aws, tagging, model):
    red, blue = model(team="red"), model(team="blue")
    filters = [{"Key": "team", "Values": ["red"]}]
    assert found(tagging, TagFilters=filters) == {red: {"team": "red"}}
    both = found(tagging, ResourceTypeFilters=["sagemaker:model"])
    assert {red, blue} <= both.keys()
    assert found(tagging, ResourceTypeFilters=["sagemaker:endpoint"]) == {}
    assert "team" in tagging.get_tag_keys()["TagKeys"]
    assert {"red", "blue"} <= set(tagging.get_tag_values(Key="team")["TagValues"])
    aws.sagemaker.delete_model(ModelName=red.rpartition("/")[2])
    assert found(tagging, TagFilters=filters) == {}


def test_resources_are_tagged(aws, tagging, model):
    arn = model(a="1")
    assert tagging.tag_resources(ResourceARNList=[arn], Tags={"b": "2"})["FailedResourcesMap"] == {}
    listed = aws.sagemaker.list_tags(ResourceArn=arn)["Tags"]
    assert listed == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    tagging.untag_resources(ResourceARNList=[arn], TagKeys=["a"])
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]


def test_what_is_gone_is_not_tagged(tagging):
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model/gone"
    status, code, text = failure(tagging.tag_resources, ResourceARNList=[arn], Tags={"b": "2"})
    assert (status, code, text) == (400, "ValidationException", f'Could not find resource "{arn}".')


def test_records_are_found(aws, tagging, new):
    arn = aws.sagemaker.create_notebook_instance(
        NotebookInstanceName=new("notebook"),
        InstanceType="ml.t3.medium",
        RoleArn="arn:aws:iam::123456789012:role/none",
        Tags=[{"Key": "kept", "Value": "as a record"}],
    )["NotebookInstanceArn"]
    assert found(tagging, TagFilters=[{"Key": "kept"}]) == {arn: {"kept": "as a record"}}
