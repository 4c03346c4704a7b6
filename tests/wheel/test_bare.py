"""The wheel without extras: the service, its page, its fixtures; what else is told."""

from __future__ import annotations

import email
import html
import json
import re
import urllib.request
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.wheel.conftest import Installed

MEGABYTES = 200
"""What it may take on disk; with all extras it is twice as much."""

ALONE = {"HARNESS_NO_PACKAGE_SETUP": "1"}

BOTO3 = """
import boto3
print(boto3.client("sagemaker").list_training_jobs()["TrainingJobSummaries"])
s3 = boto3.client("s3")
s3.create_bucket(Bucket="mine")
print([each["Name"] for each in s3.list_buckets()["Buckets"]])
"""

FIXTURES = """
import boto3

def test_the_local_aws(local_aws):
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    client = boto3.client("sagemaker", endpoint_url=local_aws.url, **keys)
    assert client.list_training_jobs()["TrainingJobSummaries"] == []

def test_faults(local_aws, faults):
    assert faults

def test_jobs(training_job):
    pass
"""


CELLS = """
%load_ext harness
import boto3
print(boto3.client("sagemaker").list_training_jobs()["TrainingJobSummaries"])
%unload_ext harness
"""


@pytest.fixture
def service(bare: Installed, tmp_path: Path) -> Iterator[dict[str, str]]:
    """`harness up`, and the variables of `harness env`."""
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    up = bare.run("harness", "up", "--detach", "--port", "0", cwd=tmp_path, **state)
    assert up.status == 0, up.err
    try:
        said = bare.run("harness", "env", "--json", cwd=tmp_path, **state)
        variables: dict[str, str | None] = json.loads(said.out)
        yield state | {name: value for name, value in variables.items() if value is not None}
    finally:
        down = bare.run("harness", "down", cwd=tmp_path, **state)
    assert down.status == 0, down.err


def get(url: str) -> str:
    request = urllib.request.Request(url, headers={"Accept": "text/html"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(answer.read().decode())


def test_it_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        (entry_points,) = (name for name in names if name.endswith("/entry_points.txt"))
        about = email.message_from_bytes(files.read(metadata))
        points = files.read(entry_points).decode()
    assert about["Name"] == "sagemaker-harness"
    assert about["License-Expression"] == "Apache-2.0"
    assert about["Requires-Python"] == ">=3.11"
    assert about["Summary"]
    assert "# The harness" in str(about.get_payload())
    assert set(about.get_all("Provides-Extra", [])) == {
        "all", "all-services", "debug", "flow", "sdk", "tuning"
    }  # fmt: skip
    assert "Typing :: Typed" in about.get_all("Classifier", [])
    assert "harness/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert "harness = harness.cli.main:main" in points
    assert "[pytest11]\nharness = harness.plugin" in points
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {
        "harness", "sagemaker_harness"
    }  # fmt: skip
    assert not [name for name in names if "__pycache__" in name or name.startswith("harness/tests")]


def test_it_is_not_large(bare: Installed) -> None:
    there = {file.name for file in bare.packages.iterdir()}
    assert not there & {"numpy", "pandas", "scipy", "sklearn", "sagemaker", "bayes_opt"}
    size = sum(each.stat().st_size for each in bare.packages.rglob("*") if each.is_file())
    assert size < MEGABYTES * 1e6


def test_the_service_and_its_page(bare: Installed, service: dict[str, str], tmp_path: Path) -> None:
    said = bare.run("python", "-c", BOTO3, cwd=tmp_path, **service)
    assert said.out.splitlines() == ["[]", "['harness-local', 'mine']"], said.err
    url = service["AWS_ENDPOINT_URL"]
    page = get(f"{url}/")
    assert "SageMaker" in page
    places = {html.unescape(each) for each in re.findall(r'(?:href|src)="(/[^"]+)"', page)}
    shown = {place: get(f"{url}{place}") for place in places}  # with its style and its script
    assert {".css", ".js"} < {Path(place.partition("?")[0]).suffix for place in shown}
    (buckets,) = (each for place, each in shown.items() if place.partition("?")[0].endswith("/s3"))
    assert "mine" in buckets
    listed = bare.run("harness", "ls", cwd=tmp_path, **service)
    assert url in listed.out


def test_fixtures(bare: Installed, tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(FIXTURES)
    said = bare.run("python", "-m", "pytest", "-p", "no:cacheprovider", cwd=tmp_path, **ALONE)
    assert "2 passed, 1 error" in said.out, said.out
    assert "which are not installed: pip install 'sagemaker-harness[flow]'" in said.out


def test_it_is_an_extension_of_ipython(make: Callable[..., Installed], tmp_path: Path) -> None:
    """No local AWS runs, so the kernel gets one of its own."""
    (tmp_path / "cells.ipy").write_text(CELLS)
    said = make("", "ipython").run("ipython", "--colors=NoColor", "cells.ipy", cwd=tmp_path)
    assert said.status == 0, said.out + said.err
    assert "[]" in said.out.splitlines(), said.out


@pytest.mark.parametrize("command", ["run", "check", "compare"])
def test_what_it_lacks_is_told_in_one_sentence(
    bare: Installed, tmp_path: Path, command: str
) -> None:
    said = bare.run("harness", command, cwd=tmp_path, **ALONE)
    assert said.status == 2
    assert said.err == (
        f"harness: harness {command} needs numpy and sagemaker-core, which are not installed: "
        "pip install 'sagemaker-harness[flow]'\n"
    )


def test_a_session_of_the_sdk_says_what_it_needs(bare: Installed, tmp_path: Path) -> None:
    said = bare.run("python", "-c", "import harness; harness.LocalSession()", cwd=tmp_path)
    assert said.err.splitlines()[-1].endswith(
        "harness.LocalSession needs sagemaker-core, which is not installed: "
        "pip install 'sagemaker-harness[sdk]'"
    )


def test_doctor_tells_of_the_extras(bare: Installed, tmp_path: Path) -> None:
    checks: list[dict[str, Any]] = json.loads(
        bare.run("harness", "doctor", "--json", cwd=tmp_path).out
    )["checks"]
    (extras,) = (check for check in checks if check["name"] == "extras")
    assert extras["ok"]
    assert extras["detail"].endswith("pip install 'sagemaker-harness[sdk,flow,tuning,debug]'")


def test_what_it_types_is_used(bare: Installed, tmp_path: Path) -> None:
    said = bare.run("harness", "--version", cwd=tmp_path)
    assert said.out.startswith("harness ")
    assert (bare.packages / "harness" / "py.typed").is_file()
