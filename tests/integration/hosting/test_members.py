"""What endpoints do by the members of their configuration that no request shows."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from harness.config.faults import Fault
from harness.local.hosting.containers import health
from tests.integration.support import ROLE

if TYPE_CHECKING:
    from harness.local.aws import LocalAWS
    from tests.integration.support import AWS, Names

pytestmark = pytest.mark.timeout(180)


def serve(aws: AWS, name: str, container: Any, **config: Any) -> None:
    """An endpoint in service by a configuration with these members."""
    aws.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant: Any = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    aws.sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant], **config
    )
    aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    aws.wait("endpoint_in_service", EndpointName=name)
    described = aws.sagemaker.describe_endpoint(EndpointName=name)
    assert described["EndpointStatus"] == "InService", described.get("FailureReason")


def put(aws: AWS, key: str, body: bytes) -> str:
    aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=body)
    return f"s3://{aws.bucket}/{key}"


def below(aws: AWS, prefix: str) -> dict[str, bytes]:
    """The objects below a prefix, by key."""
    listed = aws.s3.list_objects_v2(Bucket=aws.bucket, Prefix=prefix).get("Contents", [])
    return {
        each["Key"]: aws.s3.get_object(Bucket=aws.bucket, Key=each["Key"])["Body"].read()
        for each in listed
    }


def test_data_is_captured_and_additional_data_is_there(
    aws: AWS, names: Names, probe_image: str
) -> None:
    name = names.new("endpoint")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("deep/file")
        entry.size = 6
        archive.addfile(entry, io.BytesIO(b"packed"))
    put(aws, f"{name}/adapter/a.txt", b"an adapter")
    sources = {
        "adapter": (f"s3://{aws.bucket}/{name}/adapter/", "S3Prefix", "None"),
        "archive": (put(aws, f"{name}/archive.tar.gz", packed.getvalue()), "S3Object", "Gzip"),
    }
    serve(
        aws,
        name,
        {
            "Image": probe_image,
            "AdditionalModelDataSources": [
                {
                    "ChannelName": channel,
                    "S3DataSource": {"S3Uri": uri, "S3DataType": kind, "CompressionType": how},
                }
                for channel, (uri, kind, how) in sources.items()
            ],
        },
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{aws.bucket}/{name}/captured",
            "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
        },
    )
    described = aws.sagemaker.describe_endpoint(EndpointName=name)
    assert described["DataCaptureConfig"] == {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{aws.bucket}/{name}/captured",
    }
    answer = aws.invoke(name, b"", ContentType="probe/additional")
    assert json.loads(answer["Body"].read()) == {
        "adapter/a.txt": "an adapter",
        "archive/deep/file": "packed",
    }
    aws.invoke(name, b"1,2", ContentType="text/csv", Accept="text/csv", InferenceId="i")
    aws.sagemaker.delete_endpoint(EndpointName=name)
    prefix = f"{name}/captured/{name}/AllTraffic/"

    def lines() -> list[Any]:
        return [json.loads(each) for text in below(aws, prefix).values() for each in
                text.splitlines()]  # fmt: skip

    captured = aws.wait_until(lambda: len(lines()) == 2 and lines(), "two captured invocations")
    csv = captured[1]
    assert csv["captureData"]["endpointInput"]["data"] == "1,2"
    assert csv["captureData"]["endpointOutput"] == {
        "observedContentType": "text/csv",
        "mode": "OUTPUT",
        "data": "1,2",
        "encoding": "CSV",
    }
    assert csv["eventMetadata"]["inferenceId"] == "i"


@pytest.mark.slow
def test_asynchronous_inference(aws: AWS, names: Names, probe_image: str) -> None:
    name = names.new("endpoint")
    sns, sqs = aws.session.client("sns"), aws.session.client("sqs")
    queue = sqs.create_queue(QueueName=names.new("queue"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    topic = sns.create_topic(Name=names.new("topic"))["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    serve(
        aws,
        name,
        {"Image": probe_image},
        AsyncInferenceConfig={
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2},
            "OutputConfig": {
                "S3OutputPath": f"s3://{aws.bucket}/{name}/out",
                "S3FailurePath": f"s3://{aws.bucket}/{name}/failed",
                "NotificationConfig": {
                    "SuccessTopic": topic,
                    "ErrorTopic": topic,
                    "IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"],
                },
            },
        },
    )

    def told() -> Any:
        """The next notification."""
        got = aws.wait_until(
            lambda: sqs.receive_message(QueueUrl=queue).get("Messages"), "a notification"
        )
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=got[0]["ReceiptHandle"])
        return json.loads(json.loads(got[0]["Body"])["Message"])

    given = put(aws, f"{name}/in", b"asked")
    answer: Any = aws.runtime.invoke_endpoint_async(
        EndpointName=name, InputLocation=given, ContentType="text/plain", Accept="text/plain",
        InferenceId="first",
    )  # fmt: skip
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["InferenceId"] == "first"
    assert answer["OutputLocation"].startswith(f"s3://{aws.bucket}/{name}/out/")
    assert answer["FailureLocation"].startswith(f"s3://{aws.bucket}/{name}/failed/")
    message = told()
    for member in ("eventTime", "receivedTime"):
        assert message.pop(member).endswith("Z")
    assert message == {
        "awsRegion": "us-east-1",
        "invocationStatus": "Completed",
        "requestParameters": {
            "accept": "text/plain",
            "contentType": "text/plain",
            "endpointName": name,
            "inputLocation": given,
        },
        "responseParameters": {
            "contentType": "text/plain",
            "outputLocation": answer["OutputLocation"],
        },
        "inferenceId": "first",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
        "responseBody": {"content": "YXNrZWQ=", "encoding": "BASE64"},
    }
    assert list(below(aws, f"{name}/out/").values()) == [b"asked"]

    failed: Any = aws.runtime.invoke_endpoint_async(
        EndpointName=name, InputLocation=put(aws, f"{name}/status", b"500"),
        ContentType="probe/error",
    )  # fmt: skip
    message = told()
    assert message["invocationStatus"] == "Failed"
    assert message["failureReason"].startswith(
        "ClientError: Received server error (500) from model."
    )
    assert message["inferenceId"] == failed["InferenceId"]
    assert list(below(aws, f"{name}/failed/").values()) == [b"the container's own words"]

    aws.runtime.invoke_endpoint_async(
        EndpointName=name, InputLocation=f"s3://{aws.bucket}/none", InvocationTimeoutSeconds=5
    )
    assert told()["failureReason"] == (
        f"ClientError: Failed to download s3://{aws.bucket}/none: An error occurred (NoSuchKey) "
        "when calling the GetObject operation: The specified key does not exist."
    )
    aws.runtime.invoke_endpoint_async(
        EndpointName=name, Body=b"2", ContentType="probe/slow", InvocationTimeoutSeconds=1
    )
    assert "did not respond within 1 seconds" in told()["failureReason"]
    aws.runtime.invoke_endpoint_async(
        EndpointName=name, Body=b"inline", S3OutputPathExtension="more", Filename="a.txt"
    )
    assert told()["responseParameters"]["outputLocation"] == (
        f"s3://{aws.bucket}/{name}/out/more/a.txt"
    )
    with pytest.raises(ClientError, match="is an asynchronous inference endpoint"):
        aws.invoke(name, b"")
    with pytest.raises(ClientError, match="Exactly one of Body and InputLocation"):
        aws.runtime.invoke_endpoint_async(EndpointName=name)
    described = aws.sagemaker.describe_endpoint(EndpointName=name)
    assert described["AsyncInferenceConfig"]["ClientConfig"] == {
        "MaxConcurrentInvocationsPerInstance": 2
    }
    with pytest.raises(ClientError, match="Endpoint none of account 123456789012 not found"):
        aws.runtime.invoke_endpoint_async(EndpointName="none", InputLocation=given)
    aws.sagemaker.delete_endpoint(EndpointName=name)


def test_a_container_that_answers_no_ping_any_more_is_replaced(
    aws: AWS,
    local_aws: LocalAWS,
    names: Names,
    probe_image: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "INTERVAL", 0.2)
    monkeypatch.setattr(health, "AGAIN", 0.1)
    name = names.new("endpoint")
    serve(aws, name, {"Image": probe_image})

    first = aws.instance(name)
    assert first
    given = put(aws, f"{name}/in", b"")
    with pytest.raises(ClientError, match="is not an asynchronous inference endpoint"):
        aws.runtime.invoke_endpoint_async(EndpointName=name, InputLocation=given)
    rule = local_aws.faults.add(Fault(event="PingFailure", resource=name, count=health.FAILURES))
    aws.wait_until(lambda: aws.instance(name) not in ("", first), "another container answers")
    assert rule.happened == health.FAILURES
    assert aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"
    local_aws.faults.remove(rule.id)
    aws.sagemaker.delete_endpoint(EndpointName=name)
