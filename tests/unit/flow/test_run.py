"""The flow's steps against a server that speaks SageMaker's API but runs no container.

The server, its S3 and its CloudWatch Logs are those of the local AWS; what a job or an endpoint
does is told to it by each test. With containers: tests/integration.
"""

import contextlib
import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from harness import machine
from harness.config.settings import Settings
from harness.errors import FlowError
from harness.flow import connection
from harness.flow import run as flow
from examples.gauss3.gauss3 import Split
from harness.flow.progress import Steps
from harness.local.aws import LocalAWS
from harness.local.core.client import ensure_bucket, local_boto_session
from harness.local.protocol.errors import AwsError

ACCOUNT = "111122223333"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_RNG = np.random.default_rng(0)
DATA = Split(
    _RNG.normal(size=(5, 2)), _RNG.normal(size=5), _RNG.normal(size=(3, 2)), _RNG.normal(size=3)
)


class Scripted:
    """SageMaker's operations; statuses go from one to the next with each look."""

    def __init__(self):
        self.requests = {}
        self.statuses = []
        self.secondary = "Training"
        self.reason = None
        self.refusals = {}
        self.bodies = []
        self.answer = lambda rows: rows[:, 0] * 2

    def _note(self, operation, request):
        self.requests.setdefault(operation, []).append(request)
        if refusals := self.refusals.get(operation):
            raise AwsError("ValidationException", refusals.pop(0))

    def _status(self):
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def create_training_job(self, context, request):
        self._note("create_training_job", request)
        return {"TrainingJobArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/a"}

    def describe_training_job(self, context, request):
        created = self.requests["create_training_job"][-1]
        kept = ("AlgorithmSpecification", "ResourceConfig", "StoppingCondition")
        return {name: created[name] for name in kept} | {
            "TrainingJobName": request["TrainingJobName"],
            "TrainingJobArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/a",
            "TrainingJobStatus": self._status(),
            "SecondaryStatus": self.secondary,
            "FailureReason": self.reason,
            "CreationTime": EPOCH,
            "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"},
        }

    def stop_training_job(self, context, request):
        self._note("stop_training_job", request)

    def create_model(self, context, request):
        self._note("create_model", request)
        return {"ModelArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model/{request['ModelName']}"}

    def describe_model(self, context, request):
        name = request["ModelName"]
        arn = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model/{name}"
        return {"ModelName": name, "ModelArn": arn, "CreationTime": EPOCH}

    def delete_model(self, context, request):
        self._note("delete_model", request)

    def create_endpoint_config(self, context, request):
        self._note("create_endpoint_config", request)
        return {"EndpointConfigArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint-config/a"}

    def describe_endpoint_config(self, context, request):
        created = self.requests["create_endpoint_config"][-1]
        return {
            "EndpointConfigName": request["EndpointConfigName"],
            "EndpointConfigArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint-config/a",
            "ProductionVariants": created["ProductionVariants"],
            "CreationTime": EPOCH,
        }

    def delete_endpoint_config(self, context, request):
        self._note("delete_endpoint_config", request)

    def create_endpoint(self, context, request):
        self._note("create_endpoint", request)
        return {"EndpointArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/a"}

    def describe_endpoint(self, context, request):
        return {
            "EndpointName": request["EndpointName"],
            "EndpointArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/a",
            "EndpointConfigName": "a",
            "EndpointStatus": self._status(),
            "FailureReason": self.reason,
            "CreationTime": EPOCH,
            "LastModifiedTime": EPOCH,
        }

    def delete_endpoint(self, context, request):
        self._note("delete_endpoint", request)

    def invoke_endpoint(self, context, request):
        self.bodies.append(request["Body"])
        answer = self.answer(np.load(io.BytesIO(request["Body"]), allow_pickle=False))
        body = io.BytesIO()
        np.save(body, answer, allow_pickle=True)
        return {"Body": body.getvalue(), "ContentType": "application/x-npy"}


@pytest.fixture(scope="module")
def scripted():
    return Scripted()


@pytest.fixture(scope="module")
def server(scripted):
    providers = {"sagemaker": [scripted], "sagemaker-runtime": [scripted]}
    with LocalAWS(account_id=ACCOUNT, providers=providers) as server:
        yield server


@pytest.fixture
def sagemaker(scripted):
    scripted.__init__()
    return scripted


@pytest.fixture
def run(server, sagemaker, tmp_path):
    """A run on the scripted server; `run.shown` are the lines it has shown."""
    boto = local_boto_session(server.url, "us-east-1")
    settings = Settings(root=tmp_path, local={"poll_seconds": 0.01})
    ensure_bucket(boto, settings.local.bucket)
    shown: list[str] = []
    here = connection.Connection(boto, ephemeral=True)
    this = flow.begin(settings, here, shown.append, keep=False)
    object.__setattr__(this, "shown", shown)
    return this


@pytest.fixture
def endpoint(run, sagemaker):
    from sagemaker.core.resources import Endpoint

    sagemaker.statuses = ["InService"]
    return Endpoint.get("endpoint", session=run.connection.boto, region="us-east-1")


def with_(run, **changes):
    """The run with other settings, as `local={"provisioning_seconds": 1}`."""
    sections = {
        name: getattr(run.settings, name).model_copy(update=update)
        for name, update in changes.items()
    }
    changed = replace(run, settings=run.settings.model_copy(update=sections))
    object.__setattr__(changed, "shown", run.shown)
    return changed


def log(run, group, stream, *lines):
    logs = run.connection.boto.client("logs")
    for create, names in (
        (logs.create_log_group, {"logGroupName": group}),
        (logs.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
    ):
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            create(**names)
    now = int(datetime.now(UTC).timestamp() * 1000)
    logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": now, "message": line} for line in lines],
    )


def test_a_name_is_sagemakers_and_unique():
    names = {flow.unique_name() for _ in range(100)}

    assert len(names) == 100
    assert all(len(name) <= 63 and name.replace("-", "").isalnum() for name in names)


def test_staged_data_is_csv_without_header_and_the_target_last(run):
    channels = flow.stage(run, DATA)

    s3 = run.connection.boto.client("s3")
    for channel, x, y in zip(
        channels, (DATA.x_train, DATA.x_test), (DATA.y_train, DATA.y_test), strict=True
    ):
        name = channel["ChannelName"]
        uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
        assert uri == f"s3://harness-local/harness/{run.name}/data/{name}/"
        key = uri.removeprefix("s3://harness-local/") + f"{name}.csv"
        staged = io.BytesIO(s3.get_object(Bucket="harness-local", Key=key)["Body"].read())
        table = np.loadtxt(staged, delimiter=",", ndmin=2)
        np.testing.assert_array_equal(table, np.column_stack([x, y]))


def test_the_engines_own_image_is_not_pushed(run):
    from harness.image.build import BuiltImage

    built = BuiltImage("harness-gam:0123456789ab", "sha256:0", 0.0, built=False)

    no_engine: Any = None
    assert flow.push(run, no_engine, built) == "harness-gam:0123456789ab"


def test_a_training_job_is_created_with_all_it_needs(run, sagemaker):
    sagemaker.statuses = ["InProgress", "InProgress", "Completed"]

    job = flow.train(run, "image:tag", flow.stage(run, DATA))

    assert job.training_job_status == "Completed"
    assert job.model_artifacts.s3_model_artifacts == "s3://b/model.tar.gz"
    (request,) = sagemaker.requests["create_training_job"]
    assert request["TrainingJobName"] == run.name
    assert request["RoleArn"] == "arn:aws:iam::123456789012:role/harness"
    assert request["HyperParameters"] == {
        "df": "20",
        "alpha": "1.0",
        "degree": "3",
        "train-file": "train.csv",
        "test-file": "test.csv",
    }
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 600}
    assert request["Tags"] == [
        {"Key": "harness:run", "Value": run.name},
        {"Key": "harness:host", "Value": machine.name()},
    ]
    assert {
        metric["Name"] for metric in request["AlgorithmSpecification"]["MetricDefinitions"]
    } == {
        "train:r2",
        "test:r2",
    }


def test_a_spot_job_has_a_time_for_waiting_too(run, sagemaker):
    sagemaker.statuses = ["Completed"]
    thrifty = with_(run, training={"spot": True, "max_wait_seconds": 1200})

    flow.train(thrifty, "image:tag", flow.stage(run, DATA))

    (request,) = sagemaker.requests["create_training_job"]
    assert request["EnableManagedSpotTraining"] is True
    assert request["StoppingCondition"] == {
        "MaxRuntimeInSeconds": 600,
        "MaxWaitTimeInSeconds": 1200,
    }


def test_an_endpoint_scales_where_the_settings_say_so(run, sagemaker):
    scaling = run.connection.boto.client("application-autoscaling")

    def targets():
        found = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        return [(each["ResourceId"], each["MinCapacity"], each["MaxCapacity"]) for each in found]

    flow.scale(run)
    assert targets() == []

    with run.tear_down:
        flow.scale(with_(run, endpoint={"max_instance_count": 4}))
        assert targets() == [(f"endpoint/{run.name}/variant/AllTraffic", 1, 4)]
        (policy,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")[
            "ScalingPolicies"
        ]
        assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 1000.0
    assert targets() == []


def test_a_failed_job_is_an_error_with_its_reason_and_its_log(run, sagemaker):
    sagemaker.statuses = ["InProgress", "Failed"]
    sagemaker.reason = "AlgorithmError: no such file, exit code: 1"
    log(run, "/aws/sagemaker/TrainingJobs", f"{run.name}/algo-1-1", "Traceback", "  no such file")

    with pytest.raises(FlowError) as error:
        flow.train(run, "image:tag", flow.stage(run, DATA))

    assert str(error.value) == (
        f"training job {run.name} is Failed: AlgorithmError: no such file, exit code: 1. Its log "
        "is above, and in CloudWatch Logs: group /aws/sagemaker/TrainingJobs, streams "
        f"{run.name}/*."
    )
    assert run.shown == ["  | Traceback", "  |   no such file"]


def test_a_job_stopped_for_its_run_time_is_an_error(run, sagemaker):
    sagemaker.statuses = ["Stopped"]
    sagemaker.secondary = "MaxRuntimeExceeded"

    with pytest.raises(FlowError, match=r"is Stopped: .*training\.max_runtime_seconds\."):
        flow.train(run, "image:tag", flow.stage(run, DATA))


def test_waiting_ends_when_time_is_up(run, sagemaker):
    sagemaker.statuses = ["InProgress"]
    impatient = with_(run, training={"max_runtime_seconds": 1}, local={"provisioning_seconds": 0})

    with pytest.raises(FlowError, match="is still InProgress after 1 s"):
        flow.train(impatient, "image:tag", flow.stage(run, DATA))


def test_a_job_that_still_runs_is_stopped_at_tear_down(run, sagemaker):
    sagemaker.statuses = ["InProgress"]
    impatient = with_(run, training={"max_runtime_seconds": 1}, local={"provisioning_seconds": 0})

    with pytest.raises(FlowError), run.tear_down:
        flow.train(impatient, "image:tag", flow.stage(run, DATA))

    assert sagemaker.requests["stop_training_job"] == [{"TrainingJobName": run.name}]


def test_a_job_that_has_ended_is_left_alone_at_tear_down(run, sagemaker):
    sagemaker.statuses = ["Completed"]

    with run.tear_down:
        flow.train(run, "image:tag", flow.stage(run, DATA))

    assert "stop_training_job" not in sagemaker.requests


def test_a_deployment_is_tagged_limited_and_torn_down(run, sagemaker):
    sagemaker.statuses = ["Completed"]
    job = flow.train(run, "image:tag", flow.stage(run, DATA))
    sagemaker.statuses = ["Creating", "Creating", "InService"]

    with run.tear_down:
        endpoint = flow.deploy(run, "image:tag", job.model_artifacts.s3_model_artifacts)
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
    sagemaker.statuses = ["Completed"]
    job = flow.train(run, "image:tag", flow.stage(run, DATA))
    sagemaker.statuses = ["Creating", "Failed"]
    sagemaker.reason = "The primary container for production variant AllTraffic did not pass."

    failed = pytest.raises(FlowError, match=r"is Failed: The primary .* did not pass\. Its log")
    with failed, run.tear_down:
        flow.deploy(run, "image:tag", job.model_artifacts.s3_model_artifacts)

    assert {"delete_endpoint", "delete_endpoint_config", "delete_model"} <= set(sagemaker.requests)


def test_predictions_come_back_in_order_in_bodies_that_sagemaker_takes(endpoint, sagemaker):
    x = np.arange(2_000_000.0).reshape(-1, 2)

    predicted = flow.predict(endpoint, x)

    np.testing.assert_array_equal(predicted, x[:, 0] * 2)
    assert len(sagemaker.bodies) == 3
    assert all(len(body) <= flow.MAX_BODY_BYTES for body in sagemaker.bodies)


@pytest.mark.parametrize(
    "answer",
    [
        lambda rows: rows,
        lambda rows: rows[:-1, 0],
        lambda rows: np.full(len(rows), np.nan),
    ],
    ids=["two values a row", "a row too few", "nan"],
)
def test_an_answer_that_is_not_one_number_a_row_is_an_error(endpoint, sagemaker, answer):
    sagemaker.answer = answer

    with pytest.raises(FlowError, match="predict_fn"):
        flow.predict(endpoint, np.ones((4, 2)))


def test_an_answer_that_has_to_be_unpickled_is_refused(endpoint, sagemaker):
    sagemaker.answer = lambda rows: np.array([{}] * len(rows))

    with pytest.raises(FlowError, match="not an array of numbers"):
        flow.predict(endpoint, np.ones((4, 2)))


@pytest.mark.parametrize(
    ("predicted", "r2"), [([1, 2, 3], 1.0), ([1, 2, 4], 0.5), ([2, 2, 2], 0.0), ([3, 2, 1], -3.0)]
)
def test_r_squared(predicted, r2):
    assert flow.r_squared(np.array([1.0, 2.0, 3.0]), np.array(predicted)) == r2


def test_a_log_shows_each_line_once_and_only_its_own(run):
    group = "/aws/sagemaker/TrainingJobs"
    shown = run.log(group, f"{run.name}/")
    log(run, group, f"{run.name}/algo-1-1", "one", "two")
    log(run, group, f"{run.name}0/algo-1-1", "somebody else's")

    shown.show()
    shown.show()
    log(run, group, f"{run.name}/algo-1-1", "three")
    log(run, group, f"{run.name}/algo-2-1", "another host's")
    shown.show()

    assert run.shown == ["  | one", "  | two", "  | three", "  | another host's"]


def test_a_log_that_does_not_exist_yet_shows_nothing(run):
    run.log("/aws/sagemaker/Endpoints/none", "").show()

    assert run.shown == []


def test_an_aws_error_names_the_step(run):
    steps = Steps(run.progress)

    with pytest.raises(FlowError, match=r"^stage: .*NoSuchBucket.*PutObject"), steps("stage"):
        run.connection.boto.client("s3").put_object(Bucket="nowhere", Key="k", Body=b"")

    assert set(steps.so_far()) == {"stage", "total"}
