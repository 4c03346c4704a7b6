"""`Search` over what moto keeps, with each of the operators that filters may have."""

from __future__ import annotations

import pytest

from tests.clients import failure

RESOURCE = "FeatureGroup"


@pytest.fixture(scope="module")
def groups(aws):
    """Two of them: one with tags, one without."""
    features = [{"FeatureName": "id", "FeatureType": "String"}]
    for name, tags in (("one", [{"Key": "team", "Value": "red"}]), ("two", [])):
        aws.sagemaker.create_feature_group(
            FeatureGroupName=f"search-{name}",
            RecordIdentifierFeatureName="id",
            EventTimeFeatureName="at",
            FeatureDefinitions=features,
            OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://bucket/group"}},
            RoleArn="arn:aws:iam::123456789012:role/sagemaker",
            Tags=tags,
        )


def found(aws, *filters, **more):
    expression = {"Filters": list(filters), **more} if filters else more
    answer = aws.sagemaker.search(Resource=RESOURCE, SearchExpression=expression)
    return sorted(each[RESOURCE]["FeatureGroupName"] for each in answer["Results"])


def condition(name, how=None, value=None):
    given = {"Name": name, "Operator": how, "Value": value}
    return {key: each for key, each in given.items() if each is not None}


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("Tags.team", "Exists"), ["one"]),
        (("Tags.team", "NotExists"), ["two"]),
        (("Tags.team", None, "red"), ["one"]),
        (("Tags.team", "NotEquals", "red"), ["two"]),
        (("Tags.team", "In", "blue, red"), ["one"]),
        (("FeatureGroupName", "Equals", "search-two"), ["two"]),
        (("FeatureGroupName", "Contains", "search-"), ["one", "two"]),
        (("CreationTime", "GreaterThan", "2020-01-01T00:00:00"), ["one", "two"]),
        (("CreationTime", "LessThan", "2020-01-01T00:00:00"), []),
    ],
)
def test_operators(aws, given, expected):
    assert found(aws, condition(*given)) == [f"search-{each}" for each in expected]


@pytest.mark.usefixtures("groups")
def test_several_conditions(aws):
    both = condition("Tags.team", "Exists"), condition("FeatureGroupName", None, "search-two")
    assert found(aws, *both) == []
    assert found(aws, *both, Operator="Or") == ["search-one", "search-two"]
    assert found(aws, SubExpressions=[{"Filters": [both[0]]}]) == ["search-one"]


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("Tags.team", "Equals"),
         "SearchExpression.Filters: Tags.team needs a Value for the operator Equals."),
        (("Nothing", "Exists"), "Unknown property name: Nothing"),
        (("FeatureGroupName", "GreaterThan", "b"),
         "SearchExpression.Filters: FeatureGroupName and 'b' are no numbers, and no times."),
    ],
)  # fmt: skip
def test_what_is_refused(aws, given, said):
    expression = {"Filters": [condition(*given)]}
    assert failure(aws.sagemaker.search, Resource=RESOURCE, SearchExpression=expression) == (
        400, "ValidationException", said,
    )  # fmt: skip
