"""A dry run makes no call, and shows that the flow makes the same ones whatever the target."""

from __future__ import annotations

import ast
import inspect
import json
import socket
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.config.loading import load
from harness.config.settings import Settings
from harness.errors import ConfigError
from harness.flow import run, steps
from harness.flow.connection import connect_dry
from harness.flow.plan import Plan, make
from harness.flow.steps import stage as staging
from harness.image import docker_engine
from harness.image.build import BuiltImage

if TYPE_CHECKING:
    from harness.flow.dry_run import Call

REPOSITORY = Path(__file__).parents[3]
AWS = {
    "HARNESS_AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/SM",
    "HARNESS_AWS_BUCKET": "my-bucket",
}
BUILT = BuiltImage("harness-gam:0123456789ab", "sha256:" + "a" * 64, 0.0, built=False)


class Engine:
    """A Docker engine that has the image, and would be sorry to be asked to push it."""

    class api:
        @staticmethod
        def inspect_image(image):
            assert image == BUILT.id
            return {"Os": "linux", "Architecture": "amd64"}


@pytest.fixture
def dry(monkeypatch, tmp_path):
    """Runs a project's flow dry; returns the report, and its calls."""

    def refuse(*_):
        raise AssertionError("a dry run connects to nothing")

    def dry(settings, **planned):
        told: list[Call] = []
        alone = settings.model_copy(
            update={"aws": settings.aws.model_copy(update={"compare_locally": False})}
        )
        asked = {"output": tmp_path / "nowhere", **planned}
        plan = Plan(**{**vars(make(alone, **asked)), "measured": False})
        to = nullcontext(connect_dry(alone, told.append))
        return run.run(alone, progress=lambda _: None, plan=plan, to=to), told

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(docker_engine, "ensure", lambda progress: Engine)
    monkeypatch.setattr(run, "build", lambda *_, **__: BUILT)
    return dry


@pytest.fixture
def calls(dry):
    """The calls of the GAM's run on a target, and the run's report."""

    def take(target):
        environ = {**AWS, "HARNESS_TARGET": target, "HARNESS_ENDPOINT_MAX_INSTANCE_COUNT": "3"}
        return dry(load(REPOSITORY / "harness.toml", environ))

    return take


def test_every_call_is_told_with_its_parameters(calls):
    this, told = calls("aws")

    by_operation = {call.operation: call for call in told}
    assert by_operation["CreateTrainingJob"].parameters["TrainingJobName"] == this.run
    assert by_operation["push"].parameters["tag"] == "0123456789ab"
    model = by_operation["CreateModel"].parameters["PrimaryContainer"]["ModelDataUrl"]
    bucket, key = model.removeprefix("s3://").split("/", 1)
    assert bucket == "my-bucket"
    deleted = by_operation["DeleteObjects"].parameters["Delete"]["Objects"]
    assert {"Key": key} in deleted
    service, operation, parameters = str(by_operation["InvokeEndpoint"]).split(" ", 2)
    assert (service, operation) == ("sagemaker-runtime", "InvokeEndpoint")
    assert json.loads(parameters)["Body"] == "<632 bytes>"


def test_what_is_created_is_deleted_last_first(calls):
    _, told = calls("aws")

    created = [call.operation for call in told if call.operation.startswith("Create")]
    deleted = [call.operation for call in told if call.operation.startswith("Delete")]
    kinds = ["Model", "EndpointConfig", "Endpoint"]
    assert created[1:] == [f"Create{kind}" for kind in kinds]
    assert deleted == [f"Delete{kind}" for kind in (*reversed(kinds), "Objects")]


def test_both_targets_get_the_same_calls_but_for_the_push(calls):
    sequences = {
        target: [call[:2] for call in calls(target)[1] if call.service not in ("ecr", "docker")]
        for target in ("local", "aws")
    }

    assert sequences["local"] == sequences["aws"]


def test_no_step_of_the_flow_asks_for_the_target():
    """Conditions may look at anything but where the calls go."""
    folder = Path(next(iter(steps.__path__)))
    modules = [Path(inspect.getfile(run)), *folder.glob("*.py")]
    assert len(modules) > 6
    trees = [ast.parse(path.read_text()) for path in modules]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    conditions = [node.test for node in nodes if isinstance(node, ast.If | ast.IfExp | ast.While)]
    conditions += [
        test for node in nodes if isinstance(node, ast.comprehension) for test in node.ifs
    ]
    conditions += [node.subject for node in nodes if isinstance(node, ast.Match)]
    assert conditions
    looked_at = {
        part
        for condition in conditions
        for node in ast.walk(condition)
        for part in (getattr(node, "attr", None), getattr(node, "value", None))
        if isinstance(part, str)
    }

    assert not looked_at & {"target", "url", "dry_run", "aws", "local"}


def test_what_the_target_does_not_act_on_is_said(tmp_path):
    settings = Settings(root=tmp_path, training={"spot": True}, endpoint={"max_instance_count": 3})
    local = connect_dry(settings, lambda _: None)
    real = connect_dry(settings.model_copy(update={"target": "aws"}), lambda _: None)

    assert [note.partition(":")[0] for note in local.notes(settings)] == [
        "training.spot",
        "endpoint.max_instance_count",
    ]
    assert local.notes(Settings(root=tmp_path)) == []
    assert real.notes(settings) == []


WHOLE = """
project.name = "whole"
training.entry_point = "train.py"
channels.clean.source = "processing:clean"
channels.there.source = "s3://elsewhere/data"
channels.made.source = "data.py:files"
metrics = {scores = ["r2"], score = "data.py:score"}
[processing]
inputs.raw.source = "raw"
outputs.clean = {}
[requests.json]
source = "data.py:bodies"
content_type = "application/json"
[requests.images]
source = "data.py:images"
content_type = "image/png"
[requests.rows]
source = "rows.csv"
target = "y"
[transform]
source = "rows.csv"
"""
DATA = """
def files(folder): (folder / "a").write_text("1")
def bodies(): return ['{"instances": [1, 2]}']
def images(): return [b"png"]
def score(truth): raise AssertionError("these answers nobody has given")
"""


@pytest.fixture
def whole(tmp_path):
    """Settings of a project with all there is."""
    files = {
        "harness.toml": WHOLE.replace('scores = ["r2"], ', ""),
        "data.py": DATA,
        "src/train.py": "",
        "raw/a.csv": "1",
        "raw/b.csv": "2",
        "rows.csv": "x,y\n1,2\n3,4\n",
    }
    for name, text in files.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return load(tmp_path / "project/harness.toml", AWS)


def test_a_project_with_all_there_is_runs_dry(dry, whole, tmp_path):
    report, told = dry(whole)

    name = report.run
    created = [
        call.operation
        for call in told
        if call.operation.startswith("Create") or call.operation == "InvokeEndpoint"
    ]
    assert created == [
        "CreateProcessingJob", "CreateTrainingJob", "CreateModel", "CreateEndpointConfig",
        "CreateEndpoint", "InvokeEndpoint", "InvokeEndpoint", "InvokeEndpoint",
        "CreateTransformJob",
    ]  # fmt: skip
    by_operation = {call.operation: call.parameters for call in told}
    channels = by_operation["CreateTrainingJob"]["InputDataConfig"]
    uris = [each["DataSource"]["S3DataSource"]["S3Uri"] for each in channels]
    bucket = f"s3://harness-local/harness/{name}"
    assert uris == [f"{bucket}/processing/clean/", "s3://elsewhere/data", f"{bucket}/data/made/"]
    assert by_operation["CreateModel"]["PrimaryContainer"]["Environment"] == {
        "SAGEMAKER_PROGRAM": "train.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": f"{bucket}/source/sourcedir.tar.gz",
    }
    put = {call.parameters["Key"].partition(f"{name}/")[2] for call in told
           if call.operation == "PutObject"}  # fmt: skip
    assert put == {
        "data/made/a", "inputs/raw/a.csv", "inputs/raw/b.csv", "input/transform/rows.csv",
        "source/sourcedir.tar.gz",
    }  # fmt: skip
    # What a real run would fetch is told, too.
    assert by_operation["GetObject"]["Key"].endswith("/output/model.tar.gz")
    listed = [call.parameters["Prefix"] for call in told if call.operation == "ListObjectsV2"]
    assert f"harness/{name}/transform/" in listed
    assert not (tmp_path / "project/build").exists()


def test_a_model_of_ones_own_is_deployed_dry(dry, whole, tmp_path):
    model = tmp_path / "model.tar.gz"
    model.write_bytes(b"model")

    report, told = dry(whole, start="deploy", model=str(model))

    operations = [call.operation for call in told]
    assert "CreateTrainingJob" not in operations
    assert report.model == str(model)
    (created,) = (call.parameters for call in told if call.operation == "CreateModel")
    container = created["PrimaryContainer"]
    assert container["ModelDataUrl"] == (f"s3://harness-local/harness/{report.run}/model.tar.gz")
    assert container["Environment"]["SAGEMAKER_SUBMIT_DIRECTORY"].endswith("/sourcedir.tar.gz")


def test_a_large_file_goes_in_parts_dry(dry, whole, monkeypatch):
    monkeypatch.setattr(staging, "WHOLE", 8 << 20)
    (whole.root / "raw/large").write_bytes(bytes((8 << 20) + 1))

    _, told = dry(whole, only=["process"])

    operations = {call.operation for call in told}
    assert {"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"} <= operations
    parts = [str(call) for call in told if call.operation == "UploadPart"]
    assert any("8388608 bytes" in part for part in parts)
    (deleted,) = (call.parameters for call in told if call.operation == "DeleteObjects")
    keys = [each["Key"] for each in deleted["Delete"]["Objects"]]
    assert any(key.endswith("inputs/raw/large") for key in keys)


def test_an_image_in_ecr_is_not_pushed(dry, whole, monkeypatch):
    name = "111122223333.dkr.ecr.us-east-1.amazonaws.com/mine:1"
    monkeypatch.setattr(run, "build", lambda *_, **__: BuiltImage(name, BUILT.id, 0.0, built=False))
    aws = whole.model_copy(update={"target": "aws"})

    _, told = dry(aws, only=["train"], skip=["transform"])

    (created,) = (call.parameters for call in told if call.operation == "CreateTrainingJob")
    assert created["AlgorithmSpecification"]["TrainingImage"] == name
    assert not [call for call in told if call.service in ("ecr", "docker")]


def test_only_to_stage_needs_no_push(dry, whole):
    report, told = dry(whole.model_copy(update={"target": "aws"}), only=["stage"])

    assert {call.service for call in told} == {"s3"}
    assert (report.training_job, report.endpoint, report.model) == ("", "", "")
    assert report.image == BUILT.name


def test_what_aws_has_to_know_is_said_at_once(dry):
    settings = load(REPOSITORY / "harness.toml", {"HARNESS_TARGET": "aws"})

    with pytest.raises(
        ConfigError, match=r"^aws\.role_arn and aws\.bucket: must be given, in harn"
    ):
        dry(settings)
