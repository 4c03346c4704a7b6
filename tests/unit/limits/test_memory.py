"""The memory limit: what it is, and that the local AWS goes on after it was reached."""

import os
import subprocess
import sys

import pytest

from harness.config import loading
from harness.errors import ConfigError
from harness.limits import memory

LIMITED = """
import json, logging, resource, urllib.request
from harness.limits import memory
from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session

logging.basicConfig(format="%(message)s")
print(memory.limit())

class Greedy:
    def list_models(self, context, request):
        size = int(request["NameContains"]) << 20
        return {"Models": [] if bytearray(size) else None}

with LocalAWS(providers={"sagemaker": [Greedy()]}) as server:
    for size in ("1", "2000", "1"):
        request = urllib.request.Request(
            server.url, json.dumps({"NameContains": size}).encode(),
            {"X-Amz-Target": "SageMaker.ListModels"})
        try:
            with urllib.request.urlopen(request) as answer:
                print(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                print(error.code, error.read().decode())
"""


def test_a_request_that_reaches_it_fails_and_the_next_one_does_not():
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED],
        env={**os.environ, memory.VARIABLE: "1800"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    words = "ListModels failed: the local AWS has reached its memory limit of 1800 MB"
    limit, first, second, third = ended.stdout.splitlines()
    assert (limit, first, third) == ("1800", "200", "200")
    assert second.startswith(f'503 {{"__type": "ServiceUnavailable", "message": "{words}')
    assert ended.stderr.startswith(f"sagemaker:{words} ({memory.VARIABLE})")
    assert "Traceback" not in ended.stderr


def test_a_tighter_one_stays():
    program = """if True:
        import resource
        from harness.limits import memory
        resource.setrlimit(resource.RLIMIT_DATA, (500 << 20, 600 << 20))
        print(memory.limit(), *(each >> 20 for each in resource.getrlimit(resource.RLIMIT_DATA)))
    """
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout == "500 500 600\n"


def test_it_is_a_share_of_the_memory_where_nothing_is_said(monkeypatch):
    monkeypatch.setattr(memory, "_there_is", lambda: 16 << 30)
    assert memory.asked({}) == memory.asked({memory.VARIABLE: ""}) == 12 << 10
    monkeypatch.setattr(memory, "_there_is", lambda: 1 << 30)
    assert memory.asked({}) == memory.LEAST_MB
    assert memory.asked({memory.VARIABLE: "0"}) == 0
    assert memory.asked({memory.VARIABLE: "200"}) == 200


def test_a_container_has_less_than_its_machine(monkeypatch, tmp_path):
    machine = memory._there_is()
    limits = [tmp_path / "none", tmp_path / "max", tmp_path / "some"]
    limits[1].write_text("max\n")
    limits[2].write_text("1048576\n")
    monkeypatch.setattr(memory, "_CGROUPS", [str(each) for each in limits])
    assert memory._there_is() == 1 << 20 < machine


@pytest.mark.parametrize("text", ["8g", "-1", "1.5", "٣", "9" * 10])
def test_what_is_no_number_is_told_at_once(text):
    with pytest.raises(ConfigError, match=f"{memory.VARIABLE}: .* is not a number of MB"):
        loading.load(environ={memory.VARIABLE: text})


@pytest.mark.parametrize("text", ["1", "50", "199"])
def test_what_the_service_cannot_start_with_is_told_at_once(text):
    words = f"{memory.VARIABLE}: {text} MB are too few for the local AWS; give 200 or more, or 0"
    with pytest.raises(ConfigError, match=words):
        loading.load(environ={memory.VARIABLE: text})
