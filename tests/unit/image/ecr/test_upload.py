"""What the engine's push says when it fails, and which troubles pass; no Docker needed."""

from __future__ import annotations

import pytest

from harness.image.ecr import upload

NAME = "harness-gam:0123456789ab"
URI = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/harness-gam"


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("denied: Your authorization token has expired. Reauthenticate and try again.", "clock"),
        ("no basic auth credentials", "clock"),
        ("unauthorized: authentication required", "clock"),
        ("denied: User: x is not authorized to perform: ecr:InitiateLayerUpload", "ecr:PutImage"),
        ("name unknown: The repository with name 'x' does not exist in the registry", "creates it"),
        ('Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: refused', "reach"),
        ('Get "https://x/v2/": dial tcp: lookup x on 10.0.0.2:53: no such host', "reach"),
        ('Get "https://x/v2/": net/http: TLS handshake timeout', "reach"),
        ('Get "https://x/v2/": x509: certificate signed by unknown authority', "certs.d"),
        ("received unexpected HTTP status: 503 Service Unavailable", "only what is missing"),
    ],
)
def test_what_a_failed_push_says(said: str, advice: str) -> None:
    sentence = upload._sentence(NAME, URI, "0123456789ab", said)
    assert sentence.startswith(f"{NAME} can't be pushed to {URI}:0123456789ab: {said[:20]}")
    assert advice in sentence
    assert sentence.count(".;") == 0
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ("received unexpected HTTP status: 503 Service Unavailable", True),
        ("toomanyrequests: Rate exceeded", True),
        ('Put "https://x/v2/blobs/uploads/1": EOF', True),
        ('Put "https://x/v2/blobs/uploads/1": write: connection reset by peer', True),
        ("denied: Your authorization token has expired", False),
        ("tag invalid: The image tag 'x' already exists", False),
        ("received unexpected HTTP status: 404 Not Found", False),
    ],
)
def test_troubles_that_pass(said: str, passes: bool) -> None:
    assert bool(upload._PASSING.search(said)) is passes
