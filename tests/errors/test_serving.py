"""What a newcomer's `serve` does wrong, and what an endpoint is asked wrong."""

from __future__ import annotations

import pytest

from tests.errors.conftest import last_lines

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

SOON = "startup_timeout_seconds = 60\n"
"""The least that SageMaker lets it be."""


def test_serve_ends_at_once(run, told):
    said = run(serve="exits")
    told("serve-ends", said)
    assert last_lines(said) == ["model loaded, the server runs in the background"]


@pytest.mark.slow
def test_it_listens_on_loopback(run, told):
    said = run(serve="loopback", more=SOON)
    told("loopback", said)
    assert last_lines(said) == ["listening on 127.0.0.1:8080"]
    assert said.count("it listens on") == 2, "while it is waited for, and in the end"


@pytest.mark.slow
def test_it_listens_on_another_port(run, told):
    told("another-port", run(serve="port", more=SOON))


@pytest.mark.slow
@pytest.mark.parametrize("status", [404, 500])
def test_ping_is_answered_otherwise(run, told, status):
    said = run(serve=f"ping-{status}", more=SOON)
    told(f"ping-{status}", said)
    assert last_lines(said) == ["listening on 0.0.0.0:8080"]
    assert said.count(f"GET /ping answers {status}, and is asked again until that is 200") == 1


def test_an_answer_is_no_prediction(run, told):
    told("no-prediction", run(serve="html"))


def test_an_invocation_ends_in_a_traceback(run, told):
    said = run(serve="invocation")
    told("invocation-fails", said)
    assert "Traceback (most recent call last):" in last_lines(said)
    assert any(line.startswith("TypeError") for line in last_lines(said))


@pytest.mark.slow
def test_too_few_predictions(run, told):
    told("too-few", run(serve="one-answer"))


@pytest.mark.slow
def test_the_container_takes_another_content_type(run, told):
    more = """
[requests.more]
source = "rows.csv"
target = "price"
content_type = "application/json"
"""
    told("content-type", run(more=more))


@pytest.mark.slow
def test_a_threshold_is_missed(run, told):
    ran = run(more="[requests.strict]\nsource = 'rows.csv'\ntarget = 'price'\n"
                   "[thresholds.strict_r2]\nmin = 0.9\n")  # fmt: skip
    told("threshold", ran)
