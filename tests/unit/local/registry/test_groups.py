"""Model package groups: made, found, listed, deleted, and their policies."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package-group"
SPECIFICATION = {"Containers": [{"Image": "image:1"}]}
POLICY = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Sid": "s", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"},
                   "Action": ["sagemaker:DescribeModelPackage"], "Resource": "*"}],
})  # fmt: skip


def refusal(call, **request):
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def group(aws, new):
    name = new("group")
    aws.sagemaker.create_model_package_group(
        ModelPackageGroupName=name,
        ModelPackageGroupDescription="GAMs",
        Tags=[{"Key": "team", "Value": "blue"}],
    )
    return name


def test_it_is_described_by_name_and_arn(aws, group):
    described = aws.sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    assert described["ModelPackageGroupArn"] == f"{ARN}/{group}"
    assert described["ModelPackageGroupDescription"] == "GAMs"
    assert described["ModelPackageGroupStatus"] == "Completed"
    assert described["CreatedBy"]["IamIdentity"]["Arn"] == "arn:aws:iam::123456789012:root"
    by_arn = aws.sagemaker.describe_model_package_group(ModelPackageGroupName=f"{ARN}/{group}")
    assert by_arn["ModelPackageGroupName"] == group


def test_a_name_is_taken_once(aws, group):
    said = refusal(aws.sagemaker.create_model_package_group, ModelPackageGroupName=group)
    # The SDKs look for "already exists" in a ValidationException.
    assert said == ("ValidationException", f"Model Package Group already exists: {ARN}/{group}")


@pytest.mark.parametrize("name", ["gone", f"{ARN}/gone"])
def test_one_that_is_not_there(aws, name):
    words = f"ModelPackageGroup {ARN}/gone does not exist."
    for call in (
        aws.sagemaker.describe_model_package_group,
        aws.sagemaker.delete_model_package_group,
    ):
        assert refusal(call, ModelPackageGroupName=name) == ("ValidationException", words)


def test_one_with_packages_is_not_deleted(aws, group):
    arn = aws.sagemaker.create_model_package(
        ModelPackageGroupName=group, InferenceSpecification=SPECIFICATION
    )["ModelPackageArn"]
    code, words = refusal(aws.sagemaker.delete_model_package_group, ModelPackageGroupName=group)
    assert code == "ConflictException"
    assert words == (
        f"Model Package Group {ARN}/{group} cannot be deleted because it still contains 1 model "
        "package; delete it first."
    )
    aws.sagemaker.delete_model_package(ModelPackageName=arn)
    aws.sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    refusal(aws.sagemaker.describe_model_package_group, ModelPackageGroupName=group)


def test_lists(aws, new):
    stem = new("listed")
    names = [f"{stem}-{letter}" for letter in "bca"]
    begun = datetime.now(UTC)
    for name in names:
        aws.sagemaker.create_model_package_group(ModelPackageGroupName=name)

    def listed(**asked):
        pages = aws.sagemaker.get_paginator("list_model_package_groups").paginate(
            NameContains=stem, PaginationConfig={"PageSize": 2}, **asked
        )
        return [
            each["ModelPackageGroupName"]
            for page in pages
            for each in page["ModelPackageGroupSummaryList"]
        ]

    assert listed() == names
    assert listed(SortOrder="Descending") == names[::-1]
    assert listed(SortBy="Name") == sorted(names)
    assert listed(CreationTimeAfter=begun - timedelta(seconds=1)) == names
    assert listed(CreationTimeBefore=begun - timedelta(seconds=1)) == []
    assert listed(CrossAccountFilterOption="SameAccount") == names
    assert listed(CrossAccountFilterOption="CrossAccount") == []
    unsorted = aws.sagemaker.list_model_package_groups(NameContains=stem, MaxResults=1)
    (summary,) = unsorted["ModelPackageGroupSummaryList"]
    assert summary["ModelPackageGroupArn"] == f"{ARN}/{names[0]}"
    assert summary["ModelPackageGroupStatus"] == "Completed"


def test_tags(aws, group):
    arn = f"{ARN}/{group}"
    aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "test"}])
    aws.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "test"}]


class TestPolicy:
    def test_it_is_put_shown_and_deleted(self, aws, group):
        put = aws.sagemaker.put_model_package_group_policy(
            ModelPackageGroupName=group, ResourcePolicy=POLICY
        )
        assert put["ModelPackageGroupArn"] == f"{ARN}/{group}"
        found = aws.sagemaker.get_model_package_group_policy(ModelPackageGroupName=group)
        assert found["ResourcePolicy"] == POLICY
        aws.sagemaker.delete_model_package_group_policy(ModelPackageGroupName=group)
        words = "Cannot find resource policy for: " + f"{ARN}/{group}"
        for call in (
            aws.sagemaker.get_model_package_group_policy,
            aws.sagemaker.delete_model_package_group_policy,
        ):
            assert refusal(call, ModelPackageGroupName=group) == ("ValidationException", words)

    def test_of_a_group_that_is_not_there(self, aws):
        said = refusal(aws.sagemaker.get_model_package_group_policy, ModelPackageGroupName="gone")
        assert said == ("ValidationException", f"Cannot find Model Package Group: {ARN}/gone")

    @pytest.mark.parametrize(
        "policy", ["{", "[]", "{}", '{"Statement": []}', '{"Statement": [{"Action": "*"}]}']
    )
    def test_what_is_none(self, aws, group, policy):
        code, words = refusal(
            aws.sagemaker.put_model_package_group_policy,
            ModelPackageGroupName=group,
            ResourcePolicy=policy,
        )
        assert code == "ValidationException"
        assert words.startswith("ResourcePolicy: ")
