"""Faults on demand as clients of the local AWS see them, and how boto3 bears them."""

import http.client
import json
import logging
import time
import urllib.parse
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from pydantic import ValidationError

from harness.config import fault_names
from harness.config.faults import Fault, problem
from harness.local.aws import LocalAWS
from harness.local.faults.faults import MOST, Faults, TooManyError


@pytest.fixture(scope="module")
def server(no_engine):
    with LocalAWS() as server:
        yield server


@pytest.fixture
def faults(server):
    yield server.faults
    server.faults.clear()


@pytest.fixture
def client(server):
    def client(service, attempts=1, mode="standard"):
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=server.url,
            aws_access_key_id="harness",
            aws_secret_access_key="harness",
            config=Config(retries={"total_max_attempts": attempts, "mode": mode}),
        )

    return client


def refusal(call, **members):
    with pytest.raises(ClientError) as raised:
        call(**members)
    response = raised.value.response
    return response["Error"].get("Code"), response["ResponseMetadata"]["HTTPStatusCode"]


CALLS: dict[str, dict[str, Any]] = {
    "s3:ListBuckets": {},
    "s3:PutObject": {"Bucket": "b", "Key": "k/x", "Body": b"x" * 100_000},
    "s3:CreateBucket": {"Bucket": "b"},
    "s3:UploadPart": {"Bucket": "b", "Key": "k", "PartNumber": 1, "UploadId": "1", "Body": b"x"},
    "sts:GetCallerIdentity": {},
    "iam:GetRole": {"RoleName": "r"},
    "ecr:DescribeRepositories": {},
    "logs:DescribeLogGroups": {},
    "cloudwatch:ListMetrics": {},
    "sagemaker:ListModels": {},
    "sagemaker-runtime:InvokeEndpoint": {"EndpointName": "a", "Body": b""},
}
OWN_WORDS = {"s3": ("SlowDown", 503), "sts": ("Throttling", 400), "iam": ("Throttling", 400)}


@pytest.mark.parametrize("call", CALLS)
def test_throttling_is_each_services_own(faults, client, call):
    service, operation = call.split(":")
    faults.add(Fault(service=service, operation=operation, error="Throttling"))
    method = xform_name(operation)
    found = refusal(getattr(client(service), method), **CALLS[call])
    assert found == OWN_WORDS.get(service, ("ThrottlingException", 400))


def test_a_head_has_a_status_only(faults, client):
    faults.add(Fault(operation="HeadObject", error="NoSuchKey"))
    call = client("s3").head_object
    assert refusal(call, Bucket="b", Key="k") == ("404", 404)


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"error": "ResourceLimitExceeded"}, ("ResourceLimitExceeded", 400)),
        ({"error": "AccessDeniedException"}, ("AccessDeniedException", 403)),
        ({"status": 500}, ("InternalFailure", 500)),
        ({"status": 503}, ("ServiceUnavailable", 503)),
        ({"error": "Own.Code", "status": 418}, ("Own.Code", 418)),
    ],
)
def test_an_error_has_its_models_status_or_the_one_that_is_given(faults, client, members, found):
    faults.add(Fault(operation="ListModels", **members))
    assert refusal(client("sagemaker").list_models) == found


def test_the_model_of_a_service_has_statuses(faults, client):
    faults.add(Fault(error="ModelNotReadyException"))
    call = client("sagemaker-runtime").invoke_endpoint
    assert refusal(call, EndpointName="a", Body=b"") == ("ModelNotReadyException", 429)


def test_an_error_says_that_it_was_wanted(faults, client, caplog):
    rule = faults.add(Fault(operation="DescribeTrainingJob", error="Throttling"))
    with caplog.at_level(logging.WARNING), pytest.raises(ClientError) as raised:
        client("sagemaker").describe_training_job(TrainingJobName="mine")
    response = raised.value.response
    assert response["Error"]["Message"] == "Rate exceeded (injected)"
    assert response["ResponseMetadata"]["HTTPHeaders"]["x-harness-fault"] == rule.id
    (said,) = caplog.messages
    assert said.startswith("injected: sagemaker:DescribeTrainingJob of mine gets Throttling to ")
    assert said.endswith(f"({rule.id})")


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
@pytest.mark.parametrize(
    "fault", [{"error": "Throttling"}, {"status": 500}, {"status": 503}, {"reset": True}], ids=str
)
def test_botocore_survives_what_aws_promises(faults, client, monkeypatch, fault, mode):
    monkeypatch.setattr(time, "sleep", lambda _: None)  # how long it waits is its own affair
    rule = faults.add(Fault(count=2, **fault))
    assert client("sagemaker", 4, mode).list_models()["Models"] == []
    assert rule.happened == 2


def test_uploads_survive_it_too(faults, client, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: None)
    s3 = client("s3", 4)
    s3.create_bucket(Bucket="survivors")
    rules = [
        faults.add(Fault(operation="PutObject", error="Throttling", count=1)),
        faults.add(Fault(operation="PutObject", reset=True, count=1)),
    ]
    s3.put_object(Bucket="survivors", Key="k", Body=b"x" * 3_000_000)
    assert [rule.happened for rule in rules] == [1, 1]
    assert s3.head_object(Bucket="survivors", Key="k")["ContentLength"] == 3_000_000


def test_a_waiter_survives_throttling(faults, client, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: None)
    s3 = client("s3", 3)
    s3.create_bucket(Bucket="waited-for")
    rule = faults.add(Fault(operation="HeadBucket", error="Throttling", count=2))
    s3.get_waiter("bucket_exists").wait(Bucket="waited-for")
    assert rule.happened == 2


def test_a_reset_is_a_connection_that_is_closed(faults, client):
    faults.add(Fault(service="sagemaker", reset=True))
    with pytest.raises(ConnectionClosedError):
        client("sagemaker").list_models()


def test_latency_comes_first_and_then_the_answer(faults, client):
    faults.add(Fault(operation="ListModels", latency=0.3))
    begun = time.monotonic()
    assert client("sagemaker").list_models()["Models"] == []
    assert time.monotonic() - begun >= 0.3
    faults.clear()
    faults.add(Fault(operation="ListModels", latency=0.3, status=500))
    begun = time.monotonic()
    assert refusal(client("sagemaker").list_models) == ("InternalFailure", 500)
    assert time.monotonic() - begun >= 0.3


def test_only_those_that_are_meant(faults, client):
    faults.add(Fault(service="s3", operation="Get*", resource="b/models/*", error="Throttling"))
    s3 = client("s3")
    assert refusal(s3.get_object, Bucket="b", Key="models/1") == ("SlowDown", 503)
    assert refusal(s3.get_object, Bucket="b", Key="data/1") == ("NoSuchBucket", 404)
    assert refusal(s3.head_object, Bucket="b", Key="models/1") == ("404", 404)
    assert client("sts").get_caller_identity()["Account"] == "123456789012"


def test_names_stand_in_bodies_too(faults, client):
    faults.add(Fault(resource="mine-*", error="Throttling"))
    describe = client("sagemaker").describe_endpoint
    assert refusal(describe, EndpointName="mine-1") == ("ThrottlingException", 400)
    assert refusal(describe, EndpointName="yours") == ("ValidationException", 400)
    assert refusal(client("iam").get_role, RoleName="mine-2") == ("Throttling", 400)


def test_what_is_not_meant_still_has_its_body(faults, client):
    faults.add(Fault(resource="none", error="Throttling"))
    s3 = client("s3")
    s3.create_bucket(Bucket="bodies")
    s3.put_object(Bucket="bodies", Key="k", Body=b"x" * 5000)
    assert s3.get_object(Bucket="bodies", Key="k")["Body"].read() == b"x" * 5000
    assert client("sts").get_caller_identity()["Account"] == "123456789012"


def test_chance_is_the_same_each_time():
    def pattern(seed):
        faults = Faults([Fault(event="PingFailure", probability=0.3, seed=seed)])
        return [faults.event("PingFailure", "CreateEndpoint", "e") is not None for _ in range(200)]

    assert pattern(1) == pattern(1) != pattern(2)
    assert 30 < sum(pattern(1)) < 90


def test_the_first_rule_that_holds_takes_it():
    faults = Faults([
        Fault(event="OutOfMemory", resource="a*", delay=1, count=1),
        Fault(event="OutOfMemory", delay=2),
        Fault(error="Throttling"),
    ])  # fmt: skip

    def delay(name):
        found = faults.event("OutOfMemory", "CreateTrainingJob", name)
        return found and found.delay

    assert [delay("a"), delay("a"), delay("b")] == [1, 2, 2]
    assert faults.event("HostLost", "CreateTrainingJob", "a") is None


def test_an_event_may_be_for_one_kind_only():
    faults = Faults([Fault(event="OutOfMemory", operation="CreateEndpoint")])
    assert faults.event("OutOfMemory", "CreateTrainingJob", "a") is None
    assert faults.event("OutOfMemory", "CreateEndpoint", "a")


def test_there_are_not_too_many():
    faults = Faults([Fault(reset=True)] * MOST)
    with pytest.raises(TooManyError):
        faults.add(Fault(reset=True))


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"status": 200},
        {"error": "not a code"},
        {"error": "A", "event": "OutOfMemory"},
        {"event": "SlowData"},
        {"event": "Earthquake"},
        {"reset": True, "probability": 0},
        {"reset": True, "probability": float("nan")},
        {"latency": float("inf")},
        {"latency": -1},
        {"reset": True, "count": 10**400},
        {"reset": True, "operation": "x" * 1000},
        {"reset": True, "unknown": 1},
    ],
    ids=str,
)
def test_a_fault_that_makes_no_sense_is_refused(members):
    with pytest.raises(ValidationError):
        Fault(**members)


NAMES = [
    ({"operation": "CreateTrainingJobs", "status": 500}, "did you mean CreateTrainingJob?"),
    ({"operation": "createtrainingjob", "reset": True}, "did you mean CreateTrainingJob?"),
    ({"service": "s3", "operation": "PutObjekt", "reset": True}, "of s3 (did you mean PutObject?)"),
    ({"operation": "GetItem", "reset": True}, "that of another service needs service"),
    ({"service": "lambda", "operation": "Invoke", "reset": True}, "can't be told apart here"),
    ({"service": "sagemakr", "reset": True}, "no service 'sagemakr' (did you mean sagemaker?)"),
    ({"error": "Throtling"}, ("'Throtling' is no error of a known service (did you mean "
     "Throttling?)")),
    ({"operation": "CreateTrainingJob", "error": "ModelNotReadyException"},
     "no error of sagemaker; with status, any code is taken"),
    ({"event": "SpotInteruption"}, "no event 'SpotInteruption' (did you mean SpotInterruption?)"),
    ({"event": "Earthquake"}, "there are InsufficientInstanceCapacity, SpotInterruption, "),
    ({"event": "OutOfMemory", "operation": "ListTags"}, ("CreateProcessingJob or CreateEndpoint "
     "creates, not 'ListTags'")),
    ({"event": "DataError", "operation": "CreateTransform*"}, "DataError happens to what "),
    ({"event": "OutOfMemory", "service": "s3"}, "an event of the service sagemaker, not of 's3'"),
    ({"eror": "Throttling"}, "eror: unknown key (did you mean error?)"),
    ({"status": "many"}, "status = 'many': input should be a valid integer"),
]  # fmt: skip


@pytest.mark.parametrize(("members", "words"), NAMES, ids=str)
def test_names_that_there_are_not_are_told_with_what_was_meant(members, words):
    with pytest.raises(ValidationError) as raised:
        Fault.model_validate(members)
    (said,) = {problem(error) for error in raised.value.errors()} - {_NO_EFFECT}
    assert words in said


_NO_EFFECT = "it has no effect: give error, status, latency, reset or event"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"reset": True, "error": "Throttling"}, "reset can't be together with error"),
        ({"reset": True, "message": "no"}, "reset can't be together with error"),
        ({"reset": True, "delay": 1}, "delay needs the event SpotInterruption, "),
        ({"event": "PingFailure", "delay": 1}, "delay needs the event "),
        ({"event": "OutOfMemory", "megabytes": 1}, "megabytes needs the event DataError"),
        ({"event": "OutOfMemory", "host": "algo-1"}, "host needs the event HostLost"),
        ({"event": "OutOfMemory", "latency": 1}, "latency is of calls and of SlowData"),
        ({"event": "OutOfMemory", "message": "no"}, "event can't be together with error"),
        ({"latency": 1, "message": "no"}, "message is an error's"),
        ({"status": 500, "seed": 1}, "seed is of the chance"),
    ],
    ids=str,
)
def test_keys_that_cannot_act_together_are_refused(members, words):
    with pytest.raises(ValidationError, match=words):
        Fault.model_validate(members)


@pytest.mark.parametrize(
    "members",
    [
        {"service": "dynamodb", "operation": "GetItem", "error": "ResourceNotFoundException"},
        {"operation": "InvokeEndpoint", "error": "ModelNotReadyException"},
        {"operation": "Get*", "error": "NoSuchKey"},
        {"operation": "CreateTrainingJob", "error": "Own.Code", "status": 418},
        {"operation": "*Job", "event": "HostLost", "host": "algo-1", "delay": 1},
        {"reset": True, "latency": 1},
        {"error": "SlowDown", "message": "no", "probability": 0.5, "seed": 3},
    ],
    ids=str,
)
def test_what_can_happen_is_taken(members):
    assert Fault.model_validate(members)


@pytest.mark.parametrize("code", ["Throttling", "AccessDenied", "ExpiredToken", "InternalFailure"])
def test_common_errors_are_taken_of_any_service(code):
    for service in fault_names.SERVICES:
        assert Fault(service=service, error=code)


# Over HTTP.


@pytest.fixture
def ask(server, faults):
    def ask(method, path="", body=None, **headers):
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.url).netloc)
        sent = {"Content-Type": "application/json"} | headers
        connection.request(method, f"/_harness/faults{path}", body, sent)
        answer = connection.getresponse()
        document = json.loads(answer.read())
        connection.close()
        return answer.status, document

    return ask


def test_rules_over_http(ask, client):
    status, added = ask("POST", body=json.dumps({"operation": "ListModels", "status": 500}))
    assert status == 200
    assert added["happened"] == 0
    refusal(client("sagemaker").list_models)
    rule = {"id": added["id"], "happened": 1, "operation": "ListModels", "status": 500}
    assert ask("GET") == (200, {"faults": [rule]})
    assert ask("DELETE", f"/{added['id']}") == (200, rule)
    assert client("sagemaker").list_models()["Models"] == []
    ask("POST", body=json.dumps({"reset": True}))
    assert ask("DELETE") == (200, {"faults": []})


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", "", "{", {}, 400),
        ("POST", "", "[" * 50_000, {}, 400),
        ("POST", "", "{}", {}, 400),
        ("POST", "", '{"reset": true, "count": 1e400}', {}, 400),
        ("POST", "", '{"reset": true}', {"Content-Type": "text/plain"}, 415),
        ("POST", "", "x" * 100_000, {}, 413),
        ("POST", "", '{"reset": true}', {"Origin": "http://elsewhere"}, 403),
        ("GET", "", None, {"Host": "rebound.example"}, 403),
        ("DELETE", "/fault-0", None, {}, 404),
        ("PUT", "", "{}", {}, 405),
    ],
)
def test_what_is_refused_over_http(ask, faults, method, path, body, headers, status):
    assert ask(method, path, body, **headers)[0] == status
    assert not faults.rules


def test_wrong_names_over_http_are_told_with_what_was_meant(ask):
    status, said = ask("POST", body=json.dumps({"eror": "Throttling", "reset": True}))
    assert (status, said["error"]) == (400, "eror: unknown key (did you mean error?)")


def test_a_name_that_is_missing_removes_nothing(ask, faults):
    faults.add(Fault(reset=True, operation="ListModels"))
    assert ask("DELETE", "/")[0] == 400
    status, said = ask("DELETE", "/a%3F")
    assert (status, said["error"]) == (404, "there is no fault a?")
    assert len(faults.rules) == 1


def test_the_page_shows_them(server, faults, client):
    faults.add(Fault(operation="<b>*", error="Throttling", count=3))
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.url).netloc)
    connection.request("GET", "/", headers={"Accept": "text/html"})
    page = connection.getresponse().read().decode()
    connection.close()
    assert "Faults on demand" in page
    assert "Throttling to &lt;b&gt;*" in page
    assert "0 of 3" in page


def test_one_that_begins_with_faults(no_engine):
    with LocalAWS(faults=[Fault(operation="ListModels", error="Throttling")]) as server:
        sagemaker = boto3.client(
            "sagemaker", region_name="us-east-1", endpoint_url=server.url,
            aws_access_key_id="h", aws_secret_access_key="h",
            config=Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip
        assert refusal(sagemaker.list_models) == ("ThrottlingException", 400)
