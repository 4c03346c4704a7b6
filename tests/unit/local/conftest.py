"""A local AWS on loopback, out of reach of any Docker engine."""

import itertools
import uuid
from types import SimpleNamespace

import pytest

from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from harness.local.moto import s3_streaming

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def no_engine(tmp_path_factory):
    """The address of a Docker engine that isn't there."""
    address = f"unix://{tmp_path_factory.mktemp('engine')}/none.sock"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", address)
        yield address


@pytest.fixture(scope="module")
def aws(no_engine):
    """boto3's clients on a local AWS, a `direct` one as jobs have it, and a bucket."""
    with LocalAWS() as server:
        session = local_boto_session(server.url, server.region)
        s3, direct = session.client("s3"), session.client("s3")
        s3_streaming.directly(direct, server.account_id)
        bucket = f"tests-{uuid.uuid4().hex[:8]}"
        s3.create_bucket(Bucket=bucket)
        yield SimpleNamespace(
            session=session,
            sagemaker=session.client("sagemaker"),
            s3=s3,
            direct=direct,
            logs=session.client("logs"),
            bucket=bucket,
        )


@pytest.fixture
def new():
    """Makes names that no other test has."""
    return lambda stem: f"{stem}-{next(_numbers)}"
