"""What a container is given for its SDKs, and what of its own that leaves alone."""

import json

import pytest

from harness.local.core import sdk_access
from harness.local.core.backend import Backend
from harness.local.protocol.messages import RequestContext

URL = "http://172.17.0.1:4566"


class Engine:
    """The engine's side of it: an address, and an image with variables."""

    def __init__(self, **variables):
        self._variables = variables

    def gateway(self):
        return "172.17.0.1"

    def is_container(self, _):
        return True

    def image_environment(self, _):
        return self._variables


@pytest.fixture
def backend(monkeypatch):
    def make(**variables):
        made = Backend(lambda: "", "us-east-1", "123456789012", lambda *_: URL)
        monkeypatch.setattr(made, "containers", Engine(**variables))
        return made

    return make


def environment(backend, *, isolated=False, **own):
    context = RequestContext("sagemaker", "", "eu-west-1", "123456789012", "")
    return backend.container_environment(context, "image", own, isolated=isolated)


def test_it_has_where_the_local_aws_is(backend):
    found = environment(backend(), MINE="1")

    assert found["AWS_ENDPOINT_URL"] == URL
    assert found["AWS_REGION"] == "eu-west-1"
    assert found["AWS_DATA_PATH"] == f"~/.aws/models:{sdk_access.FOLDER}"
    assert found["MINE"] == "1"
    assert "AWS_CONFIG_FILE" not in found


def test_what_the_request_says_holds(backend):
    own = {"AWS_ENDPOINT_URL": "http://mine", "AWS_REGION": "mine", "AWS_CONFIG_FILE": "/mine"}
    assert own.items() <= environment(backend(), **own).items()


def test_the_folders_of_the_image_or_of_the_request_come_first(backend):
    of_image = backend(AWS_DATA_PATH="/image", OTHER="1")
    ours = f"~/.aws/models:{sdk_access.FOLDER}"

    found = environment(of_image)
    assert found["AWS_DATA_PATH"] == f"/image:{ours}"
    assert "OTHER" not in found  # it is the image's, and stays so by itself
    assert environment(of_image, AWS_DATA_PATH="/own")["AWS_DATA_PATH"] == f"/own:{ours}"


def test_the_files_are_those_that_the_environment_names(backend):
    files = backend().container_files(isolated=False)

    assert all(path.startswith(f"{sdk_access.FOLDER}/") for path in files)
    partitions = json.loads(files[f"{sdk_access.FOLDER}/endpoints.json"])["partitions"]
    assert {each["defaults"]["hostname"] for each in partitions} == {"172.17.0.1:4566"}


def test_what_is_isolated_has_neither(backend):
    found = environment(backend(), isolated=True, MINE="1")

    assert found == {"AWS_REGION": "eu-west-1", "MINE": "1"}
    assert backend().container_files(isolated=True) == {}
