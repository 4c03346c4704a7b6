"""Signals, from outside: what runs is unwound, and the status says which one it was."""

import json
import signal
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=lambda value: str(value),
)
def test_a_signal_unwinds_what_runs_and_sets_the_status(number, status):
    program = """
import signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may run under nohup
from harness.cli import main
from harness.cli.commands import doctor
def run(arguments, signals):
    try:
        print("ready", flush=True)
        time.sleep(30)
    finally:
        print("torn down", flush=True)
doctor.run = run
sys.exit(main.main(["doctor", "--json"]))
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=30)

    assert process.returncode == status
    assert out.splitlines()[0] == "torn down"
    assert number.name in json.loads(out.splitlines()[-1])["error"]
    assert "Traceback" not in err


def test_a_second_signal_leaves_the_tear_down_alone():
    program = """
import os, signal, sys, time
from harness.cli import main
from harness.cli.commands import doctor
def run(arguments, signals):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)
    finally:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0)
        print("torn down", flush=True)
doctor.run = run
sys.exit(main.main(["doctor"]))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 130
    assert ended.stdout == "torn down\n"
    assert "Tearing down already" in ended.stderr


def test_who_is_told_of_ctrl_c_may_press_it_at_once():
    program = """
import os, signal, sys
from harness.cli import main, signals
from harness.cli.commands import doctor
say = signals.say
def say_and_be_interrupted(words):
    say(words)
    if "until Ctrl-C" in words:
        os.kill(os.getpid(), signal.SIGINT)
signals.say = say_and_be_interrupted
def run(arguments, signals):
    signals.wait("Serving until Ctrl-C.")
    print("torn down")
    return 0
doctor.run = run
sys.exit(main.main(["doctor"]))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "torn down\n"
