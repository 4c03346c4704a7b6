"""What is left out of a start, and when it is not."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from harness import startup
startup.prepare()
import docker
from docker.api import client
print("paramiko" in sys.modules, hasattr(client, "SSHHTTPAdapter"))
"""


def imported(environ, home):
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONPATH": ":".join(sys.path)}
        | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return ran.stdout.split()


@pytest.mark.parametrize(
    "environ", [{}, {"DOCKER_HOST": "unix:///var/run/docker.sock"}, {"DOCKER_HOST": "tcp://a:1"}]
)
def test_what_only_ssh_needs_is_left_out(environ, tmp_path):
    assert imported(environ, tmp_path) == ["False", "False"]


@pytest.mark.parametrize(
    "environ", [{"DOCKER_HOST": "ssh://user@host"}, {"DOCKER_CONTEXT": "remote"}]
)
def test_an_engine_may_be_at_an_ssh_address(environ, tmp_path):
    assert imported(environ, tmp_path) == ["True", "True"]


@pytest.mark.parametrize("name", ["HOME", "DOCKER_CONFIG"])
def test_an_engine_may_be_that_of_a_docker_context(name, tmp_path):
    folder = tmp_path / ".docker" if name == "HOME" else tmp_path / "config"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"currentContext": "remote"}))
    environ = {"DOCKER_CONFIG": str(folder)} if name == "DOCKER_CONFIG" else {}
    assert imported(environ, tmp_path) == ["True", "True"]
