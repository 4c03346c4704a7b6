"""What moto would fall over, or be busy with for minutes."""

import http.client
import io
import json
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.local.moto import bounds
from harness.local.protocol.messages import Request
from tests.clients import failure

JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded"
XML = "application/xml"

MOST = 2**31 - 1


def metric_data(period, end):
    stat = {"Metric": {"Namespace": "n", "MetricName": "m"}, "Period": period, "Stat": "Sum"}
    return {
        "StartTime": 0,
        "EndTime": end,
        "MetricDataQueries": [{"Id": "a", "MetricStat": stat}],
    }


@pytest.mark.parametrize(
    ("service", "operation", "request_", "code"),
    [
        ("cloudwatch", "get_metric_data", metric_data(1, 2_000_000_000), "ValidationError"),
        ("cloudwatch", "get_metric_data", metric_data(0, 60), "ValidationError"),
        (
            "ec2", "run_instances",
            {"ImageId": "ami-12345678", "MinCount": MOST, "MaxCount": MOST},
            "InstanceLimitExceeded",
        ),
        (
            "kinesis", "create_stream",
            {"StreamName": "s", "ShardCount": MOST},
            "LimitExceededException",
        ),
    ],
    ids=["data points", "a period of 0", "instances", "shards"],
)  # fmt: skip
def test_they_are_refused(aws, service, operation, request_, code):
    config = Config(parameter_validation=False, read_timeout=20, retries={"total_max_attempts": 1})
    client = aws.session.client(service, config=config)
    with pytest.raises(ClientError) as refused:
        getattr(client, operation)(**request_)
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_usual_ones_are_taken(aws):
    kinesis = aws.session.client("kinesis")
    kinesis.create_stream(StreamName="usual", ShardCount=2)
    kinesis.update_shard_count(
        StreamName="usual", TargetShardCount=4, ScalingType="UNIFORM_SCALING"
    )
    found = aws.session.client("cloudwatch").get_metric_data(**metric_data(60, 6000))
    assert found["MetricDataResults"][0]["Values"] == []


@pytest.fixture
def send(aws):
    """Sends a body as it is; gives status and body of the answer."""
    netloc = urlsplit(aws.s3.meta.endpoint_url).netloc

    def send(service, body, kind, method="POST", path="/", target=None):
        scope = f"Credential=a/20260101/us-east-1/{service}/aws4_request"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
            "Content-Type": kind,
        }
        if target:
            headers["X-Amz-Target"] = target
        connection = http.client.HTTPConnection(netloc, timeout=20)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    return send


def statement(**fields):
    usual = {
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::*"
    }  # fmt: skip
    return json.dumps({"Version": "2012-10-17", "Statement": [{**usual, **fields}]})


@pytest.mark.parametrize(
    "policy",
    [
        "x", "[]", "null", "{", "{}", '{"Statement": 5}', '{"Statement": ["x"]}', "\xff",
        '{"Statement":' + "[" * 5000, statement(Action=None), statement(Action=[5]),
        statement(Resource={}), statement(Effect="Perhaps"), statement(Condition=["x"]),
        statement(Condition={"StringEquals": "x"}), statement(Principal=5),
    ],
)  # fmt: skip
def test_a_policy_that_is_none_is_refused(aws, policy):
    asked = {"Bucket": aws.bucket, "Policy": policy}
    assert failure(aws.s3.put_bucket_policy, **asked)[:2] == (400, "MalformedPolicy")
    aws.s3.put_object(Bucket=aws.bucket, Key="k", Body=b"x")
    aws.s3.delete_object(Bucket=aws.bucket, Key="k")


@pytest.mark.parametrize("resource", ["arn:aws:s3:::b/a(1[", "*" * 60 + "x", "arn:aws:s3:::*"])
def test_a_policy_is_no_regular_expression(aws, resource):
    aws.s3.put_bucket_policy(Bucket=aws.bucket, Policy=statement(Resource=resource))
    try:
        aws.s3.put_object(Bucket=aws.bucket, Key="k", Body=b"x")
        assert aws.s3.get_object(Bucket=aws.bucket, Key="k")["Body"].read() == b"x"
    finally:
        aws.s3.delete_bucket_policy(Bucket=aws.bucket)


def test_a_policy_denies(aws):
    resource = f"arn:aws:s3:::{aws.bucket}/secret/*"
    aws.s3.put_bucket_policy(
        Bucket=aws.bucket, Policy=statement(Effect="Deny", Action="s3:Get*", Resource=resource)
    )
    try:
        aws.s3.put_object(Bucket=aws.bucket, Key="secret/k", Body=b"x")
        denied = failure(aws.s3.get_object, Bucket=aws.bucket, Key="secret/k")
        assert denied[0] == 403
    finally:
        aws.s3.delete_bucket_policy(Bucket=aws.bucket)


@pytest.mark.parametrize(
    ("service", "target"),
    [
        ("dynamodb", "DynamoDB_20120810.PutItem"),
        ("kinesis", "Kinesis_20131202.PutRecord"),
        ("secretsmanager", "secretsmanager.CreateSecret"),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"[" * 10**5,
        b'{"a":' * 10**5,
        b'{"a":' * 101 + b"1" + b"}" * 101,
    ],
    ids=["empty", "null", "list", "string", "deep list", "deep map", "101 levels"],
)  # fmt: skip
def test_json_that_no_service_takes_is_refused(send, service, target, body):
    status, answer = send(service, body, JSON, target=target)
    assert (status, json.loads(answer)["__type"]) == (400, "SerializationException")


def test_a_document_may_be_long_and_have_brackets_in_its_strings(aws):
    aws.session.client("dynamodb").create_table(
        TableName="deep",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        ProvisionedThroughput={"ReadCapacityUnits": 40_000, "WriteCapacityUnits": 40_000},
    )
    table = aws.session.resource("dynamodb").Table("deep")
    deep: Any = "end"
    for _ in range(31):
        deep = {"m": deep}
    item = {"k": '\\"[{' * 500, "deep": deep, "Count": 5000, "many": [["x"]] * 200}
    table.put_item(Item=item)
    assert table.get_item(Key={"k": item["k"]})["Item"] == item


@pytest.mark.parametrize(
    ("service", "path", "body", "code"),
    [
        ("s3", "?list-type=2&max-keys=abc", None, "InvalidArgument"),
        ("s3", "?list-type=2&continuation-token=AAAA", None, "InvalidArgument"),
        ("s3", "?tagging", b"<a>" * 10**5, "MalformedXML"),
        ("s3", "?tagging", b"\0", "MalformedXML"),
        ("s3", "?tagging", b"<a/>", "MalformedXML"),
        ("s3", "?lifecycle", b"<a>" * 2000 + b"</a>" * 2000, "MalformedXML"),
        ("lambda", "/2015-03-31/functions", b"[" * 10**5, "SerializationException"),
        ("lambda", "/2015-03-31/functions", b"{", "SerializationException"),
    ],
)
def test_what_cannot_be_read_is_the_requests_fault(aws, send, caplog, service, path, body, code):
    aws.s3.put_object(Bucket=aws.bucket, Key="listed", Body=b"")
    method = "POST" if service == "lambda" else "GET" if body is None else "PUT"
    path = path if service == "lambda" else f"/{aws.bucket}{path}"
    status, answer = send(service, body, "application/json" if service == "lambda" else XML,
                          method, path)  # fmt: skip
    assert status == 400
    assert code in answer.decode()
    assert "Traceback" not in caplog.text


def test_a_form_of_too_many_parameters_is_refused_at_once(send):
    tags = "&".join(f"Tags.member.{n}.Key=x" for n in range(25_000))
    begun = time.monotonic()
    status, answer = send("iam", f"Action=CreateUser&UserName=x&{tags}", FORM)
    assert (status, b"MalformedInput" in answer) == (400, True)
    assert send("iam", f"Action=CreateUser&UserName=x&{tags}", "text/plain")[0] == 400
    assert send("iam", iter([f"Action=CreateUser&{tags}".encode()]), FORM)[0] == 400
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("service", "operation", "request_"),
    [
        ("elasticache", "create_replication_group", {
            "ReplicationGroupId": "g", "ReplicationGroupDescription": "x", "NumNodeGroups": MOST,
        }),
        ("redshift", "create_cluster", {
            "ClusterIdentifier": "c", "NodeType": "ds2.xlarge", "MasterUsername": "aa",
            "NumberOfNodes": MOST,
        }),
        ("kafka", "create_cluster", {
            "ClusterName": "k", "KafkaVersion": "2.8.1", "NumberOfBrokerNodes": MOST,
            "BrokerNodeGroupInfo": {"ClientSubnets": ["s"], "InstanceType": "kafka.m5.large"},
        }),
        ("memorydb", "create_cluster", {
            "ClusterName": "m", "NodeType": "t", "ACLName": "a", "NumShards": MOST,
        }),
        ("dax", "create_cluster", {
            "ClusterName": "d", "NodeType": "t", "IamRoleArn": "r", "ReplicationFactor": MOST,
        }),
        ("ecs", "run_task", {"taskDefinition": "f", "count": 1001}),
        ("ec2", "allocate_hosts", {
            "Quantity": 1001, "AvailabilityZone": "us-east-1a", "InstanceType": "m5.large",
        }),
        ("ec2", "create_network_interface", {
            "SubnetId": "s", "SecondaryPrivateIpAddressCount": MOST,
        }),
        ("ec2", "request_spot_instances", {"InstanceCount": MOST}),
        ("ec2", "create_fleet", {
            "LaunchTemplateConfigs": [],
            "TargetCapacitySpecification": {"TotalTargetCapacity": MOST},
        }),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_counts_are_refused(aws, service, operation, request_):
    config = Config(read_timeout=20, retries={"total_max_attempts": 1})
    client = aws.session.client(service, config=config)
    status, code, text = failure(getattr(client, operation), **request_)
    assert status == 400
    assert code in ("ValidationException", "InvalidParameterValue")
    assert text.endswith("is above 1000, the most the local AWS makes at once.")


def looked_at(service, body, kind, **query):
    request = Request(
        "POST", "/", urlencode(query), {"content-type": kind}, io.BytesIO(body), len(body)
    )
    return bounds.checked(request, service).stream.read()


@pytest.mark.parametrize(
    ("service", "document"),
    [
        ("ecs", {"count": 1000, "memory": 8192, "maxResults": 5000, "port": 65535}),
        ("kms", {"description": 'has "NumShards": 99999 in it', "NumShards": 10}),
        ("dynamodb", {"Item": {"Count": 99999}, "ReadCapacityUnits": 40000}),
        ("sts", {"Account": 123456789012, "discount": 5000}),
        ("application-autoscaling", {"MaxCapacity": 40000}),
        ("lambda", {"count": 99999}),
    ],
)
def test_other_numbers_are_taken(service, document):
    body = json.dumps(document).encode()
    assert looked_at(service, body, JSON) == body
    assert looked_at(service, body, "application/json") == body
    form = urlencode(document).encode()
    if service != "kms":
        assert looked_at(service, form, FORM) == form


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"a":[{"NumShards"\n:\t1001}]}', JSON),
        (b'{"a":[{"NumShards":1001}]}', "application/json"),
        (rb'{"Num\u0053hards":1001}', JSON),
        (b'{"count":' + b"9" * 5000 + b"}", JSON),
        (b"Action=A&B.1.NumShards=1001", FORM),
        (b"Action=A&Num%53hards=%31001", FORM),
        (b"Action=A&NumShards=%2B1_001", FORM),
        (b"NumShards=01001&NumShards=1", FORM),
        (b"Action=A&NumShards=" + b"9" * 5000, "text/plain"),
    ],
)
def test_a_count_is_found(body, kind):
    with pytest.raises(bounds.RefusedError, match="is above 1000"):
        looked_at("any", body, kind)


def test_a_count_is_found_in_a_query():
    with pytest.raises(bounds.RefusedError, match="Value 1001 at 'NumShards'"):
        looked_at("any", b"", FORM, Action="A", NumShards="1001")


@pytest.mark.parametrize(
    "body", [b'{"' + b'\\"' * 10**6, b"{" + b'""' * 10**6, b'{"' + b" " * 10**6]
)
def test_looking_takes_no_time(body):
    begun = time.monotonic()
    looked_at("any", body, JSON)
    assert time.monotonic() - begun < 3
