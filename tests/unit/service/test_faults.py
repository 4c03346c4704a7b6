"""`harness faults` from outside, without a Docker engine."""

import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


def listed(commands):
    return json.loads(commands.run("faults", "--json").stdout)["faults"]


def code(url):
    sagemaker = boto3.client(
        "sagemaker", region_name="us-east-1", endpoint_url=url, aws_access_key_id="h",
        aws_secret_access_key="h", config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    try:
        sagemaker.list_models()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


@pytest.mark.slow
def test_faults_of_the_service(commands):
    (commands.folder / "harness.toml").write_text(
        '[[faults]]\noperation = "ListModels"\nerror = "Throttling"\ncount = 1\n'
    )
    url = commands.up()["url"]
    assert code(url) == "ThrottlingException"
    assert code(url) is None
    (first,) = listed(commands)
    assert (first["operation"], first["happened"]) == ("ListModels", 1)

    added = commands.run(
        "faults", "add", "--operation", "List*", "--status", "503", "--probability", "1", "--json"
    )
    assert added.returncode == 0, added.stderr
    assert code(url) == "ServiceUnavailable"
    shown = commands.run("faults")
    assert f"{first['id']}  operation=ListModels error=Throttling count=1  happened once" in (
        shown.stdout
    )
    second = json.loads(added.stdout)["faults"][0]["id"]
    removed = commands.run("faults", "remove", second, "--json")
    assert json.loads(removed.stdout)["faults"][0]["happened"] == 1
    assert code(url) is None

    for wrong, words in (
        (("remove", second), f"there is no fault {second}."),
        (("add",), "it has no effect: give error, status, latency, reset or event."),
        (("add", "--event", "SpotInteruption"), "(did you mean SpotInterruption?)"),
        (("add", "--error", "Throtling"), "(did you mean Throttling?)"),
        (("clear", "fault-1"), "harness faults clear takes no name: 'fault-1'"),
        (("clear", "--reset"), "harness faults clear doesn't take --reset"),
        (("list", "--operation", "X"), "harness faults list doesn't take --operation"),
        (("add", "fault-9", "--reset"), "harness faults add takes no name: 'fault-9'"),
        (("remove",), "harness faults remove: a name is missing"),
        (("add", "--reset", "--count", "many"), "--count many: input should be a valid integer"),
    ):
        refused = commands.run("faults", *wrong)
        assert refused.returncode == 2
        assert words in refused.stderr
        assert len(listed(commands)) == 1
    assert commands.run("faults", "clear").stdout == "no faults\n"
    assert listed(commands) == []


@pytest.mark.parametrize(
    ("arguments", "words", "status"),
    [
        ((), "no local AWS is running", 1),
        (("--url", "http://127.0.0.1:9"), "says nothing of faults", 1),
        (("--target", "aws"), "only the local AWS has faults on demand", 2),
    ],
)
def test_where_there_are_none_is_a_sentence(commands, arguments, words, status):
    refused = commands.run("faults", *arguments)
    assert refused.returncode == status
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr
