"""The flow's steps against a server that speaks SageMaker's API but runs no container.

The server, its S3 and its CloudWatch Logs are those of the local AWS. With containers:
tests/integration.
"""

from pathlib import Path

import pytest

from harness.config.loading import load
from harness.flow import connection
from harness.flow.context import begin
from harness.local.aws import LocalAWS
from harness.local.core.client import ensure_bucket, local_boto_session
from tests.unit.flow.scripted import ACCOUNT, Scripted

REPOSITORY = Path(__file__).parents[3]


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
def begin_run(server, sagemaker):
    """A run of such settings on the scripted server; its `shown` are the lines it has shown."""

    def begin_run(settings):
        boto = local_boto_session(server.url, "us-east-1")
        local = settings.local.model_copy(update={"poll_seconds": 0.01})
        settings = settings.model_copy(update={"local": local})
        ensure_bucket(boto, settings.local.bucket)
        shown: list[str] = []
        here = connection.Connection(boto, ephemeral=True)
        this = begin(settings, here, shown.append, keep=False)
        object.__setattr__(this, "shown", shown)
        return this

    return begin_run


@pytest.fixture
def gam_settings():
    """Those of the GAM on Gauss3."""
    return load(REPOSITORY / "harness.toml", {})


@pytest.fixture
def run(begin_run, gam_settings):
    """A run of the GAM on Gauss3."""
    return begin_run(gam_settings)


@pytest.fixture
def endpoint(run, sagemaker):
    from sagemaker.core.resources import Endpoint

    sagemaker.statuses = ["InService"]
    return Endpoint.get("endpoint", session=run.connection.boto, region="us-east-1")


@pytest.fixture
def project(tmp_path):
    """Writes a project's files; returns its settings."""

    def project(toml, **files):
        for name, content in {"harness.toml": toml, **files}.items():
            path = tmp_path / "project" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return load(tmp_path / "project/harness.toml", {})

    return project
