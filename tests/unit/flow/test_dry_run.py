"""A dry run makes no call, and shows that the flow makes the same ones whatever the target."""

from __future__ import annotations

import ast
import inspect
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from examples.gauss3 import gauss3 as dataset
from harness.config.settings import Settings
from harness.flow import run
from harness.flow.connection import connect_dry
from harness.image.build import BuiltImage

if TYPE_CHECKING:
    from harness.flow.dry_run import Call

AWS = {"role_arn": "arn:aws:iam::111122223333:role/SM", "bucket": "my-bucket"}
BUILT = BuiltImage("harness-gam:0123456789ab", "sha256:" + "a" * 64, 0.0, built=False)


class Engine:
    """A Docker engine that has the image, and would be sorry to be asked to push it."""

    class api:
        @staticmethod
        def inspect_image(image):
            assert image == BUILT.id
            return {"Os": "linux", "Architecture": "amd64"}


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Runs the flow's steps dry; returns its calls."""

    def refuse(*_):
        raise AssertionError("a dry run connects to nothing")

    monkeypatch.setattr(socket.socket, "connect", refuse)

    def take(target):
        settings = Settings(
            target=target, root=tmp_path, aws=AWS, endpoint={"max_instance_count": 3}
        )
        told: list[Call] = []
        this = run.begin(settings, connect_dry(settings, told.append), lambda _: None, keep=False)
        with this.tear_down:
            engine: Any = Engine
            uri = run.push(this, engine, BUILT)
            data = dataset.split()
            job = run.train(this, uri, run.stage(this, data))
            endpoint = run.deploy(this, uri, job.model_artifacts.s3_model_artifacts)
            run.scale(this)
            run.predict(endpoint, data.x_test)
        return this, told

    return take


def test_every_call_is_told_with_its_parameters(calls):
    this, told = calls("aws")

    by_operation = {call.operation: call for call in told}
    assert by_operation["CreateTrainingJob"].parameters["TrainingJobName"] == this.name
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
    tree = ast.parse(Path(inspect.getfile(run)).read_text())
    conditions = [
        node.test for node in ast.walk(tree) if isinstance(node, ast.If | ast.IfExp | ast.While)
    ]
    conditions += [
        test for node in ast.walk(tree) if isinstance(node, ast.comprehension) for test in node.ifs
    ]
    conditions += [node.subject for node in ast.walk(tree) if isinstance(node, ast.Match)]
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
