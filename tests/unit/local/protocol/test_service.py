"""Services with small providers, without a network; what SDKs see of them is in test_aws."""

from __future__ import annotations

import base64
import io
import json
import logging
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from harness.local.protocol.errors import AwsError, LeaveToMoto
from harness.local.protocol.messages import Request, RequestContext
from harness.local.protocol.service import Service

CREDENTIAL = "AKIA/20260102/eu-west-1/sagemaker/aws4_request"


class Provider:
    """Answers the operations that are given to it, and remembers what it was asked."""

    def __init__(self, **answers):
        self.asked = []
        for operation, answer in answers.items():
            setattr(self, operation, self._method(answer))

    def _method(self, answer):
        def method(context, request):
            self.asked.append((context, request))
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return method

    @property
    def context(self):
        return self.asked[-1][0]

    @property
    def request(self):
        return self.asked[-1][1]


def call(service, operation, document, **headers):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = {"x-amz-target": f"SageMaker.{operation}", **headers}
    return service.respond(Request("POST", "/", "", headers, io.BytesIO(body)))


def invoke(service, body=b"", path="/endpoints/e/invocations", **headers):
    return service.respond(Request("POST", path, "", headers, io.BytesIO(body)))


def answer(operation, document, **answers):
    """Status and document of the answer to one SageMaker request."""
    response = call(Service("sagemaker", [Provider(**answers)]), operation, document)
    return response.status, json.loads(response.body)


# Requests


def test_a_request_is_handed_over_in_aws_names_and_python_types():
    provider = Provider(list_training_jobs={})
    call(
        Service("sagemaker", [provider]),
        "ListTrainingJobs",
        {"MaxResults": 5.0, "CreationTimeAfter": 1_700_000_000.5, "NameContains": "a"},
    )
    assert provider.request == {
        "MaxResults": 5,
        "CreationTimeAfter": datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC),
        "NameContains": "a",
    }
    assert isinstance(provider.request["MaxResults"], int)


def test_null_and_unknown_members_are_as_if_they_were_not_there():
    provider = Provider(list_training_jobs={})
    document = {"MaxResults": None, "Unheard": {"Of": 1}}
    assert call(Service("sagemaker", [provider]), "ListTrainingJobs", document).status == 200
    assert provider.request == {}


def test_an_empty_body_is_an_empty_request():
    provider = Provider(list_training_jobs={})
    assert call(Service("sagemaker", [provider]), "ListTrainingJobs", b"").status == 200


# The words are those that Athena, on the same Java stack, was seen to use.
@pytest.mark.parametrize(
    ("operation", "document", "message"),
    [
        (
            "ListTrainingJobs",
            {"MaxResults": "1"},
            "STRING_VALUE can not be converted to an Integer",
        ),
        ("ListTrainingJobs", {"MaxResults": True}, "TRUE_VALUE can not be converted to an Integer"),
        (
            "ListTrainingJobs",
            {"MaxResults": 1.5},
            "DECIMAL_VALUE can not be converted to an Integer",
        ),
        (
            "ListTrainingJobs",
            {"MaxResults": 2**31},
            "NUMBER_VALUE can not be converted to an Integer",
        ),
        (
            "ListTrainingJobs",
            {"MaxResults": -(10**400)},
            "NUMBER_VALUE can not be converted to an Integer",
        ),
        (
            "ListTrainingJobs",
            {"MaxResults": 1e300},
            "DECIMAL_VALUE can not be converted to an Integer",
        ),
        (
            "ListTrainingJobs",
            {"CreationTimeAfter": 10**400},
            "NUMBER_VALUE can not be converted to milliseconds since epoch",
        ),
        (
            "UpdateEndpointWeightsAndCapacities",
            {"DesiredWeightsAndCapacities": [{"DesiredWeight": "NaN"}]},
            "STRING_VALUE can not be converted to a Float",
        ),
        (
            "UpdateEndpointWeightsAndCapacities",
            {"DesiredWeightsAndCapacities": [{"DesiredWeight": 1e39}]},
            "DECIMAL_VALUE can not be converted to a Float",
        ),
        (
            "UpdateEndpointWeightsAndCapacities",
            {"DesiredWeightsAndCapacities": [{"DesiredWeight": 10**400}]},
            "NUMBER_VALUE can not be converted to a Float",
        ),
        ("ListTrainingJobs", {"MaxResults": [1]}, "Start of list found where not expected"),
        (
            "ListTrainingJobs",
            {"MaxResults": {"a": 1}},
            "Start of structure or map found where not expected.",
        ),
        ("ListTrainingJobs", {"NameContains": 1}, "NUMBER_VALUE can not be converted to a String"),
        (
            "ListTrainingJobs",
            {"NameContains": False},
            "FALSE_VALUE can not be converted to a String",
        ),
        (
            "ListTrainingJobs",
            {"CreationTimeAfter": "2026-01-01"},
            "STRING_VALUE can not be converted to milliseconds since epoch",
        ),
        (
            "ListTrainingJobs",
            {"CreationTimeAfter": 1e300},
            "DECIMAL_VALUE can not be converted to milliseconds since epoch",
        ),
        (
            "CreateModel",
            {"EnableNetworkIsolation": 1},
            "NUMBER_VALUE can not be converted to a Boolean",
        ),
        ("CreateModel", {"PrimaryContainer": "x"}, "Expected null"),
        ("CreateModel", {"PrimaryContainer": []}, "Start of list found where not expected"),
        ("CreateModel", {"Containers": "x"}, "Expected list or null"),
        (
            "CreateModel",
            {"Containers": {}},
            "Start of structure or map found where not expected.",
        ),
        ("CreateModel", {"PrimaryContainer": {"Environment": 1}}, "Expected map or null"),
        (
            "CreateModel",
            {"PrimaryContainer": {"Environment": {"A": 1}}},
            "NUMBER_VALUE can not be converted to a String",
        ),
        ("CreateModel", [], "Start of list found where not expected"),
        ("CreateModel", "x", "Expected null"),
    ],
)
def test_a_value_of_the_wrong_type_comes_before_everything_else(operation, document, message):
    status, body = answer(
        operation,
        document,
        create_model={},
        list_training_jobs={},
        update_endpoint_weights_and_capacities={},
    )
    assert (status, body) == (400, {"__type": "SerializationException", "message": message})


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{} {}",
        b'{"MaxResults": NaN}',
        b'"\xff"',
        b'{"MaxResults": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"MaxResults": 1e400}',
        b'{"Unheard": -1e400}',
        b'{"Unheard": [' + b"[]," * 300_000 + b"[]]}",
        b'{"Unheard": [' + b"{}," * 300_000 + b"{}]}",
        rb'{"Unheard": "half a character: \ud83d"}',
    ],
)
def test_a_body_that_is_not_json(body):
    status, document = answer("ListTrainingJobs", body, list_training_jobs={})
    assert status == 400
    assert document["__type"] == "SerializationException"
    assert document["message"].startswith("The request body is not valid JSON: ")


def test_a_character_may_be_written_in_two_halves():
    status, body = answer(
        "ListTrainingJobs", rb'{"Unheard": "\ud83d\ude00"}', list_training_jobs={}
    )
    assert (status, body) == (200, {})


def test_constraints_are_checked():
    status, body = answer("DescribeTrainingJob", {}, describe_training_job={})
    assert (status, body) == (
        400,
        {
            "__type": "ValidationException",
            "message": "1 validation error detected: Value null at 'trainingJobName' failed to "
            "satisfy constraint: Member must not be null",
        },
    )


def test_members_in_path_headers_and_body():
    provider = Provider(invoke_endpoint={"Body": b""})
    body = b"\x00\xff"
    invoke(
        Service("sagemaker-runtime", [provider]),
        body,
        "/endpoints/my%2Dendpoint/invocations",
        **{"content-type": "text/csv", "x-amzn-sagemaker-target-variant": "v", "x-other": "o"},
    )
    assert provider.request == {
        "EndpointName": "my-endpoint",
        "Body": body,
        "ContentType": "text/csv",
        "TargetVariant": "v",
    }


def test_a_body_of_the_full_size_is_not_copied():
    provider = Provider(invoke_endpoint={"Body": b""})
    body = b"x" * 6_291_456

    class Stream:
        pieces = iter([body])

        def read(self, size):
            return next(self.pieces, b"")

    stream: Any = Stream()
    request = Request("POST", "/endpoints/e/invocations", "", {}, stream)
    assert Service("sagemaker-runtime", [provider]).respond(request).status == 200
    assert provider.request["Body"] is body


def test_a_body_beyond_the_limit_is_refused_by_the_model():
    response = invoke(
        Service("sagemaker-runtime", [Provider(invoke_endpoint=None)]), b"x" * 6_291_457
    )
    assert (response.status, json.loads(response.body)) == (
        400,
        {
            "Message": "1 validation error detected: Value at 'body' failed to satisfy "
            "constraint: Member must have length less than or equal to 6291456"
        },
    )
    assert response.headers["x-amzn-ErrorType"] == "ValidationError"


def test_a_body_far_beyond_the_limit_is_not_read():
    stream = io.BytesIO(b"x" * 7_000_000)
    service = Service("sagemaker-runtime", [Provider(invoke_endpoint=None)])
    response = service.respond(Request("POST", "/endpoints/e/invocations", "", {}, stream))
    assert response.status == 413
    assert response.body == b"HTTP content length exceeded 6295552 bytes."
    assert stream.tell() == 6_295_553


def test_numbers_in_headers():
    provider = Provider(invoke_endpoint_async={})
    service = Service("sagemaker-runtime", [provider])
    path = "/endpoints/e/async-invocations"
    header = "x-amzn-sagemaker-requestttlseconds"
    assert invoke(service, path=path, **{header: "60"}).status == 202
    assert provider.request == {"EndpointName": "e", "RequestTTLSeconds": 60}
    for text in ("soon", "1_0", "٣", "", "9" * 11, "9" * 5000, "1e3"):
        response = invoke(service, path=path, **{header: text})
        assert response.headers["x-amzn-ErrorType"] == "SerializationException"


def test_an_answer_is_json_or_a_failure(caplog):
    """Never the NaN of Python's own JSON, on which other parsers stumble."""
    endpoint = {"ProductionVariants": [{"VariantName": "v", "CurrentWeight": float("nan")}]}
    status, document = answer("DescribeEndpoint", {"EndpointName": "e"}, describe_endpoint=endpoint)
    assert (status, document["__type"]) == (500, "InternalFailure")
    assert "nan is not a finite number" in caplog.text


def test_no_more_than_a_hundred_errors_are_told():
    document = {"Tags": [{"Key": "k"}] * 50_000, "ResourceArn": "arn:aws:sagemaker:x:1:y/z"}
    status, body = answer("AddTags", document, add_tags={})
    assert status == 400
    assert body["message"].startswith("100 validation errors detected: ")
    assert len(body["message"]) < 3_000_000


# Who asks


def test_region_is_the_one_that_the_request_is_signed_for():
    provider = Provider(list_training_jobs={})
    service = Service("sagemaker", [provider], region="us-west-2", account_id="111122223333")
    call(service, "ListTrainingJobs", {})
    assert provider.context.region == "us-west-2"
    signed = f"AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=host, Signature=0"
    call(service, "ListTrainingJobs", {}, authorization=signed)
    assert provider.context.region == "eu-west-1"
    assert provider.context.arn("model/m") == "arn:aws:sagemaker:eu-west-1:111122223333:model/m"
    assert (provider.context.service, provider.context.operation) == (
        "sagemaker",
        "ListTrainingJobs",
    )


def test_a_presigned_url_names_the_region_too():
    provider = Provider(invoke_endpoint={"Body": b""})
    query = "X-Amz-Credential=" + CREDENTIAL.replace("/", "%2F")
    request = Request("POST", "/endpoints/e/invocations", query, {}, io.BytesIO())
    Service("sagemaker-runtime", [provider]).respond(request)
    assert provider.context.region == "eu-west-1"


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("us-east-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("nowhere", "aws"),
    ],
)
def test_arns_are_in_the_partition_of_the_region(region, partition):
    context = RequestContext("sagemaker", "X", region, "1", "id")
    assert context.arn("model/m") == f"arn:{partition}:sagemaker:{region}:1:model/m"


def test_a_request_signed_for_another_service_is_not_ours():
    service = Service("sagemaker-runtime", [])
    path = "/endpoints/key/invocations"  # as good a bucket and key as any
    signed = "AWS4-HMAC-SHA256 Credential=AKIA/20260102/eu-west-1/s3/aws4_request, Signature=0"
    request = Request("POST", path, "", {"authorization": signed}, io.BytesIO())
    assert service.match(request) is None
    assert service.match(Request("POST", path, "", {}, io.BytesIO())) == "InvokeEndpoint"
    assert service.match(Request("GET", path, "", {}, io.BytesIO())) is None


# Responses


def test_only_members_that_have_a_value_are_sent():
    provider = Provider(
        describe_training_job={
            "TrainingJobName": "j",
            "FailureReason": None,
            "VpcConfig": {},
            "ModelArtifacts": {"S3ModelArtifacts": None},
            "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": None},
            "InputDataConfig": [
                {"ChannelName": "c", "DataSource": {"S3DataSource": {"S3Uri": None}}}
            ],
            "DebugRuleConfigurations": [],
            "Environment": {"A": "1", "B": None},
            "NotInTheModel": 1,
        }
    )
    response = call(
        Service("sagemaker", [provider]), "DescribeTrainingJob", {"TrainingJobName": "j"}
    )
    assert json.loads(response.body) == {
        "TrainingJobName": "j",
        "AlgorithmSpecification": {"TrainingImage": "i"},
        "InputDataConfig": [{"ChannelName": "c"}],
        "DebugRuleConfigurations": [],
        "Environment": {"A": "1"},
    }
    assert response.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert response.headers["x-amzn-RequestId"] == provider.context.request_id


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2023, 11, 14, 22, 13, 20, 123_456, tzinfo=UTC),
        datetime(2023, 11, 14, 22, 13, 20, 123_456),  # noqa: DTZ001  # the naive case
        datetime(2023, 11, 15, 0, 13, 20, 123_456, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_times_are_seconds_with_milliseconds(moment):
    model = {"ModelName": "m", "CreationTime": moment}
    _, body = answer("ListModels", {}, list_models={"Models": [model]})
    assert body["Models"][0]["CreationTime"] == 1_700_000_000.123


def test_an_operation_without_a_result_answers_nothing():
    service = Service("sagemaker", [Provider(delete_model=None)])
    response = call(service, "DeleteModel", {"ModelName": "m"})
    assert (response.status, response.body) == (200, b"")


def test_a_payload_goes_out_as_it_is_with_its_members_as_headers():
    result = {
        "Body": b"\x00\xff",
        "ContentType": "application/x-npy",
        "InvokedProductionVariant": "v",
        "CustomAttributes": None,
    }
    response = invoke(Service("sagemaker-runtime", [Provider(invoke_endpoint=result)]))
    assert response.body is result["Body"]
    assert response.headers["Content-Type"] == "application/x-npy"
    assert response.headers["x-Amzn-Invoked-Production-Variant"] == "v"
    assert "X-Amzn-SageMaker-Custom-Attributes" not in response.headers


# Errors


@pytest.mark.parametrize(
    ("error", "status", "document"),
    [
        (
            AwsError("ResourceNotFound", "gone"),
            400,
            {"__type": "ResourceNotFound", "Message": "gone"},
        ),
        (
            AwsError("ValidationException", "bad"),
            400,
            {"__type": "ValidationException", "message": "bad"},
        ),
        (
            AwsError("InternalFailure", "broken"),
            500,
            {"__type": "InternalFailure", "message": "broken"},
        ),
    ],
)
def test_errors_in_json(error, status, document):
    assert answer("ListModels", {}, list_models=error) == (status, document)


@pytest.mark.parametrize(
    ("error", "status", "document"),
    [
        (
            AwsError("ModelError", "m", OriginalStatusCode=500, OriginalMessage="o", Unknown=1),
            424,
            {"Message": "m", "OriginalStatusCode": 500, "OriginalMessage": "o"},
        ),
        (AwsError("ModelNotReadyException", "m"), 429, {"Message": "m"}),
        (AwsError("ServiceUnavailable", "m"), 503, {"Message": "m"}),
        (AwsError("InternalStreamFailure", "m"), 500, {"Message": "m"}),
    ],
)
def test_errors_in_rest_json(error, status, document):
    response = invoke(Service("sagemaker-runtime", [Provider(invoke_endpoint=error)]))
    assert (response.status, json.loads(response.body)) == (status, document)
    assert response.headers["x-amzn-ErrorType"] == error.code
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "fault", [RuntimeError("secret detail"), {"Models": "not a list"}, {"NextToken": 1}]
)
def test_a_fault_of_ours_is_loud_in_the_log_and_one_sentence_to_the_caller(fault, caplog):
    provider = Provider(list_models=fault)
    response = call(Service("sagemaker", [provider]), "ListModels", {})
    request_id = provider.context.request_id
    assert response.status == 500
    assert json.loads(response.body) == {
        "__type": "InternalFailure",
        "message": "ListModels failed with an unexpected error in the local AWS; its log says "
        f"more under request id {request_id}.",
    }
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert request_id in record.getMessage()
    assert record.exc_info


# Event streams


def events(body):
    buffer: Any = EventStreamBuffer()
    for chunk in body:
        buffer.add_data(chunk)
    return [
        (event.headers.get(":event-type", event.headers.get(":exception-type")), event.payload)
        for event in buffer
    ]


def stream(source):
    service = Service(
        "sagemaker-runtime", [Provider(invoke_endpoint_with_response_stream={"Body": source})]
    )
    return invoke(service, path="/endpoints/e/invocations-response-stream")


class Source:
    def __init__(self, items):
        self.items = items
        self.closed = False

    def __iter__(self):
        for item in self.items:
            if isinstance(item, Exception):
                raise item
            yield {"PayloadPart": {"Bytes": item}}

    def close(self):
        self.closed = True


def test_events_are_sent_as_they_come_and_the_source_is_closed():
    source = Source([b"one", b"two"])
    response = stream(source)
    assert response.headers["Content-Type"] == "application/vnd.amazon.eventstream"
    first = next(response.body)
    assert not source.closed
    assert events([first, *response.body]) == [("PayloadPart", b"one"), ("PayloadPart", b"two")]
    assert source.closed


def test_the_source_is_closed_when_the_client_goes_away():
    source = Source([b"one", b"two"])
    response = stream(source)
    next(response.body)
    response.body.close()
    assert source.closed


def test_an_error_in_the_middle_of_a_stream_ends_it():
    error = AwsError("ModelStreamError", "died", ErrorCode="ModelInvocationTimeExceeded")
    source = Source([b"one", error])
    (_, (kind, payload)) = events(stream(source).body)
    assert kind == "ModelStreamError"
    assert json.loads(payload) == {"Message": "died", "ErrorCode": "ModelInvocationTimeExceeded"}
    assert source.closed


def test_an_error_that_the_stream_does_not_know_becomes_one_that_it_does():
    error = AwsError("ModelError", "died", OriginalStatusCode=500)
    ((kind, payload),) = events(stream(Source([error])).body)
    assert kind == "InternalStreamFailure"
    assert json.loads(payload) == {"Message": "died"}


def test_a_fault_of_ours_in_the_middle_of_a_stream_is_logged(caplog):
    (kind, payload) = events(stream(Source([RuntimeError("secret detail")])).body)[0]
    assert kind == "InternalStreamFailure"
    assert b"secret" not in payload
    assert "secret detail" in caplog.text


# Providers


def test_operations_are_those_that_providers_have():
    service = Service("sagemaker", [Provider(create_model={}), Provider(list_models={}, close={})])
    assert set(service.operations) == {"CreateModel", "ListModels"}


def test_two_providers_of_one_operation_are_refused():
    service = Service("sagemaker", [Provider(list_models={}), Provider(list_models={})])
    with pytest.raises(ValueError, match="ListModels has 2 providers"):
        _ = service.operations


@pytest.mark.parametrize("operation", ["Close", "NoSuchThing", ""])
def test_what_no_provider_has_is_left_to_moto(operation):
    service = Service("sagemaker", [Provider(list_models={}, close={})])
    with pytest.raises(LeaveToMoto) as left:
        call(service, operation, {})
    assert left.value.body is None


def test_moto_gets_what_the_service_would_take_and_nothing_else():
    service = Service("sagemaker", [Provider(list_models={})])
    with pytest.raises(LeaveToMoto) as left:
        call(service, "CreateModel", b'{"ModelName": "m"}')
    assert left.value.body == b'{"ModelName": "m"}'
    response = call(service, "CreateModel", {"ModelName": ["m"]})
    assert response.status == 400
    assert json.loads(response.body)["__type"] in ("ValidationException", "SerializationException")


def test_a_provider_may_leave_a_request_to_moto():
    service = Service("sagemaker", [Provider(list_models=LeaveToMoto())])
    with pytest.raises(LeaveToMoto) as left:
        call(service, "ListModels", b'{"MaxResults": 1}')
    assert left.value.body == b'{"MaxResults": 1}'


def test_blobs_in_json_are_base64():
    # SageMaker has none; the first JSON service that does.
    provider = Provider(encrypt={"CiphertextBlob": b"\x00\xff"})
    service = Service("kms", [provider])
    headers = {"x-amz-target": "TrentService.Encrypt"}
    document = {"KeyId": "k", "Plaintext": base64.b64encode(b"\x01").decode()}
    body = io.BytesIO(json.dumps(document).encode())
    response = service.respond(Request("POST", "/", "", headers, body))
    assert provider.request["Plaintext"] == b"\x01"
    assert isinstance(response.body, bytes)
    assert json.loads(response.body) == {"CiphertextBlob": "AP8="}
    document["Plaintext"] = "not base64!"
    body = io.BytesIO(json.dumps(document).encode())
    response = service.respond(Request("POST", "/", "", headers, body))
    assert isinstance(response.body, bytes)
    assert json.loads(response.body)["__type"] == "SerializationException"
