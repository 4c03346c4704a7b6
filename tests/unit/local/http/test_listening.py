"""HTTP as clients speak it, of which some is unusual."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import socket
from urllib.parse import urlsplit

import pytest

from harness.local.aws import LocalAWS
from tests.clients import make_client

_numbers = itertools.count(1)


class Echo:
    """Answers an invocation with its body."""

    def invoke_endpoint(self, context, request):
        return {"Body": request["Body"]}


@pytest.fixture(scope="module")
def aws():
    with LocalAWS(providers={"sagemaker-runtime": [Echo()]}) as server:
        yield server


@pytest.fixture(scope="module")
def client(aws):
    clients = {}

    def get(service, region="us-east-1", **config):
        key = (service, region, repr(config))
        if key not in clients:
            clients[key] = make_client(aws, service, region, **config)
        return clients[key]

    return get


@pytest.fixture
def bucket(client):
    name = f"bucket-{next(_numbers)}"
    client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def connection(aws):
    with contextlib.closing(http.client.HTTPConnection(urlsplit(aws.url).netloc)) as connection:
        yield connection


def test_connections_are_kept(connection):
    for _ in range(3):
        connection.request("GET", "/_harness/health")
        response = connection.getresponse()
        assert response.version == 11
        assert json.loads(response.read()) == {
            "status": "ok",
            "region": "us-east-1",
            "account_id": "123456789012",
        }
        assert response.headers["Connection"] is None
        first = connection.sock
    assert connection.sock is first


def test_a_refused_body_does_not_spoil_the_connection(connection):
    signed = "AWS4-HMAC-SHA256 Credential=A/20260102/us-east-1/nothing/aws4_request, Signature=0"
    for body in (b"x" * 100_000, (b"x" * 1000 for _ in range(100))):
        connection.request("POST", "/", body, {"Authorization": signed})
        response = connection.getresponse()
        assert response.status == 501
        response.read()
    assert connection.sock is not None


def test_a_client_that_waits_to_be_told_to_continue(aws, client, bucket):
    address = urlsplit(aws.url)
    head = (
        f"PUT /{bucket}/continued HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 5\r\n"
        "Expect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(head.encode())
        assert connection.recv(1024) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"hello")
        assert connection.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
    assert client("s3").get_object(Bucket=bucket, Key="continued")["Body"].read() == b"hello"


def test_a_chunked_body(connection, client, bucket):
    connection.request("PUT", f"/{bucket}/chunked", (b"x" * 100_000 for _ in range(10)))
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"")
    stored = client("s3").get_object(Bucket=bucket, Key="chunked")["Body"].read()
    assert stored == b"x" * 1_000_000
    connection.request("POST", "/endpoints/e/invocations", iter([b"ab", b"cd"]))
    assert connection.getresponse().read() == b"abcd"


def test_a_malformed_request_is_refused(aws):
    address = urlsplit(aws.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert connection.recv(1024).startswith(b"HTTP/1.1 400 ")
