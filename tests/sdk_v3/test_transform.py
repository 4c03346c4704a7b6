"""Batch transform: `TransformJob`, and the `Transformer` of a `ModelBuilder`."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sagemaker.core.resources import Model, TransformJob
from sagemaker.core.shapes import (
    ContainerDefinition,
    DataProcessing,
    TransformDataSource,
    TransformInput,
    TransformOutput,
    TransformResources,
    TransformS3DataSource,
)
from sagemaker.core.utils.exceptions import FailedStatusError
from sagemaker.serve import ModelBuilder

from tests.sdk_v3 import support

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sagemaker.core.helper.session_helper import Session
    from sagemaker.core.resources import TrainingJob

    from tests.sdk_v3.support import Data


@pytest.fixture
def model(image: str, role: str, trained: TrainingJob, name: str) -> Iterator[Model]:
    model = Model.create(
        model_name=name,
        primary_container=ContainerDefinition(
            image=image, model_data_url=trained.model_artifacts.s3_model_artifacts
        ),
        execution_role_arn=role,
    )
    yield model
    model.delete()


@pytest.fixture
def features(session: Session, bucket: str, data: Data, name: str, tmp_path: Path) -> str:
    """S3 URI of a folder with one csv file: the features of the rows held out, one a line."""
    np.savetxt(tmp_path / "rows.csv", data.test[:, :1], fmt="%.17g")
    session.upload_data(str(tmp_path / "rows.csv"), bucket=bucket, key_prefix=f"{name}/in")
    return f"s3://{bucket}/{name}/in/"


def numbers(uri: str) -> np.ndarray:
    return np.loadtxt(io.BytesIO(support.read(uri)), delimiter=",")


def source(uri: str) -> TransformInput:
    return TransformInput(
        data_source=TransformDataSource(
            s3_data_source=TransformS3DataSource(s3_data_type="S3Prefix", s3_uri=uri)
        ),
        content_type="text/csv",
        split_type="Line",
    )


def test_a_transform_job_predicts_a_file(model, features, bucket, data, name):
    job = TransformJob.create(
        transform_job_name=name,
        model_name=model.model_name,
        transform_input=source(features),
        transform_output=TransformOutput(
            s3_output_path=f"s3://{bucket}/{name}/out", accept="text/csv", assemble_with="Line"
        ),
        transform_resources=TransformResources(instance_type=support.INSTANCE, instance_count=1),
        batch_strategy="MultiRecord",
        data_processing=DataProcessing(join_source="Input"),
    )
    job.wait(poll=1, timeout=support.WAIT, logs=True)

    assert job.transform_job_status == "Completed"
    joined = numbers(f"s3://{bucket}/{name}/out/rows.csv.out")
    assert np.array_equal(joined[:, 0], data.test[:, 0])
    r2 = support.r_squared(data.test, joined[:, 1])
    assert r2 == pytest.approx(support.TEST_R2, abs=support.TOLERANCE)
    assert [each.transform_job_name for each in TransformJob.get_all(name_contains=name)] == [name]


def test_a_transform_job_fails_on_what_the_model_refuses(model, session, bucket, name, tmp_path):
    (tmp_path / "rows.csv").write_text("not a number\n")
    session.upload_data(str(tmp_path / "rows.csv"), bucket=bucket, key_prefix=f"{name}/in")
    job = TransformJob.create(
        transform_job_name=name,
        model_name=model.model_name,
        transform_input=source(f"s3://{bucket}/{name}/in/"),
        transform_output=TransformOutput(s3_output_path=f"s3://{bucket}/{name}/out"),
        transform_resources=TransformResources(instance_type=support.INSTANCE, instance_count=1),
    )
    with pytest.raises(FailedStatusError, match=r"ClientError: See job logs.*ClientError: 400"):
        job.wait(poll=1, timeout=support.WAIT)


def test_a_built_model_transforms(image, role, trained, features, bucket, data, name):
    build = ModelBuilder(
        image_uri=image,
        s3_model_data_url=trained.model_artifacts.s3_model_artifacts,
        role_arn=role,
        instance_type=support.INSTANCE,
    )
    model = build.build(model_name=name)
    transformer = build.transformer(
        instance_count=1,
        instance_type=support.INSTANCE,
        strategy="SingleRecord",
        assemble_with="Line",
        accept="text/csv",
        output_path=f"s3://{bucket}/{name}/out",
        max_concurrent_transforms=4,
    )
    try:
        transformer.transform(features, content_type="text/csv", split_type="Line", job_name=name)
    finally:
        model.delete()

    assert transformer.latest_transform_job.transform_job_status == "Completed"
    r2 = support.r_squared(data.test, numbers(f"s3://{bucket}/{name}/out/rows.csv.out"))
    assert r2 == pytest.approx(support.TEST_R2, abs=support.TOLERANCE)
