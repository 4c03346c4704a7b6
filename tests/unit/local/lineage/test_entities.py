"""Artifacts, actions and contexts: made, changed, listed and deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.clients import failure

ARN = "arn:aws:sagemaker:us-east-1:123456789012"


@pytest.fixture
def source(new):
    return {"SourceUri": f"s3://bucket/{new('data')}", "SourceTypes": [
        {"SourceIdType": "S3ETag", "Value": "abc"}]}  # fmt: skip


def test_there_is_one_artifact_of_a_source(aws, source):
    given = {
        "ArtifactName": "data",
        "ArtifactType": "DataSet",
        "Source": source,
        "Properties": {"rows": "250", "by": "me"},
        "MetadataProperties": {"Repository": "r"},
    }
    arn = aws.sagemaker.create_artifact(**given)["ArtifactArn"]
    found = aws.sagemaker.describe_artifact(ArtifactArn=arn)
    assert {name: found[name] for name in given} == given
    assert failure(aws.sagemaker.create_artifact, **given) == (
        400,
        "ValidationException",
        f"Artifact with source uri ({source['SourceUri']}) already exists: {arn}.",
    )
    other = aws.sagemaker.create_artifact(
        ArtifactType="DataSet", Source={"SourceUri": source["SourceUri"]}
    )
    assert other["ArtifactArn"] != arn

    aws.sagemaker.update_artifact(
        ArtifactArn=arn, ArtifactName="renamed", Properties={"rows": "1"},
        PropertiesToRemove=["by"],
    )  # fmt: skip
    found = aws.sagemaker.describe_artifact(ArtifactArn=arn)
    assert (found["ArtifactName"], found["Properties"]) == ("renamed", {"rows": "1"})
    listed = aws.sagemaker.list_artifacts(SourceUri=source["SourceUri"], ArtifactType="DataSet")
    arns = [each["ArtifactArn"] for each in listed["ArtifactSummaries"]]
    assert arns == [other["ArtifactArn"], arn]  # the newest first
    assert aws.sagemaker.list_artifacts(ArtifactType="Other")["ArtifactSummaries"] == []

    aws.sagemaker.delete_artifact(Source=source)
    gone = (400, "ResourceNotFound", f"Artifact '{arn}' does not exist.")
    assert failure(aws.sagemaker.describe_artifact, ArtifactArn=arn) == gone
    assert failure(aws.sagemaker.delete_artifact, Source=source) == gone
    assert failure(aws.sagemaker.delete_artifact)[1:] == (
        "ValidationException",
        "Exactly one of ArtifactArn and Source must be given.",
    )


@pytest.mark.parametrize("kind", ["action", "context"])
def test_names_are_of_one(aws, new, source, kind):
    noun, name = kind.capitalize(), new(kind)
    own = {key: value for key, value in source.items() if key != "SourceTypes"}
    own |= {"SourceType": "t", "SourceId": "i"}
    client = aws.sagemaker
    create, describe, update, delete = (
        getattr(client, f"{verb}_{kind}") for verb in ("create", "describe", "update", "delete")
    )
    given = {f"{noun}Name": name, f"{noun}Type": "Kind", "Source": own, "Description": "what"}
    arn = create(**given, Properties={"a": "1"})[f"{noun}Arn"]
    assert arn == f"{ARN}:{kind}/{name}"
    for each in (name, arn):
        found = describe(**{f"{noun}Name": each})
        assert {member: found[member] for member in given} == given
    assert failure(create, **given)[2] == (
        f"{noun} names must be unique within an AWS account and region. {noun} with name ({name}) "
        "already exists."
    )
    update(**{f"{noun}Name": name}, Description="else", Properties={"b": "2"},
           PropertiesToRemove=["a"])  # fmt: skip
    found = describe(**{f"{noun}Name": name})
    assert (found["Description"], found["Properties"]) == ("else", {"b": "2"})
    many = {str(number): "x" for number in range(30)}
    assert failure(update, **{f"{noun}Name": name}, Properties=many)[1] == "ValidationException"
    listed = getattr(client, f"list_{kind}s")(SourceUri=own["SourceUri"], SortBy="Name")
    assert [each[f"{noun}Name"] for each in listed[f"{noun}Summaries"]] == [name]
    delete(**{f"{noun}Name": name})
    assert failure(describe, **{f"{noun}Name": name})[1] == "ResourceNotFound"


def test_an_action_has_a_status(aws, new, source):
    name = new("action")
    given = {"ActionName": name, "ActionType": "t", "Source": {"SourceUri": source["SourceUri"]}}
    aws.sagemaker.create_action(**given)
    assert aws.sagemaker.describe_action(ActionName=name)["Status"] == "Unknown"
    aws.sagemaker.update_action(ActionName=name, Status="Completed")
    assert aws.sagemaker.describe_action(ActionName=name)["Status"] == "Completed"


def test_there_are_only_so_many_contexts(aws, source):
    region = aws.session.client("sagemaker", region_name="eu-west-3")
    given = {"ContextType": "t", "Source": {"SourceUri": source["SourceUri"]}}
    for number in range(500):
        region.create_context(ContextName=f"context-{number}", **given)
    assert failure(region.create_context, ContextName="one-more", **given) == (
        400,
        "ResourceLimitExceeded",
        "The account-level service limit 'Number of contexts' is 500.",
    )
    pages = region.get_paginator("list_contexts").paginate(PaginationConfig={"PageSize": 100})
    names = [each["ContextName"] for page in pages for each in page["ContextSummaries"]]
    assert names == [f"context-{number}" for number in reversed(range(500))]


def test_an_account_has_one_lineage_group(aws, source):
    (group,) = aws.sagemaker.list_lineage_groups(SortBy="Name")["LineageGroupSummaries"]
    name = group["LineageGroupName"]
    assert group["LineageGroupArn"] == f"{ARN}:lineage-group/{name}"
    assert aws.sagemaker.describe_lineage_group(LineageGroupName=name)["CreationTime"]
    assert failure(aws.sagemaker.describe_lineage_group, LineageGroupName="none")[1:] == (
        "ResourceNotFound",
        f"Lineage group '{ARN}:lineage-group/none' does not exist.",
    )
    made = aws.sagemaker.create_artifact(
        ArtifactType="t", Source={"SourceUri": source["SourceUri"]}
    )
    found = aws.sagemaker.describe_artifact(ArtifactArn=made["ArtifactArn"])
    assert found["LineageGroupArn"] == group["LineageGroupArn"]
    future = {"CreatedAfter": group["CreationTime"] + timedelta(days=1)}
    assert aws.sagemaker.list_lineage_groups(**future)["LineageGroupSummaries"] == []
