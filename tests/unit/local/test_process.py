"""A local AWS in a process of its own: it answers, and it ends with whoever has started it."""

import os
import select
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from harness.config.settings import Settings
from harness.errors import ServiceError
from harness.local import process as module
from harness.local.http.dispatch import HEALTH_PATH
from harness.local.process import LocalProcess

SETTINGS = Settings()
ROOT = Path(__file__).parents[3]


@pytest.fixture
def local():
    local = LocalProcess()
    yield local
    local._process.kill()
    local._process.wait()


def health(url):
    with urllib.request.urlopen(url + HEALTH_PATH, timeout=10) as answer:
        return answer.status


def ends(pid, seconds=30):
    """Whether a process that isn't our child ends."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def test_answers_as_the_settings_have_it_and_ends_with_the_context():
    settings = SETTINGS.model_copy(update={"region": "eu-central-1"})
    with LocalProcess() as local:
        url = local.start(settings).url
        with urllib.request.urlopen(url + HEALTH_PATH, timeout=10) as answer:
            assert b'"eu-central-1"' in answer.read()
        assert local.start(SETTINGS).url == url  # what it was told first holds

    assert local._process.returncode == 0
    with pytest.raises(OSError, match="refused"):
        health(url)
    local.close()


def test_one_that_is_not_needed_ends_at_once():
    with LocalProcess() as local:
        pass
    assert local._process.returncode == -signal.SIGKILL


def test_signals_are_left_to_who_has_started_it(local):
    url = local.start(SETTINGS).url
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        local._process.send_signal(number)
    assert os.getsid(local._process.pid) != os.getsid(0)  # nor does Ctrl-C reach it
    assert health(url) == 200
    local.close()
    assert local._process.returncode == 0


def test_ends_with_a_process_that_is_killed():
    program = """
import sys
from harness.config.settings import Settings
from harness.local.process import LocalProcess
local = LocalProcess().start(Settings())
print(local._process.pid, local.url, flush=True)
sys.stdin.read()
"""
    started = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    try:
        pid, url = started.stdout.readline().split()
        assert health(url) == 200
    finally:
        started.kill()
        started.communicate()
    assert ends(int(pid))


def test_says_that_it_was_killed(local):
    assert health(local.start(SETTINGS).url) == 200
    local._process.kill()
    local._process.wait()
    with pytest.raises(ServiceError, match=r"killed by signal 9 while .*harness clean"):
        local.close()


def test_says_that_it_does_not_start(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with LocalProcess() as local, pytest.raises(ServiceError, match="ended with status 1"):
        _ = local.start(SETTINGS).url


def test_says_that_it_does_not_get_ready(local, monkeypatch):
    monkeypatch.setattr(module, "READY_SECONDS", 0)
    local.start(SETTINGS)
    with pytest.raises(ServiceError, match="wasn't ready within 0 s"):
        _ = local.url


def test_one_that_does_not_end_is_killed(local, monkeypatch):
    _ = local.start(SETTINGS).url
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.1)
    local._process.send_signal(signal.SIGSTOP)
    with pytest.raises(ServiceError, match=r"had not ended after 0.1 s and was killed"):
        local.close()
    assert local._process.returncode == -signal.SIGKILL


def test_imports_nothing_from_the_folder_it_is_started_in(tmp_path, monkeypatch):
    for name in ("json", "docker", "tags", "boto3"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    with LocalProcess() as local:
        assert health(local.start(SETTINGS).url) == 200
