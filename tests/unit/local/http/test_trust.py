"""No web page but our own is answered, whatever name leads it here."""

from __future__ import annotations

import contextlib
import http.client
import json
from urllib.parse import urlsplit

import pytest

from harness.local.aws import LocalAWS


class Echo:
    """Answers an invocation with its body."""

    def invoke_endpoint(self, context, request):
        return {"Body": request["Body"]}


@pytest.fixture(scope="module")
def aws():
    with LocalAWS(providers={"sagemaker-runtime": [Echo()]}) as server:
        yield server


@pytest.fixture
def connection(aws):
    with contextlib.closing(http.client.HTTPConnection(urlsplit(aws.url).netloc)) as connection:
        yield connection


@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_web_pages_are_refused_but_for_our_own(aws, connection, method):
    path = "/endpoints/e/invocations"
    connection.request(method, path, b"x", {"Origin": "http://evil.example"})
    response = connection.getresponse()
    assert response.status == 403
    assert response.headers["Access-Control-Allow-Origin"] is None
    assert json.loads(response.read())["message"] == (
        "The local AWS answers no web page of http://evil.example."
    )
    connection.request("POST", path, b"x", {"Origin": aws.url})
    assert connection.getresponse().read() == b"x"


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("http://127.0.0.1:5000", "127.0.0.1:5000", 200),  # a port of the machine's, published
        ("http://127.0.0.1:5000", "127.0.0.1:5001", 403),
        ("http://attacker.example:5000", "attacker.example:5000", 403),
        ("http://bucket.s3.localhost:5000", "bucket.s3.localhost:5000", 403),
    ],
)
def test_our_page_may_be_at_another_port_outside(connection, origin, host, status):
    headers = {"Origin": origin, "Host": host}
    connection.request("POST", "/endpoints/e/invocations", b"x", headers)
    assert connection.getresponse().status == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("bucket.s3.localhost:{port}", 200),
        ("bucket.s3.us-east-1.amazonaws.com", 200),
        ("host.docker.internal:{port}", 200),
        ("[::1]:{port}", 200),
        ("attacker.example:{port}", 403),
        ("localhost.attacker.example:{port}", 403),
        ("127.0.0.1.attacker.example", 403),
    ],
)
def test_a_name_that_was_rebound_to_loopback_is_refused(aws, host, status):
    port = urlsplit(aws.url).port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        named = {"Host": host.format(port=port)}
        connection.request("GET", "/_harness/health", headers=named)
        answer = connection.getresponse()

        assert answer.status == status
        assert (named["Host"] in answer.read().decode()) is (status == 403)
