"""Sessions on the local AWS: whatever the environment says, nothing else is talked to."""

import socket
import time
from typing import Any

import boto3
import pytest
from botocore.exceptions import ParamValidationError

from harness.config.settings import Settings
from harness.errors import ConfigError
from harness.flow import connection
from harness.local.aws import LocalAWS
from harness.local.core import client
from harness.service import state
from harness.session import LocalSession, open_session


@pytest.fixture(scope="module")
def server():
    with LocalAWS("eu-central-1") as server:
        yield server


@pytest.fixture
def settings(tmp_path):
    return Settings(root=tmp_path, region="eu-central-1")


@pytest.fixture
def hostile(monkeypatch):
    """An environment with real keys, and with everything that turns a call elsewhere."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        elsewhere = f"http://127.0.0.1:{unused.getsockname()[1]}"
        for name, value in {
            "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
            "AWS_SECRET_ACCESS_KEY": "real-secret",
            "AWS_SESSION_TOKEN": "real-token",
            "AWS_PROFILE": "no-such-profile",
            "AWS_REGION": "us-west-2",
            "AWS_DEFAULT_REGION": "us-west-2",
            "AWS_ENDPOINT_URL": elsewhere,
            "AWS_ENDPOINT_URL_S3": elsewhere,
            "AWS_ENDPOINT_URL_SAGEMAKER": elsewhere,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
            "AWS_USE_FIPS_ENDPOINT": "true",
            "AWS_USE_DUALSTACK_ENDPOINT": "true",
            "AWS_DEFAULTS_MODE": "auto",
            "HTTP_PROXY": elsewhere,
            "http_proxy": elsewhere,
        }.items():
            monkeypatch.setenv(name, value)
        yield


def test_every_client_talks_to_the_local_aws_with_dummy_keys(server, hostile):
    boto = client.local_boto_session(server.url, "eu-central-1")
    sent = []
    boto.events.register("before-send.*", lambda request, **_: sent.append(request))

    boto.client("s3").list_buckets()
    boto.client("sts", endpoint_url="https://sts.amazonaws.com").get_caller_identity()
    boto.client("sagemaker", aws_access_key_id="AKIAOTHER", aws_secret_access_key="x").list_models()
    list(boto.resource("iam").roles.all())

    assert {request.url[: len(server.url)] for request in sent} == {server.url}
    assert len(sent) == 4
    for request in sent:
        headers = str(dict(request.headers))
        assert "Credential=harness/" in headers
        assert "AKIA" not in headers
        assert "real-token" not in headers
    assert boto.region_name == "eu-central-1"


def test_a_local_session_has_real_clients_and_its_bucket(server, hostile):
    session = LocalSession(
        default_bucket="my-bucket", endpoint_url=server.url, region_name="eu-central-1"
    )

    assert session.default_bucket() == "my-bucket"
    session.s3_resource.Bucket("my-bucket").put_object(Key="a", Body=b"1")
    assert session.s3_client.get_object(Bucket="my-bucket", Key="a")["Body"].read() == b"1"
    assert session.list_s3_files("my-bucket", "") == ["a"]
    assert session.sagemaker_client.list_training_jobs()["TrainingJobSummaries"] == []
    assert session.sagemaker_runtime_client.meta.endpoint_url == server.url
    assert session.account_id() == server.account_id
    assert session.boto_region_name == "eu-central-1"


def test_botocore_validates_what_a_local_session_sends(server):
    session = LocalSession(endpoint_url=server.url, region_name="eu-central-1")

    sagemaker: Any = session.sagemaker_client  # whose types would refuse it, too
    with pytest.raises(ParamValidationError, match=r'Missing required parameter.*"RoleArn"'):
        sagemaker.create_training_job(TrainingJobName="a")


def test_the_sdk_sends_no_telemetry(server):
    from sagemaker.core.common_utils import resolve_value_from_config
    from sagemaker.core.config.config_schema import TELEMETRY_OPT_OUT_PATH

    session = LocalSession(endpoint_url=server.url, region_name="eu-central-1")

    assert resolve_value_from_config(
        config_path=TELEMETRY_OPT_OUT_PATH, default_value=False, sagemaker_session=session
    )


def test_the_local_mode_config_can_be_set(server):
    session = LocalSession(endpoint_url=server.url, region_name="eu-central-1")

    session.config = {"local": {"local_code": True}}

    assert session.config == {"local": {"local_code": True}}


def test_of_a_given_boto_session_only_the_region_is_taken(server):
    given = boto3.Session("AKIAREALREALREALREAL", "real-secret", region_name="ap-south-1")

    session = LocalSession(given, endpoint_url=server.url)

    assert session.boto_region_name == "ap-south-1"
    assert session.boto_session.get_credentials().access_key == client.DUMMY_KEY


@pytest.fixture
def nothing_runs(monkeypatch, tmp_path):
    """No service of this user, and nothing that the environment names."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


def test_the_local_aws_that_the_environment_names_is_found(server, nothing_runs, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)

    session = LocalSession()

    assert session.endpoint_url == server.url
    assert session.boto_region_name == "eu-central-1"
    assert session.default_bucket() == "harness-local"


def test_the_service_that_runs_is_found_with_its_bucket(server, nothing_runs):
    running = state.Running(1, "", server.region, server.account_id, "theirs", server.url)
    with state.being_the_only_one(running):
        session = LocalSession()

    assert session.endpoint_url == server.url
    assert session.default_bucket() == "theirs"


def test_what_is_no_local_aws_is_not_taken_for_one(nothing_runs, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        elsewhere = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", elsewhere)

    with LocalSession() as session:
        assert session.endpoint_url != elsewhere


def test_the_sdks_own_arguments_are_taken(server):
    session = LocalSession(None, "a-bucket", None, True, endpoint_url=server.url)
    assert session.default_bucket() == "a-bucket"

    with pytest.raises(ConfigError, match="s3_endpoint_url is http://elsewhere"):
        LocalSession(s3_endpoint_url="http://elsewhere", endpoint_url=server.url)


def test_a_files_url_is_uploaded(server, tmp_path):
    """As the SDK does it for the input of a processing job."""
    session = LocalSession(endpoint_url=server.url)
    (tmp_path / "a.csv").write_text("1")

    session.upload_data(f"file://{tmp_path}", key_prefix="by-url")
    session.upload_data(str(tmp_path), key_prefix="by-path")

    for prefix in ("by-url", "by-path"):
        assert session.list_s3_files("harness-local", prefix) == [f"{prefix}/a.csv"]


def test_what_waits_looks_often(server, monkeypatch):
    """The SDK's own would look at the endpoint every 30 s, at a component every 20."""
    session = LocalSession(endpoint_url=server.url)
    looked = []

    def describe(**_):
        looked.append(time.monotonic())
        state = "InService" if len(looked) > 2 else "Creating"
        return {"EndpointStatus": state, "InferenceComponentStatus": state}

    for name in ("endpoint", "inference_component"):
        looked.clear()
        monkeypatch.setattr(session.sagemaker_client, f"describe_{name}", describe)
        getattr(session, f"wait_for_{name}")("a")
        assert looked[2] - looked[0] < 5


def test_defaults_cost_no_check_of_their_schema(server, monkeypatch):
    from sagemaker.core.common_utils import resolve_value_from_config
    from sagemaker.core.config.config_schema import TELEMETRY_OPT_OUT_PATH

    def never(*_, **__):
        raise AssertionError("the schema was checked")

    monkeypatch.setattr("jsonschema.Draft202012Validator.check_schema", never)
    monkeypatch.setattr("jsonschema.validate", never)
    session = LocalSession(endpoint_url=server.url)

    assert resolve_value_from_config(
        config_path=TELEMETRY_OPT_OUT_PATH, default_value=False, sagemaker_session=session
    )


def test_a_local_session_of_its_own_starts_and_stops_a_local_aws(nothing_runs):
    with LocalSession() as session:
        port = int(session.endpoint_url.rsplit(":", 1)[1])
        assert session.default_bucket() == "harness-local"
        socket.create_connection(("127.0.0.1", port), timeout=5).close()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    session.close()


def test_harness_exports_it():
    import harness

    assert harness.LocalSession is LocalSession
    with pytest.raises(AttributeError, match="Remote"):
        _ = harness.RemoteSession


def test_open_session_follows_the_settings(settings):
    with open_session(settings) as session:
        assert isinstance(session, LocalSession)
        assert session.default_bucket() == settings.local.bucket
        assert session.boto_region_name == "eu-central-1"
        port = int(session.endpoint_url.rsplit(":", 1)[1])

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_open_session_attaches_to_a_local_aws_that_runs(settings, server):
    local = settings.local.model_copy(update={"endpoint_url": server.url})

    with open_session(settings.model_copy(update={"local": local})) as session:
        assert session.endpoint_url == server.url

    boto = client.local_boto_session(server.url, "eu-central-1")
    assert boto.client("sts").get_caller_identity()["Account"] == server.account_id


def test_a_connection_that_ends_with_the_process_says_so(settings, server):
    with connection.connect(settings) as own:
        assert own.ephemeral
        assert own.url is not None
        assert own.url.startswith("http://127.0.0.1:")

    local = settings.local.model_copy(update={"endpoint_url": server.url})
    with connection.connect(settings.model_copy(update={"local": local})) as attached:
        assert not attached.ephemeral


def test_the_aws_target_takes_the_users_own_session(settings, server, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUSER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "user")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    boto = client.local_boto_session(server.url, "eu-central-1")
    client.ensure_bucket(boto, "theirs")
    role = boto.client("iam").get_role(RoleName="harness")["Role"]["Arn"]
    aws = settings.aws.model_copy(update={"role_arn": role, "bucket": "theirs"})

    with open_session(settings.model_copy(update={"target": "aws", "aws": aws})) as session:
        assert not isinstance(session, LocalSession)
        assert session.boto_session.get_credentials().access_key == "AKIAUSER"
        assert session._default_bucket_name_override == "theirs"
        assert session.sagemaker_client.meta.endpoint_url == server.url
        assert session.sagemaker_client.meta.region_name == "eu-central-1"


def test_the_aws_target_is_looked_at_before_anything_is_done(settings, server, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "harness")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "harness")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    aws = settings.aws.model_copy(update={"bucket": "not-there"})

    with (
        pytest.raises(ConfigError, match="there is no bucket not-there"),
        connection.connect(settings.model_copy(update={"target": "aws", "aws": aws})),
    ):
        pass
