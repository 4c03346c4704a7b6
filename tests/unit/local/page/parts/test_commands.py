"""The lines to copy: they are what they say, whatever is in a name."""

import ast
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from harness.local.aws import LocalAWS
from harness.local.page.parts.commands import Where, call, first_steps, invoke

WHERE = Where("http://127.0.0.1:8080", "eu-west-1")
NAMES = ["plain", "it's; rm -rf ~", 'quote"d', "a\nb", "$(reboot)", "\\"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_one_argument(name):
    lines = call(WHERE, "sagemaker", "DeleteEndpoint", {"EndpointName": name})

    assert shlex.split(lines.cli)[2:] == [
        "aws", "sagemaker", "delete-endpoint", "--endpoint-name", name,
        "--endpoint-url", WHERE.url, "--region", WHERE.region,
    ]  # fmt: skip
    (_, line) = ast.parse(lines.boto3).body
    assert isinstance(line, ast.Expr)
    found = line.value
    assert isinstance(found, ast.Call)
    assert isinstance(found.func, ast.Attribute)
    assert found.func.attr == "delete_endpoint"
    assert ast.literal_eval(found.keywords[0].value) == name


@pytest.mark.parametrize("host", ["127.0.0.1:1", 'h"+exit()+"', "h; reboot"])
def test_an_invocation_is_what_it_says(host):
    lines = invoke(Where(f"http://{host}", "us-east-1"), "e", "text/csv", "")

    words = shlex.split(lines.cli)
    assert words[words.index("--endpoint-url") + 1] == f"http://{host}"
    assert "--accept" not in words
    calls = [each for each in ast.walk(ast.parse(lines.boto3)) if isinstance(each, ast.Call)]
    assert "exit" not in {each.func.id for each in calls if isinstance(each.func, ast.Name)}


def test_the_first_steps_are_valid_python_and_shell():
    shell, python, own = (text for _, text in first_steps(WHERE))

    ast.parse(python)
    assert shlex.split(shell)[1] == f"AWS_ENDPOINT_URL={WHERE.url}"
    assert own.splitlines()[-1] == "harness run"


@pytest.fixture(scope="module")
def where():
    with LocalAWS(account_id="864209753186") as aws:
        yield Where(aws.url, "eu-west-1")


def test_what_is_shown_of_an_empty_local_aws_works_as_it_stands(where, capsys):
    shell, python, _ = (text for _, text in first_steps(where))
    exec(compile(python, "snippet", "exec"), {})
    assert capsys.readouterr().out == "[]\n"

    ours = str(Path(sys.executable).parent)
    environment = {"PATH": f"{ours}:{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run(
        ["sh", "-ec", shell], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"TrainingJobSummaries": []}


def test_the_lines_of_an_action_reach_this_local_aws(where, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody's real one")
    lines = call(where, "sagemaker", "DeleteEndpoint", {"EndpointName": "gone"})

    with pytest.raises(ClientError, match=r"Could not find endpoint .*eu-west-1"):
        exec(compile(lines.boto3, "line", "exec"), {})
