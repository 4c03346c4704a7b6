"""Deploy: model, endpoint configuration and endpoint, and their end."""

import json

import pytest

from harness.errors import ConfigError, FlowError
from harness.flow.steps.deploy import (
    check_model,
    create_model,
    deploy,
    environment,
    scale,
    upload_model,
)
from tests.unit.flow.scripted import with_


def deploy_model(run):
    create_model(run, "image:tag", "s3://b/model.tar.gz", environment(run))
    return deploy(run)


def test_an_endpoint_scales_where_the_settings_say_so(run, sagemaker):
    scaling = run.connection.boto.client("application-autoscaling")

    def targets():
        found = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        return [(each["ResourceId"], each["MinCapacity"], each["MaxCapacity"]) for each in found]

    scale(run)
    assert targets() == []

    with run.tear_down:
        scale(with_(run, endpoint={"max_instance_count": 4}))
        assert targets() == [(f"endpoint/{run.name}/variant/AllTraffic", 1, 4)]
        (policy,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")[
            "ScalingPolicies"
        ]
        assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 1000.0
    assert targets() == []


def test_a_deployment_is_tagged_limited_and_torn_down(run, sagemaker):
    sagemaker.statuses = ["Creating", "Creating", "InService"]

    with run.tear_down:
        endpoint = deploy_model(run)
        assert endpoint.endpoint_status == "InService"
        assert "delete_endpoint" not in sagemaker.requests
        sagemaker.statuses = ["Completed"]

    assert sagemaker.requests["create_model"][0]["PrimaryContainer"] == {
        "Image": "image:tag",
        "ModelDataUrl": "s3://b/model.tar.gz",
    }
    (variant,) = sagemaker.requests["create_endpoint_config"][0]["ProductionVariants"]
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == 480
    for kind in ("model", "endpoint_config", "endpoint"):
        assert sagemaker.requests[f"create_{kind}"][0]["Tags"] == run.tags
        assert list(sagemaker.requests[f"delete_{kind}"][0].values()) == [run.name]


def test_an_endpoint_that_fails_is_an_error_and_torn_down(run, sagemaker):
    sagemaker.statuses = ["Creating", "Failed"]
    sagemaker.reason = "The primary container for production variant AllTraffic did not pass."

    failed = pytest.raises(FlowError, match=r"is Failed: The primary .* did not pass\.$")
    with failed, run.tear_down:
        deploy_model(run)

    assert {"delete_endpoint", "delete_endpoint_config", "delete_model"} <= set(sagemaker.requests)


def test_variables_of_the_endpoint_are_the_models(begin_run, project, sagemaker):
    this = begin_run(project("[endpoint.environment]\nWORKERS = '2'"))

    create_model(this, "image:tag", "s3://b/m.tar.gz", environment(this))

    (request,) = sagemaker.requests["create_model"]
    assert request["PrimaryContainer"]["Environment"] == {"WORKERS": "2"}


def test_script_mode_serves_the_program_that_was_sent(begin_run, project):
    this = begin_run(project("training.entry_point = 'train.py'\nendpoint.environment.A = 'b'"))

    assert environment(this, json.dumps("s3://b/source.tar.gz")) == {
        "SAGEMAKER_PROGRAM": "train.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "s3://b/source.tar.gz",
        "A": "b",
    }
    assert environment(this) == {"A": "b"}


def test_a_model_of_ones_own_is_uploaded_and_torn_down(run, tmp_path):
    file = tmp_path / "model.tar.gz"
    file.write_bytes(b"model")
    s3 = run.connection.boto.client("s3")

    check_model(str(file))
    with run.tear_down:
        uri = upload_model(run, str(file))
        key = uri.removeprefix("s3://harness-local/")
        assert key == f"harness/{run.name}/model.tar.gz"
        assert s3.get_object(Bucket="harness-local", Key=key)["Body"].read() == b"model"
        tags = s3.get_object_tagging(Bucket="harness-local", Key=key)["TagSet"]
        assert {"Key": "harness:run", "Value": run.name} in tags

    assert "Contents" not in s3.list_objects_v2(Bucket="harness-local", Prefix=key)


def test_a_model_in_s3_stays_where_it_is(run):
    check_model("s3://b/model.tar.gz")

    assert upload_model(run, "s3://b/model.tar.gz") == "s3://b/model.tar.gz"


def test_a_model_that_is_not_there_is_refused_before(tmp_path):
    with pytest.raises(
        ConfigError, match=r"^--model .*/none: there is no such file; it is a model"
    ):
        check_model(str(tmp_path / "none"))
