"""Ledgers: on disk before anything is created, found again when their process was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from harness.flow import ledger
from harness.flow.ledger import Entry, Ledger

ABOUT = {"run": "run-a", "target": "aws", "account": "111122223333", "region": "us-east-1"}
MODEL, ENDPOINT = Entry("model", "a"), Entry("endpoint", "a")


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def files():
    return sorted(path.name for path in ledger.folder().iterdir())


def found():
    return [(each.about["run"], list(each.entries)) for each in ledger.abandoned()]


def test_a_ledger_whose_resources_are_all_gone_leaves_no_file():
    with Ledger.create(ABOUT) as made:
        made.add(MODEL)
        assert "run-a.jsonl" in files()
        made.remove(MODEL)

    assert files() == []


def test_what_is_left_is_found_again_in_order():
    with Ledger.create(ABOUT) as made:
        made.add(MODEL)
        made.add(Entry("model", "b"))
        made.add(ENDPOINT)
        made.remove(Entry("model", "b"))

    (again,) = ledger.abandoned()
    assert again.about == ABOUT
    assert again.entries == [MODEL, ENDPOINT]


def test_a_ledger_that_was_found_and_settled_is_gone():
    with Ledger.create(ABOUT) as made:
        made.add(MODEL)

    for each in ledger.abandoned():
        each.forget()

    assert files() == []


def test_the_ledger_of_a_run_that_lives_is_left_alone():
    with Ledger.create(ABOUT) as made:
        made.add(MODEL)
        assert found() == []
        assert ledger.living() == {"run-a"}
    assert found() == [("run-a", [MODEL])]
    assert ledger.living() == set()


def test_a_killed_process_leaves_its_ledger_as_it_was():
    program = (
        "import sys; from harness.flow.ledger import Entry, Ledger\n"
        f"made = Ledger.create({ABOUT!r})\n"
        "made.add(Entry('model', 'a')); print('entered', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"entered\n"
        assert found() == []
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)

    assert found() == [("run-a", [MODEL])]


def test_a_line_that_was_cut_off_by_a_kill_is_passed_over():
    with Ledger.create(ABOUT) as made:
        made.add(MODEL)
    with (ledger.folder() / "run-a.jsonl").open("a") as file:
        file.write('{"kind": "endp')

    assert found() == [("run-a", [MODEL])]


def test_a_ledger_in_memory_writes_nothing():
    with Ledger() as made:
        made.add(MODEL)

    assert not ledger.folder().exists()
    assert made.entries == [MODEL]
