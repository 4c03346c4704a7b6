"""Search: every operator on every type of property, order, pages, and what is refused."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from harness.local.search import properties
from harness.local.search.expressions import filter_of
from harness.local.search.kinds import KINDS
from tests.clients import failure
from tests.unit.local.moto.ours.test_every_operation import SCOPE, asked

RESOURCE = "ExperimentTrialComponent"
ALL = ["one", "three", "two"]


@pytest.fixture(scope="module")
def components(aws):
    """Three of them: with tags, parameters, metrics and a trial; with some; with none."""
    sagemaker, metrics = aws.sagemaker, aws.session.client("sagemaker-metrics")
    sagemaker.create_experiment(ExperimentName="search")
    sagemaker.create_trial(ExperimentName="search", TrialName="search-trial")
    sagemaker.create_trial_component(
        TrialComponentName="one",
        DisplayName="First",
        Status={"PrimaryStatus": "Completed"},
        Parameters={
            "alpha": {"NumberValue": 10.0}, "how": {"StringValue": "fast"},
            "a.b": {"NumberValue": 1},
        },
        InputArtifacts={"train": {"Value": "s3://bucket/train", "MediaType": "text/csv"}},
        Tags=[{"Key": "team", "Value": "red"}, {"Key": "x.y", "Value": "z"}],
    )  # fmt: skip
    sagemaker.associate_trial_component(TrialComponentName="one", TrialName="search-trial")
    sagemaker.create_trial_component(
        TrialComponentName="two", Parameters={"alpha": {"StringValue": "9"}},
        Tags=[{"Key": "team", "Value": "blue"}],
    )  # fmt: skip
    sagemaker.create_trial_component(TrialComponentName="three")
    for name, values in (("one", (1.0, 0.25)), ("two", (3.0, 0.5))):
        metrics.batch_put_metrics(
            TrialComponentName=name,
            MetricData=[
                {"MetricName": "test:loss", "Timestamp": time.time() + step, "Value": value}
                for step, value in enumerate(values)
            ],
        )


def search(aws, expression=None, **more: Any):
    expression = {} if expression is None else {"SearchExpression": expression}
    answer = aws.sagemaker.search(Resource=RESOURCE, **expression, **more)
    return [each["TrialComponent"]["TrialComponentName"] for each in answer["Results"]]


def found(aws, *filters, **more):
    return sorted(search(aws, {"Filters": list(filters), **more}))


def condition(name, how=None, value=None):
    given = {"Name": name, "Operator": how, "Value": value}
    return {key: each for key, each in given.items() if each is not None}


@pytest.mark.usefixtures("components")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("Tags.team", "Exists"), ["one", "two"]),
        (("Tags.team", "NotExists"), ["three"]),
        (("Tags.team", None, "red"), ["one"]),
        (("Tags.team", "NotEquals", "red"), ["three", "two"]),
        (("Tags.team", "In", "green, red"), ["one"]),
        (("Tags.x.y", "Equals", "z"), ["one"]),
        (("Tags.team", "Contains", "e"), ["one", "two"]),
        (("TrialComponentName", "Equals", "two"), ["two"]),
        (("TrialComponentName", "In", "two,three"), ["three", "two"]),
        (("DisplayName", "Contains", "irs"), ["one"]),
        (("Status.PrimaryStatus", "Equals", "Completed"), ["one"]),
        (("Parameters.alpha", "GreaterThan", "9"), ["one"]),
        (("Parameters.alpha", "GreaterThanOrEqualTo", "9"), ["one", "two"]),
        (("Parameters.alpha", "LessThanOrEqualTo", "9"), ["two"]),
        (("Parameters.alpha", "LessThan", "9.5"), ["two"]),
        (("Parameters.alpha", "Equals", "10"), ["one"]),
        (("Parameters.alpha", "NotEquals", "10.0"), ["three", "two"]),
        (("Parameters.alpha.NumberValue", "Exists"), ["one"]),
        (("Parameters.a.b", "Equals", "1"), ["one"]),
        (("parameters.how", "Equals", "fast"), ["one"]),
        (("Parameters.how", "GreaterThan", "1"), []),
        (("InputArtifacts.train", "Contains", "bucket"), ["one"]),
        (("InputArtifacts.train.MediaType", "Equals", "text/csv"), ["one"]),
        (("InputArtifacts", "Exists"), ["one"]),
        (("Metrics.test:loss.Min", "LessThan", "0.3"), ["one"]),
        (("Metrics.test:loss.max", "GreaterThan", "2"), ["two"]),
        (("Metrics.test:loss", "Equals", "0.5"), ["two"]),
        (("Metrics.test:loss.Count", "Equals", "2"), ["one", "two"]),
        (("Metrics.none.Max", "Exists"), []),
        (("Parents.TrialName", "Equals", "search-trial"), ["one"]),
        (("Parents.ExperimentName", "Equals", "search"), ["one"]),
        (("CreationTime", "GreaterThan", "2020-01-01T00:00:00"), ALL),
        (("CreationTime", "LessThan", "2020-01-01T00:00:00"), []),
        (("LastModifiedTime", "GreaterThanOrEqualTo", "2020-01-01T00:00:00Z"), ALL),
    ],
)
def test_operators(aws, given, expected):
    assert found(aws, condition(*given)) == expected


@pytest.mark.usefixtures("components")
def test_several_conditions(aws):
    both = condition("Tags.team", "Exists"), condition("TrialComponentName", None, "three")
    assert found(aws, *both) == []
    assert found(aws, *both, Operator="Or") == ALL
    deeper = {"SubExpressions": [{"Filters": [both[0]]}]}
    assert sorted(search(aws, deeper)) == ["one", "two"]
    assert found(aws, both[1], **deeper, Operator="Or") == ALL


@pytest.mark.usefixtures("components")
def test_nested_filters_are_of_one_item(aws):
    def metrics(*filters):
        nested = {"NestedPropertyName": "Metrics", "Filters": list(filters)}
        return search(aws, {"NestedFilters": [nested]})

    name = condition("Metrics.MetricName", "Equals", "test:loss")
    assert metrics(name, condition("Metrics.Min", "LessThan", "0.3")) == ["one"]
    assert metrics(name, condition("Metrics.Min", "LessThan", "0.1")) == []
    other = condition("Metrics.MetricName", "Equals", "other")
    assert metrics(other, condition("Metrics.Min", "LessThan", "0.3")) == []


@pytest.mark.usefixtures("components")
def test_nested_filters_are_of_lists(aws):
    def nested(name, *filters):
        conditions = [condition(f"{name}.{each}", how, value) for each, how, value in filters]
        given = {"NestedPropertyName": name, "Filters": conditions}
        return search(aws, {"NestedFilters": [given]})

    assert nested("Tags", ("Key", "Equals", "team"), ("Value", "Equals", "red")) == ["one"]
    assert nested("Tags", ("Key", "Equals", "team"), ("Value", "Equals", "z")) == []
    assert nested("Parents", ("TrialName", "Contains", "trial")) == ["one"]
    for name, filters, said in (
        ("Status", [("PrimaryStatus", "Exists", None)],
         "NestedFilters: Status is not a list of structures."),
        ("Nothing", [("x", "Exists", None)], "Unknown property name: Nothing"),
    ):  # fmt: skip
        conditions = [condition(f"{name}.{each}", how, value) for each, how, value in filters]
        given = {"NestedFilters": [{"NestedPropertyName": name, "Filters": conditions}]}
        assert failure(aws.sagemaker.search, Resource=RESOURCE, SearchExpression=given)[2] == said
    given = {"NestedFilters": [{"NestedPropertyName": "Parents", "Filters": [
        condition("DisplayName", "Exists")]}]}  # fmt: skip
    assert failure(aws.sagemaker.search, Resource=RESOURCE, SearchExpression=given)[2] == (
        "NestedFilters: DisplayName is not a property of Parents."
    )


def test_the_items_of_a_list_are_whole():
    record = {"FinalMetricDataList": [{"MetricName": "loss", "Value": 1.0},
                                      {"MetricName": "r2", "Value": 0.9}]}  # fmt: skip

    def fits(name, limit):
        filters = [
            condition("FinalMetricDataList.MetricName", "Equals", name),
            condition("FinalMetricDataList.Value", "GreaterThan", limit),
        ]
        nested = {"NestedPropertyName": "FinalMetricDataList", "Filters": filters}
        return filter_of(KINDS["TrainingJob"], {"NestedFilters": [nested]})(record)

    assert fits("r2", "0.5")
    assert not fits("r2", "0.95")
    assert fits("loss", "0.95")


@pytest.mark.usefixtures("components")
def test_results_are_in_order_and_paged(aws):
    assert search(aws) == ["three", "two", "one"]  # the last modified first
    assert search(aws, SortOrder="Ascending") == ["one", "two", "three"]
    by_alpha = {"SortBy": "Parameters.alpha"}
    assert search(aws, **by_alpha) == ["one", "two", "three"]  # without it: last
    assert search(aws, **by_alpha, SortOrder="Ascending") == ["two", "one", "three"]
    assert search(aws, SortBy="metrics.test:loss.max") == ["two", "one", "three"]
    assert search(aws, SortBy="TrialComponentName", SortOrder="Ascending") == ALL
    pages = aws.sagemaker.get_paginator("search").paginate(
        Resource=RESOURCE, SortBy="Parameters.alpha", PaginationConfig={"PageSize": 1}
    )
    names = [each["TrialComponent"]["TrialComponentName"] for p in pages for each in p["Results"]]
    assert names == ["one", "two", "three"]
    first = aws.sagemaker.search(Resource=RESOURCE, MaxResults=1)
    assert first["TotalHits"] == {"Value": 3, "Relation": "EqualTo"}
    token = {"NextToken": first["NextToken"]}
    assert failure(aws.sagemaker.search, Resource=RESOURCE, SortBy="DisplayName", **token)[1] == (
        "ValidationException"
    )


def test_the_order_of_values():
    numbers = [-1e300, -2.5, -0.0, 0.25, 3, 1e300]
    times = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)]
    ordered = [properties.order(each) for each in (*numbers, *times, "a", "b", "b" * 4000)]
    assert ordered == sorted(ordered)
    assert properties.order(0.0) == properties.order("0")
    assert max(map(len, ordered)) < 1000  # they are in tokens


@pytest.mark.usefixtures("components")
def test_whom_they_are_visible_to(aws):
    assert search(aws, VisibilityConditions=[{"Key": "Tags.team", "Value": "red"}]) == ["one"]
    assert search(aws, CrossAccountFilterOption="CrossAccount") == []
    assert len(search(aws, CrossAccountFilterOption="SameAccount")) == 3
    elsewhere = aws.session.client("sagemaker", region_name="eu-west-1")
    assert elsewhere.search(Resource=RESOURCE)["Results"] == []


CONTAINS = "'CONTAINS' operator usage limit of 1 exceeded."


@pytest.mark.usefixtures("components")
@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ([("Tags.team", "Equals")],
         "SearchExpression.Filters: Tags.team needs a Value for the operator Equals."),
        ([("Nothing", "Exists")], "Unknown property name: Nothing"),
        ([("TrialName", "Exists")], "Unknown property name: TrialName"),
        ([("Status.Nothing", "Exists")], "Unknown property name: Status.Nothing"),
        ([("TrialComponentName.x", "Exists")], "Unknown property name: TrialComponentName.x"),
        ([("Tags.", "Exists")], "Unknown property name: Tags."),
        ([("Metrics.", "Exists")], "Unknown property name: Metrics."),
        ([("TrialComponentName", "GreaterThan", "b")],
         "SearchExpression.Filters: TrialComponentName and 'b' are no numbers, and no times."),
        ([("Metrics.a.Max", "GreaterThan", "b")],
         "SearchExpression.Filters: Metrics.a.Max is a number, and 'b' is none."),
        ([("Metrics.a.Max", "Equals", "nan")],
         "SearchExpression.Filters: Metrics.a.Max is a number, and 'nan' is none."),
        ([("Metrics.a.Max", "Contains", "1")],
         ("SearchExpression.Filters: Metrics.a.Max is not a text, which the operator Contains is "
         "only for.")),
        ([("CreationTime", "In", "1")],
         ("SearchExpression.Filters: CreationTime is not a text, which the operator In is only "
         "for.")),
        ([("CreationTime", "LessThan", "now")],
         ("SearchExpression.Filters: CreationTime is a time, and 'now' is none as "
         "YYYY-mm-dd'T'HH:MM:SS.")),
        ([("Status", "Equals", "x")],
         "SearchExpression.Filters: Status is a structure; name one of its members."),
        ([("Source.SourceArn", "Contains", "a"), ("RunName", "Contains", "b")], CONTAINS),
    ],
)  # fmt: skip
def test_what_is_refused(aws, expression, said):
    filters = {"Filters": [condition(*each) for each in expression]}
    answer = failure(aws.sagemaker.search, Resource=RESOURCE, SearchExpression=filters)
    assert answer == (400, "ValidationException", said)


@pytest.mark.usefixtures("components")
def test_how_much_may_be_asked(aws):
    name = condition("TrialComponentName", "Contains", "o")
    assert len(found(aws, name, name)) == 2  # of names there may be several
    one = {"Filters": [name] * 20}
    assert len(search(aws, {"SubExpressions": [one, one]})) == 2
    for expression, said in (
        ({}, ("SearchExpression must have at least one of Filters, NestedFilters and "
             "SubExpressions.")),
        ({"SubExpressions": [one, one, one]},
         ("SearchExpression: the number of Filters, NestedFilters and SubExpressions exceeds the "
         "limit of 50.")),
    ):  # fmt: skip
        assert failure(aws.sagemaker.search, Resource=RESOURCE, SearchExpression=expression) == (
            400, "ValidationException", said,
        )  # fmt: skip
    text = failure(
        aws.sagemaker.search, Resource=RESOURCE, SearchExpression={"Filters": [name] * 21}
    )[2]
    assert "Member must have length less than or equal to 20" in text


def test_an_expression_without_end_is_refused(aws):
    deep = '{"SubExpressions": [' * 3000 + '{"Filters": [{"Name": "a"}]}' + "]}" * 3000
    body = f'{{"Resource": "TrainingJob", "SearchExpression": {deep}}}'.encode()
    headers = {"X-Amz-Target": "SageMaker.Search", "Authorization": SCOPE,
               "Content-Type": "application/x-amz-json-1.1"}  # fmt: skip
    status, document = asked(aws.sagemaker, "POST", "/", body, headers)
    assert status == 400
    assert json.loads(document)["__type"] in ("SerializationException", "ValidationException")


@pytest.mark.usefixtures("components")
def test_names_of_properties_are_suggested(aws):
    def suggested(hint, resource=RESOURCE):
        query = {"PropertyNameQuery": {"PropertyNameHint": hint}}
        answer = aws.sagemaker.get_search_suggestions(Resource=resource, SuggestionQuery=query)
        return [each["PropertyName"] for each in answer["PropertyNameSuggestions"]]

    assert suggested("tags.t") == ["Tags.team"]
    assert suggested("alpha") == ["Parameters.alpha"]
    assert "Metrics.test:loss.Max" in suggested("LOSS")
    assert suggested("TrialComponentN") == ["TrialComponentName"]
    assert "HyperParameters" not in suggested("Hyper", "TrainingJob")
    assert len(suggested("", "TrainingJob")) == 100
