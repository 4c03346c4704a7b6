"""A local AWS started as a user does, and the environment that `harness env` prints for it.

Nothing else makes these tests run on this machine: no patch, no local mode, no session of ours. The
harness is a command here (`HARNESS`, or the one on the PATH).
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import numpy as np
import pytest
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.shapes import Channel, DataSource, S3DataSource

from tests.command import SECONDS, build, build_functions, harness
from tests.sdk_v3 import support
from tests.sdk_v3.support import Data

if TYPE_CHECKING:
    from sagemaker.core.resources import TrainingJob

GAUSS3 = Path(__file__).parents[2] / "examples" / "gauss3" / "gauss3.csv"

_service = ExitStack()


def pytest_configure() -> None:
    """Start the service before anything is collected: `import sagemaker.serve` makes a client."""
    patch = _service.enter_context(pytest.MonkeyPatch.context())
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    # Not the service that the user has started, if there is one.
    state = _service.enter_context(tempfile.TemporaryDirectory())
    patch.setenv("XDG_STATE_HOME", state)
    harness("up", "--detach", "--port", "0")
    _service.callback(harness, "down")
    for name, value in _environment().items():
        patch.setenv(name, value)


def pytest_unconfigure() -> None:
    _service.close()


def _environment() -> dict[str, str]:
    """The environment of a shell that has evaluated what `harness env` prints."""
    shell = subprocess.run(
        ["sh", "-c", 'eval "$VARIABLES" && unset VARIABLES && env -0'],
        env={**os.environ, "VARIABLES": harness("env")},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
    )
    return dict(each.split("=", 1) for each in shell.stdout.split("\0") if each)


@pytest.fixture(scope="session")
def data() -> Data:
    rows = np.loadtxt(GAUSS3, delimiter=",")
    order = np.random.RandomState(42).permutation(len(rows))
    held_out = int(np.ceil(0.25 * len(rows)))
    return Data(train=rows[order[held_out:]], test=rows[order[:held_out]])


@pytest.fixture(scope="session")
def folders(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train/train.csv and test/test.csv."""
    folder = tmp_path_factory.mktemp("data")
    for name, rows in data._asdict().items():
        (folder / name).mkdir()
        np.savetxt(folder / name / f"{name}.csv", rows, delimiter=",", fmt="%.17g")
    return folder


@pytest.fixture(scope="session")
def image() -> str:
    """The project's image, built unless it is there."""
    return build()


@pytest.fixture(scope="session")
def functions_image() -> str:
    """The image that functions run in, of functions/, built unless it is there."""
    return build_functions(Path(__file__).with_name("functions"))


@pytest.fixture(scope="session")
def role() -> str:
    """ARN of a role made as AWS's guide says: the SDK looks at its trust and its permissions."""
    name = f"SageMakerExecution-{uuid.uuid4().hex[:8]}"
    arn = support.create_role(name)
    boto3.client("iam").attach_role_policy(
        RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    )
    return arn


@pytest.fixture(scope="session")
def session() -> Session:
    """What a notebook on AWS has."""
    return Session()


@pytest.fixture(scope="session")
def bucket(session: Session) -> str:
    """The default bucket, which the SDK finds in its defaults file."""
    return str(session.default_bucket())


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """That no other test has, in one of several runs against one service."""
    stem = request.node.originalname.removeprefix("test_").replace("_", "-")[:40].strip("-")
    return f"{stem}-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def channels(session: Session, bucket: str, folders: Path) -> list[Channel]:
    """The data in S3, uploaded with the SDK."""
    return [
        Channel(
            channel_name=name,
            content_type="text/csv",
            data_source=DataSource(
                s3_data_source=S3DataSource(
                    s3_data_type="S3Prefix",
                    s3_uri=session.upload_data(
                        str(folders / name), bucket=bucket, key_prefix=f"sdk-v3/data/{name}"
                    ),
                    s3_data_distribution_type="FullyReplicated",
                )
            ),
        )
        for name in Data._fields
    ]


@pytest.fixture(scope="session")
def trained(image: str, role: str, bucket: str, channels: list[Channel]) -> TrainingJob:
    """A completed training job, for all that begins with its model."""
    job = support.create_training_job(
        f"trained-{uuid.uuid4().hex[:8]}", image, role, bucket, channels
    )
    job.wait(poll=1, timeout=support.WAIT)
    return job
