"""A service without a Docker engine, and the commands that start, use and end it."""

import json
import os
import subprocess
import sys

import pytest

from tests import forked

TIMEOUT = 60


class Commands:
    """Runs `python -m harness` with a state folder of its own and no engine."""

    def __init__(self, folder):
        self.folder = folder
        self.state = folder / "state" / "harness"
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        self.environ = kept | {
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "DOCKER_HOST": f"unix://{folder}/docker.sock",
            "HARNESS_NO_ENGINE_SETUP": "1",
            "HARNESS_LOCAL_BUCKET": "my-bucket",
        }
        self.started = []

    def run(self, *arguments, **variables):
        env = self.environ | variables
        return forked.run(arguments, cwd=str(self.folder), env=env, timeout=TIMEOUT)

    def start(self, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "harness", *arguments],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def up(self):
        """A service in the background on a free port; its JSON object."""
        up = self.run("up", "--detach", "--port", "0", "--json")
        assert up.returncode == 0, up.stderr
        return json.loads(up.stdout.splitlines()[-1])


@pytest.fixture
def commands(tmp_path):
    commands = Commands(tmp_path)
    yield commands
    commands.run("down")
    for process in commands.started:
        process.kill()
        process.communicate()
