"""Functions of Lambda's, as far as they need no container."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import zipfile
from typing import Any

import pytest

from harness.local.functions import contents, running
from harness.local.functions.python import bootstrap
from harness.local.protocol.errors import AwsError
from tests.clients import failure
from tests.policies import trust

CALL = """
import sys
from harness.local.functions.python import bootstrap
sys.path.insert(0, sys.argv[1])
sys.exit(bootstrap.run(sys.argv[2], sys.argv[3]))
"""

MODULE = """
import sys, time

def echo(event, context):
    print("an", "echo", end="")
    return [event, context.function_name, context.get_remaining_time_in_millis() <= 2000]

def long(event, context):
    return "x" * 250_000

def fail(event, context):
    raise KeyError("gone")

def leave(event, context):
    sys.exit(0)

def sleep(event, context):
    time.sleep(60)

def none(event, context):
    return {1}
"""


@pytest.fixture
def run(tmp_path):
    """Runs a function of `MODULE`: what comes of it, its exit code, and what it has written."""
    (tmp_path / "m.py").write_text(MODULE)
    (tmp_path / "event.json").write_text('{"a": "é"}')

    def run(name: str, timeout: float = 2) -> tuple[Any, int, str]:
        done = subprocess.run(
            [sys.executable, "-c", CALL, str(tmp_path), name, str(tmp_path / "event.json")],
            env={"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout)},
            stdout=subprocess.PIPE, encoding="utf-8", timeout=60,
        )  # fmt: skip
        lines = done.stdout.splitlines()
        mark = bootstrap.MARK
        # As `splitlines` has it, a mark ends a line, too.
        result = "".join(done.stdout.split("\n" + mark)[1:]).replace("\n", "")
        return json.loads(result), done.returncode, lines[0] if lines else ""

    return run


def test_what_comes_of_a_function(run):
    assert run("m.echo") == ([{"a": "é"}, "f", True], 0, "an echo")
    assert run("m.long")[0] == "x" * 250_000
    told, code, log = run("m.fail")
    assert (told["errorType"], told["errorMessage"], code) == ("KeyError", "'gone'", 1)
    assert "in fail" in told["stackTrace"][-1]
    assert log == "[ERROR] KeyError: 'gone'"


@pytest.mark.parametrize(
    ("handler", "kind"),
    [("m.leave", "SystemExit"), ("m.none", "TypeError"), ("m.nothing", "AttributeError"),
     ("other.f", "ModuleNotFoundError"), ("f", "ValueError")],
)  # fmt: skip
def test_what_a_function_fails_with(run, handler, kind):
    told, code, _ = run(handler)
    assert (told["errorType"], code) == (kind, 1)


def test_a_function_that_takes_too_long(run):
    told, code, _ = run("m.sleep", 0.2)
    assert (told["errorType"], code) == ("Sandbox.Timedout", 1)


def packed(**files: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o755 if name == "run" else 0o644) << 16
            archive.writestr(info, text)
    return content.getvalue()


def test_archives_are_unpacked_over_one_another():
    tar = contents.unpacked("opt", packed(a="1", run="2"), packed(**{"a": "3", "b/c": "4"}))
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        found = {each.name: (archive.extractfile(each).read(), each.mode)  # type: ignore[union-attr]
                 for each in archive if each.isfile()}  # fmt: skip
    assert found == {
        "opt/a": (b"3", 0o644), "opt/run": (b"2", 0o755), "opt/b/c": (b"4", 0o644)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("archive", "said"),
    [
        (packed(**{"../a": ""}), "it has a file outside of itself, '../a'"),
        (packed(**{"/etc/a": ""}), "it has a file outside of itself, '/etc/a'"),
        (b"none", "it can't be unpacked: File is not a zip file"),
        (packed(a="x" * 101), "it has more than 100 bytes, unpacked"),
    ],
)
def test_what_is_not_unpacked(monkeypatch, archive, said):
    monkeypatch.setattr(contents, "MAX_UNPACKED", 100)
    with pytest.raises(AwsError, match="can't be run") as refused:
        contents.unpacked("var/task", archive)
    assert refused.value.message == f"The code of the function can't be run: {said}."


def test_without_an_engine_it_is_refused(aws, new):
    role = aws.session.client("iam").create_role(
        RoleName=new("role"), AssumeRolePolicyDocument=trust("lambda")
    )["Role"]["Arn"]
    client, name = aws.session.client("lambda"), new("f")
    client.create_function(
        FunctionName=name, Role=role, Runtime="python3.11", Handler="m.f",
        Code={"ZipFile": packed(**{"m.py": ""})},
    )  # fmt: skip
    status, code, message = failure(client.invoke, FunctionName=name)
    assert (status, code) == (400, "ServiceException")
    assert message.startswith(f"Function {name} can't be run: the Docker engine at unix://")
    image = new("f")
    client.create_function(
        FunctionName=image, Role=role, PackageType="Image", Code={"ImageUri": "123456789012.dkr.ecr"
        ".us-east-1.amazonaws.com/i:1"},
    )  # fmt: skip
    assert failure(client.invoke, FunctionName=image)[1] == "InvalidRuntimeException"


def test_no_more_of_the_output_is_kept_than_the_result_needs(monkeypatch):
    monkeypatch.setattr(running, "MAX_OUTPUT", 10)
    output = running._Output()
    for line in ("first", "", "second", "four"):
        output.add(line)
    assert output.lines() == ["", "second", "four"]
    output.add("longer than all of it")
    assert output.lines() == ["longer than all of it"]
