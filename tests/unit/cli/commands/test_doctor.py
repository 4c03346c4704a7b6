"""`harness doctor`: what it lists, and how it tells the unknown from the missing."""

import json

from harness.checks import Check
from harness.cli import machine_checks, main


def test_doctor_lists_what_is_there_and_how_to_get_the_rest(harness, tmp_path):
    found = harness("doctor", "--json", "--target", "aws", DOCKER_HOST=f"unix://{tmp_path}/x.sock")

    assert found.returncode == 1
    answer = json.loads(found.stdout.splitlines()[-1])
    checks = {check["name"]: check for check in answer["checks"]}
    assert answer["ok"] is False
    assert checks["python"]["ok"]
    assert not checks["engine"]["ok"]
    assert not checks["bucket"]["ok"]
    assert "HARNESS_AWS_BUCKET" in checks["bucket"]["remedy"]
    assert not checks["credentials"]["ok"]

    table = harness("doctor", DOCKER_HOST=f"unix://{tmp_path}/x.sock")
    assert "MISSING  engine" in table.stdout


def test_doctor_tells_what_it_cannot_know_from_what_is_there(tmp_path, capsys, monkeypatch):
    known, unknown = Check("a", True, "there"), Check("b", True, "not checked", unknown=True)
    monkeypatch.setattr(machine_checks, "examine", lambda settings: [known, unknown])
    monkeypatch.chdir(tmp_path)

    assert main.main(["doctor"]) == 0

    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["ok", "a"],
        ["unknown", "b"],
    ]
