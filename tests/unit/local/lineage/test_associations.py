"""Associations, and what QueryLineage finds along them."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from tests.clients import failure

ARN = "arn:aws:sagemaker:us-east-1:123456789012"


@pytest.fixture(scope="module")
def graph(aws):
    """data → component → model → deployment (an action) → endpoint (a context)."""
    sagemaker = aws.sagemaker
    component = sagemaker.create_trial_component(TrialComponentName="trained")
    arns = SimpleNamespace(component=component["TrialComponentArn"])
    for name, type_ in (("data", "DataSet"), ("model", "Model")):
        made = sagemaker.create_artifact(
            ArtifactName=name, ArtifactType=type_, Source={"SourceUri": f"s3://bucket/{name}"},
            Properties={"stage": name},
        )  # fmt: skip
        setattr(arns, name, made["ArtifactArn"])
    source = {"SourceUri": "arn"}
    arns.deployment = sagemaker.create_action(
        ActionName="deployment", ActionType="ModelDeployment", Source=source
    )["ActionArn"]
    arns.endpoint = sagemaker.create_context(
        ContextName="endpoint", ContextType="Endpoint", Source=source
    )["ContextArn"]
    for one, other, kind in (
        ("data", "component", "ContributedTo"),
        ("component", "model", "Produced"),
        ("model", "deployment", "ContributedTo"),
        ("deployment", "endpoint", "AssociatedWith"),
    ):
        sagemaker.add_association(
            SourceArn=getattr(arns, one), DestinationArn=getattr(arns, other), AssociationType=kind
        )
    return arns


def listed(aws, **filters):
    found = aws.sagemaker.list_associations(SortOrder="Ascending", **filters)
    return [
        (each.get("SourceName"), each["AssociationType"], each.get("DestinationName"))
        for each in found["AssociationSummaries"]
    ]


def test_they_are_listed(aws, graph):
    everything = [
        ("data", "ContributedTo", "trained"),
        ("trained", "Produced", "model"),
        ("model", "ContributedTo", "deployment"),
        ("deployment", "AssociatedWith", "endpoint"),
    ]
    assert listed(aws) == everything
    assert listed(aws, AssociationType="ContributedTo") == everything[::2]
    assert listed(aws, SourceArn=graph.component) == everything[1:2]
    assert listed(aws, DestinationArn=graph.component) == everything[:1]
    assert listed(aws, SourceType="ModelDeployment") == everything[3:]
    assert listed(aws, DestinationType="Model") == everything[1:2]
    assert sorted(listed(aws, SortBy="SourceArn")) == sorted(everything)
    pages = aws.sagemaker.get_paginator("list_associations").paginate(
        PaginationConfig={"PageSize": 1}, SortBy="DestinationType"
    )
    types = [each["DestinationType"] for page in pages for each in page["AssociationSummaries"]]
    assert types == sorted(types, reverse=True)
    assert len(types) == 4


def test_what_cannot_be_associated(aws, graph):
    add = aws.sagemaker.add_association
    assert failure(add, SourceArn=graph.data, DestinationArn=graph.component)[1:] == (
        "ValidationException",
        f"Association between '{graph.data}' and '{graph.component}' already exists.",
    )
    none = f"{ARN}:artifact/none"
    assert failure(add, SourceArn=none, DestinationArn=graph.component)[1:] == (
        "ResourceNotFound",
        f"Lineage entity '{none}' does not exist.",
    )
    status, code, text = failure(add, SourceArn=graph.model, DestinationArn=graph.model)
    assert (status, code) == (400, "ValidationException")
    assert text.endswith(f"are both '{graph.model}': they must differ.")
    experiment = aws.sagemaker.create_experiment(ExperimentName="e")["ExperimentArn"]
    status, code, text = failure(add, SourceArn=graph.component, DestinationArn=experiment)
    assert (status, code) == (400, "ValidationException")
    assert text.startswith("Associations cannot be created between two experiment entities")


def test_what_has_associations_is_not_deleted(aws, graph):
    assert failure(aws.sagemaker.delete_artifact, ArtifactArn=graph.model)[1:] == (
        "ValidationException",
        f"Artifact '{graph.model}' is linked to 1 or more associations and cannot be deleted.",
    )
    made = aws.sagemaker.create_artifact(ArtifactType="t", Source={"SourceUri": "u"})
    both = {"SourceArn": made["ArtifactArn"], "DestinationArn": graph.endpoint}
    aws.sagemaker.add_association(**both)
    aws.sagemaker.delete_association(**both)
    assert failure(aws.sagemaker.delete_association, **both)[1] == "ResourceNotFound"
    aws.sagemaker.delete_artifact(ArtifactArn=made["ArtifactArn"])


def names(aws, found):
    known = {f"{ARN}:action/deployment": "deployment", f"{ARN}:context/endpoint": "endpoint",
             f"{ARN}:experiment-trial-component/trained": "trained"}  # fmt: skip
    return [
        known.get(each["Arn"])
        or aws.sagemaker.describe_artifact(ArtifactArn=each["Arn"])["ArtifactName"]
        for each in found["Vertices"]
    ]


def test_they_are_followed(aws, graph):
    query = aws.sagemaker.query_lineage
    found = query(StartArns=[graph.component])
    assert names(aws, found)[0] == "trained"
    assert set(names(aws, found)) == {"data", "trained", "model", "deployment", "endpoint"}
    assert len(found["Edges"]) == 4
    up = query(StartArns=[graph.component], Direction="Ascendants")
    assert names(aws, up) == ["trained", "data"]
    assert up["Edges"] == [
        {"SourceArn": graph.data, "DestinationArn": graph.component,
         "AssociationType": "ContributedTo"}
    ]  # fmt: skip
    down = query(StartArns=[graph.component], Direction="Descendants", MaxDepth=2)
    assert names(aws, down) == ["trained", "model", "deployment"]
    vertex = {"Arn": graph.deployment, "Type": "ModelDeployment", "LineageType": "Action"}
    assert down["Vertices"][-1] == vertex


def test_what_is_found_is_filtered(aws, graph):
    def found(**filters):
        return names(aws, aws.sagemaker.query_lineage(StartArns=[graph.data], Filters=filters))

    assert found(LineageTypes=["Context", "Action"]) == ["deployment", "endpoint"]
    assert found(Types=["Model", "DataSet"]) == ["data", "model"]
    assert found(Properties={"stage": "model"}) == ["model"]
    assert found(CreatedBefore=datetime(2020, 1, 1, tzinfo=UTC)) == []
    assert len(found(ModifiedAfter=datetime(2020, 1, 1, tzinfo=UTC))) == 5


def test_what_is_found_is_paged(aws, graph):
    seen, edges = [], []
    token: dict[str, str] = {}
    while True:
        page = aws.sagemaker.query_lineage(StartArns=[graph.data], MaxResults=2, **token)
        assert len(page["Vertices"]) <= 2
        seen += names(aws, page)
        edges += page["Edges"]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert seen == ["data", "trained", "model", "deployment", "endpoint"]
    assert len(edges) == 4
    assert failure(aws.sagemaker.query_lineage, StartArns=[graph.model], **token)[1] == (
        "ValidationException"
    )


def test_without_a_start_everything_is_looked_at(aws, graph):
    found = aws.sagemaker.query_lineage(Filters={"Types": ["Endpoint"]})
    assert [each["Arn"] for each in found["Vertices"]] == [graph.endpoint]


@pytest.mark.parametrize(
    "asked",
    [{"StartArns": [f"{ARN}:artifact/none"]}, {"MaxDepth": -1}, {"MaxResults": 0},
     {"NextToken": "none"}],
)  # fmt: skip
def test_what_is_refused(aws, graph, asked):
    code = failure(aws.sagemaker.query_lineage, **{"StartArns": [graph.data], **asked})[1]
    assert code == ("ResourceNotFound" if "StartArns" in asked else "ValidationException")


def test_a_component_that_is_deleted_takes_its_associations_along(aws, graph):
    made = aws.sagemaker.create_trial_component(TrialComponentName="short-lived")
    both = {"SourceArn": graph.data, "DestinationArn": made["TrialComponentArn"]}
    aws.sagemaker.add_association(**both)
    aws.sagemaker.delete_trial_component(TrialComponentName="short-lived")
    assert ("data", None, "short-lived") not in [
        (each.get("SourceName"), each.get("AssociationType"), each.get("DestinationName"))
        for each in aws.sagemaker.list_associations()["AssociationSummaries"]
    ]
