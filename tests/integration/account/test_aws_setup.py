"""docs/aws.md, done: its commands make an account in which the preflight misses nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.account import policy_documents
from harness.local.aws import LocalAWS

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = Path(__file__).parents[3] / "docs" / "aws.md"
ACCOUNT = "210987654321"
VARIABLES = {
    "ACCOUNT": ACCOUNT,
    "GITHUB_REPOSITORY": "me/mine",
    "HARNESS_AWS_BUCKET": "set-up-as-documented",
    "HARNESS_AWS_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/harness-execution",
    "HARNESS_REGION": "us-east-1",
    "HARNESS_TARGET": "aws",
}


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """That of a shell that has followed "Trying all this without an account"."""
    with LocalAWS(account_id=ACCOUNT) as server:
        yield {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": server.url,
            "AWS_ACCESS_KEY_ID": "harness",
            "AWS_SECRET_ACCESS_KEY": "harness",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_PAGER": "",
            **VARIABLES,
        }


def shell(script: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment,
        cwd=environment["HOME"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def doctor(environment: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """What the doctor says of AWS, by check."""
    found = shell("harness doctor --json", environment)
    checks: dict[str, list[dict[str, Any]]] = {}
    for check in json.loads(found.stdout.splitlines()[-1])["checks"]:
        checks.setdefault(check["name"], []).append(check)
    for local in ("python", "packages", "disk", "engine"):
        checks.pop(local)
    return checks


@pytest.mark.slow
def test_its_commands_make_everything_that_is_missing(environment: dict[str, str]) -> None:
    before = doctor(environment)
    assert {name for name, found in before.items() if not all(each["ok"] for each in found)} == {
        "role",
        "bucket",
    }

    key: dict[str, str] = {}
    for script in re.findall(r"^```sh\n(.*?)^```$", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE):
        done = shell(script, environment)
        assert done.returncode == 0, f"{script}\n{done.stderr}"
        if "create-access-key" in script:
            key = json.loads(done.stdout[done.stdout.rindex('{\n    "AccessKey"') :])["AccessKey"]

    environment |= {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    after = doctor(environment)
    assert [each for found in after.values() for each in found if not each["ok"]] == []
    assert [each for found in after.values() for each in found if each["unknown"]] == []
    assert "user/harness-you" in after["credentials"][0]["detail"]


@pytest.mark.slow
def test_a_remedy_is_a_command_that_works(environment: dict[str, str]) -> None:
    (role,) = doctor(environment)["role"]
    (bucket,) = doctor(environment)["bucket"]
    for remedy in (role["remedy"], bucket["remedy"]):
        assert shell(remedy, environment).returncode == 0, remedy

    assert all(each["ok"] for found in doctor(environment).values() for each in found)


def test_it_has_every_policy_and_no_other() -> None:
    linked = re.findall(r"\(policies/([\w-]+)\.json\)", DOCUMENT.read_text())

    assert sorted(linked) == sorted(policy_documents.NAMES)
    assert {path.stem for path in DOCUMENT.with_name("policies").glob("*.json")} == set(linked)
