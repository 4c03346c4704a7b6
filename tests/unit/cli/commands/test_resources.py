"""`ls`, `logs`, `invoke`, `stop` and `exec` on a local AWS that has no Docker engine."""

import contextlib
import json
import logging
import os
import re
import time

import pytest
from botocore.exceptions import ClientError, WaiterError

from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from tests import forked

ROLE = "arn:aws:iam::123456789012:role/anybody"


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", f"unix://{tmp_path_factory.mktemp('engine')}/none.sock")
        with LocalAWS() as server:
            yield server


@pytest.fixture(scope="module")
def session(aws):
    return local_boto_session(aws.url, aws.region)


def train_in_vain(session, name):
    """A training job that fails, as there is no engine; returns at its end."""
    sagemaker = session.client("sagemaker")
    sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": "none", "TrainingInputMode": "File"},
        RoleArn=ROLE,
        OutputDataConfig={"S3OutputPath": "s3://nowhere/out"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    with contextlib.suppress(WaiterError):  # which is what its failure is to this waiter
        sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=name)


@pytest.fixture(scope="module")
def failed(session):
    """A training job that has failed, and what two hosts have written in its log."""
    logs = session.client("logs")
    at = int(time.time() * 1000)
    group = "/aws/sagemaker/TrainingJobs"
    logs.create_log_group(logGroupName=group)
    for number in (1, 2):
        stream = f"sad/algo-{number}-1700000000000"
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [
            {"timestamp": at + number + 10 * line, "message": f"{number}.{line}"}
            for line in range(2)
        ]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    train_in_vain(session, "sad")
    return "sad"


@pytest.fixture
def harness(aws, tmp_path):
    """Run `harness` on the local AWS."""

    def harness(*arguments, url=aws.url, **variables):
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "HARNESS_LOCAL_ENDPOINT_URL": url,
            "DOCKER_HOST": os.environ["DOCKER_HOST"],
            "HARNESS_NO_ENGINE_SETUP": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return forked.run(arguments, cwd=str(tmp_path), env=env | variables, timeout=60)

    return harness


def test_ls_says_what_there_is_and_why_it_failed(harness, failed):
    listed = harness("ls")

    assert listed.returncode == 0, listed.stderr
    title, line = listed.stdout.splitlines()
    assert title.split() == ["KIND", "NAME", "STATUS", "CREATED", "TOOK"]
    assert line.split()[:3] == ["training", failed, "Failed"]


def test_ls_as_json(harness, failed):
    (found,) = json.loads(harness("ls", "--json").stdout)["resources"]

    assert found["name"] == failed
    assert found["status"] == "Failed"
    assert found["reason"] == ""  # which AWS has in no list of training jobs


def test_ls_of_what_runs_is_empty_here(harness, aws, failed):
    listed = harness("ls", "--running")

    assert listed.stdout == f"nothing runs on the local AWS at {aws.url}, us-east-1\n"


def test_logs_of_several_hosts_are_told_apart_and_in_order(harness, failed):
    shown = harness("logs", failed)

    assert shown.stdout.splitlines() == [
        "algo-1 | 1.0",
        "algo-2 | 2.0",
        "algo-1 | 1.1",
        "algo-2 | 2.1",
    ]


@pytest.mark.parametrize(("number", "lines"), [("1", ["2.1"]), ("0", []), ("9", 4)])
def test_the_last_lines_only(harness, failed, number, lines):
    shown = harness("logs", failed, "-n", number, "--json")

    texts = [line["text"] for line in json.loads(shown.stdout)["lines"]]
    assert texts == lines or len(texts) == lines


def test_following_what_has_ended_ends_and_says_why(harness, failed):
    shown = harness("logs", "-f", failed)

    assert shown.returncode == 0
    assert len(shown.stdout.splitlines()) == 4
    assert f"training job {failed} is Failed: " in shown.stderr


@pytest.mark.parametrize("command", ["logs", "stop", "exec"])
def test_a_name_that_there_isnt(harness, aws, failed, command):
    refused = harness(command, "sadd")

    assert refused.returncode == 1
    assert refused.stderr == (
        "harness: there is no job or endpoint sadd (did you mean sad?) on the local AWS at "
        f"{aws.url}, us-east-1; `harness ls` lists them.\n"
    )


def test_what_has_ended_isnt_stopped(harness, failed):
    refused = harness("stop", failed, "--json")

    assert refused.returncode == 1
    assert json.loads(refused.stdout)["error"] == "training job sad isn't running: it is Failed."


@pytest.mark.docker
def test_what_has_ended_has_no_container(harness, failed):
    refused = harness("exec", failed, "ls", DOCKER_HOST="")

    assert refused.returncode == 1
    assert refused.stderr.endswith("training job sad has no container that runs: it is Failed.\n")


def test_an_endpoint_that_there_isnt(harness, tmp_path):
    (tmp_path / "row.csv").write_text("1,2\n")
    refused = harness("invoke", "gone", "row.csv")

    assert refused.returncode == 1
    assert refused.stderr.startswith("harness: there is no endpoint gone on the local AWS at ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("row",), "row: its name doesn't tell what is in it"),
        (("-",), "-: its name doesn't tell what is in it"),
        (("none.csv",), "none.csv can't be read: No such file or directory."),
        (("row", "--content-type", "text/csv"), "row can't be read: No such file or directory."),
    ],
)
def test_a_file_that_cant_be_sent(harness, arguments, said):
    refused = harness("invoke", "any", *arguments)

    assert refused.returncode == 2
    assert refused.stderr.startswith(f"harness: {said}")


@pytest.mark.parametrize("command", [("ls",), ("logs", "x"), ("stop", "x"), ("exec", "x")])
def test_without_a_local_aws(harness, command):
    refused = harness(*command, url="")

    assert refused.returncode == 1
    assert refused.stderr.startswith("harness: no local AWS is running; start one with")


def test_one_that_doesnt_answer_is_a_sentence(harness):
    refused = harness("ls", url="http://127.0.0.1:9")

    assert refused.returncode == 1
    assert refused.stderr.startswith("harness: Could not connect to the endpoint URL")
    assert len(refused.stderr.splitlines()) == 1


def test_nobody_gets_into_a_container_on_aws(harness):
    refused = harness("exec", "job", "--target", "aws")  # which is of the command

    assert refused.returncode == 1
    refused = harness("exec", "--target", "aws", "job")

    assert refused.returncode == 2
    assert "aws ssm start-session" in refused.stderr


def test_the_services_log_says_what_becomes_of_a_job_and_with_v_each_call(session, caplog):
    caplog.set_level(logging.DEBUG, logger="harness")

    train_in_vain(session, "told")

    told = [each.getMessage() for each in caplog.records if each.levelno == logging.INFO]
    assert told[0] == "training job told begins"
    assert re.match(r"training job told is Failed after \d+\.\d s: InternalServerError: ", told[1])
    calls = [each.getMessage() for each in caplog.records if each.levelno == logging.DEBUG]
    assert "sagemaker CreateTrainingJob" in calls


def test_with_v_a_refused_call_says_why(session, caplog):
    caplog.set_level(logging.DEBUG, logger="harness.local.protocol")

    with pytest.raises(ClientError):
        session.client("sagemaker").describe_endpoint(EndpointName="gone")

    (call,) = [each.getMessage() for each in caplog.records]
    assert call.startswith("sagemaker DescribeEndpoint: ValidationException: Could not find")
