"""Patterns of requests that moto would look for a match of for hours, in this very process."""

import faulthandler
import json
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

MANY = "*a" * 14 + "b"
LONG = "a" * 60
EVIL = "(a+)+" * 4 + "b"


@pytest.fixture(autouse=True)
def ended_if_it_hangs():
    """Nothing else can end what holds Python's lock."""
    faulthandler.dump_traceback_later(60, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="module")
def client(aws):
    config = Config(parameter_validation=False, read_timeout=20, retries={"total_max_attempts": 1})
    return lambda service: aws.session.client(service, config=config)


def code(call, **request):
    with pytest.raises(ClientError) as refused:
        call(**request)
    return refused.value.response["Error"]["Code"]


def test_simulated_policies(client):
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::{MANY}"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    answer = client("iam").simulate_custom_policy(
        PolicyInputList=[document],
        ActionNames=["s3:GetObject"],
        ResourceArns=[f"arn:aws:s3:::{LONG}"],
    )
    assert answer["EvaluationResults"][0]["EvalDecision"] == "implicitDeny"


def test_bucket_policies(aws, client):
    s3 = client("s3")
    everything = f"arn:aws:s3:::{aws.bucket}/"

    def put(resource, effect="Deny"):
        statement = {"Effect": effect, "Principal": "*", "Action": "s3:Get*", "Resource": resource}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        s3.put_bucket_policy(Bucket=aws.bucket, Policy=json.dumps(document))

    s3.put_object(Bucket=aws.bucket, Key=LONG, Body=b"x")
    try:
        put(everything + MANY)
        assert s3.get_object(Bucket=aws.bucket, Key=LONG)["Body"].read() == b"x"
        put([everything + "[b", everything + "a*a?"])
        assert code(s3.get_object, Bucket=aws.bucket, Key=LONG) in ("403", "AccessDenied")
    finally:
        s3.delete_bucket_policy(Bucket=aws.bucket)


def test_origins(aws):
    from moto.s3 import responses as module

    responses: Any = module

    assert responses.cors_matches_origin("https://a.example", ["https://*.example"])
    assert not responses.cors_matches_origin("https://axexample", ["https://a.example"])
    assert not responses.cors_matches_origin(LONG, [MANY])
    assert not responses.cors_matches_origin(None, ["a"])


def test_events(client):
    from moto.events.models import EventPattern

    client("events").list_rules()  # which loads it

    def is_like(wildcard, name):
        pattern = EventPattern.load(json.dumps({"detail": {"name": [{"wildcard": wildcard}]}}))
        event: Any = {"detail": {"name": name}}
        return pattern.matches_event(event)

    assert not is_like(MANY, LONG)
    assert is_like("a*?", "abc?")
    assert is_like("a\\**", "a*b")
    assert not is_like("a\\**", "ab")


def test_names_of_rules(client):
    events = client("events")
    events.put_rule(Name=LONG, ScheduleExpression="rate(5 minutes)")
    assert [each["Name"] for each in events.list_rules(NamePrefix="aa")["Rules"]] == [LONG]
    assert events.list_rules(NamePrefix=EVIL)["Rules"] == []


def test_filters(client):
    ec2 = client("ec2")
    ec2.create_security_group(GroupName="patterns", Description=LONG)

    def found(pattern):
        filters = [{"Name": "description", "Values": [pattern]}]
        return ec2.describe_security_groups(Filters=filters)["SecurityGroups"]

    assert found("a?" * 60 + "b") == found(MANY) == []
    assert len(found("a*?")) == 1


@pytest.fixture(scope="module")
def iot(client):
    iot = client("iot")
    iot.create_thing(thingName=LONG)
    iot.create_thing_group(thingGroupName=LONG)
    iot.add_thing_to_thing_group(thingName=LONG, thingGroupName=LONG)
    return iot


def test_things(iot):
    def found(query):
        return len(iot.search_index(queryString=query)["things"])

    assert found("thingName:a*") == found("thingGroupNames:[ab]+") == 1
    assert found("thingName:b*") == found("thingGroupNames:b+") == 0


def test_things_that_are_hard_to_find(iot):
    assert iot.search_index(queryString=f"thingName:{MANY}")["things"] == []


@pytest.mark.parametrize("name", ["match", "search"])
@pytest.mark.parametrize("pattern", ["(?:(?:a|aa)+c?)+(?<!a)$", "((a{9999}){9999}){9999}", "a["])
def test_expressions(iot, name, pattern):  # loads it
    """Glue's, too, for which moto needs a package that isn't there."""
    from moto.core.exceptions import JsonRESTError
    from moto.iot import models as module

    models: Any = module

    with pytest.raises(JsonRESTError, match="ValidationException"):
        getattr(models.re, name)(pattern, LONG)


def test_repositories(aws):
    from moto.ecr.models import ECRBackend

    client = aws.session.client("ecr")
    client.describe_repositories()
    match: Any = ECRBackend._match_repository_filter
    assert match(None, "a*b", "axxbc")
    assert not match(None, MANY, LONG)
