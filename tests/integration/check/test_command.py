"""`harness check` as a program: what it prints and leaves with, and that it leaves nothing."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

import pytest

pytestmark = pytest.mark.docker

HARNESS = [sys.executable, "-m", "harness", "check"]


def check(*arguments, cwd=None):
    return subprocess.run(
        [*HARNESS, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
    )


def test_a_sound_image_is_status_0(sound_image, tmp_path):
    ended = check(sound_image, "--only", "image/size", "--junit", "/proc/junit.xml")
    assert ended.returncode == 1
    assert "image/size" in ended.stdout
    assert ended.stderr.startswith("harness: --junit: /proc/junit.xml can't be written: ")

    ended = check(sound_image, "--only", "image", "--json", "--junit", tmp_path / "junit.xml")
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["passed"]
    assert {each["name"].partition("/")[0] for each in found["checks"]} == {"image"}
    assert ET.parse(tmp_path / "junit.xml").getroot().tag == "testsuites"


@pytest.mark.slow
def test_a_failure_is_status_1_and_says_what_to_change(bare_image, tmp_path):
    (tmp_path / "row.csv").write_text("1\n")
    ended = check(
        bare_image, "--payload", tmp_path / "row.csv", "--content-type", "text/csv",
        "--only", "image",
    )  # fmt: skip
    assert ended.returncode == 1, ended.stderr
    assert "fail      image/serve" in ended.stdout
    assert re.search(r"^\d\d:\d\d:\d\d fail: image/serve: ", ended.stderr, re.MULTILINE)
    assert "Row(" not in ended.stderr
    assert "→ put an executable named serve into a folder of the PATH" in ended.stdout


@pytest.mark.slow
def test_wrong_usage_is_status_2(bare_image, tmp_path):
    assert check(bare_image, "--only", "imag").returncode == 2
    assert check(cwd=tmp_path).returncode == 2  # where there is no project
    assert check("harness-no-such-image:latest").returncode == 2


@pytest.mark.slow
def test_what_is_interrupted_leaves_no_container(sound_image, docker_client, tmp_path):
    (tmp_path / "numbers.csv").write_text("1\n")
    names = {"label": "harness.session", "ancestor": sound_image}
    before = {each["Id"] for each in docker_client.api.containers(all=True, filters=names)}

    def ours():
        found = docker_client.api.containers(all=True, filters=names)
        return {each["Id"] for each in found if each["Names"][0].startswith("/check-")} - before

    program = subprocess.Popen(
        [*HARNESS, sound_image, "--train", str(tmp_path), "--hyperparameters", '{"scale": 1}'],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 30
        while not ours() and time.monotonic() < deadline:
            time.sleep(0.05)
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=60)
    finally:
        program.kill()
    assert program.returncode == 128 + signal.SIGINT, said
    assert "torn down" in said
    assert "Traceback" not in said
