"""Processing: `ProcessingJob`, and `sagemaker.core.processing`'s `ScriptProcessor`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.resources import ProcessingJob
from sagemaker.core.shapes import (
    AppSpecification,
    ProcessingClusterConfig,
    ProcessingInput,
    ProcessingOutput,
    ProcessingOutputConfig,
    ProcessingResources,
    ProcessingS3Input,
    ProcessingS3Output,
)
from sagemaker.core.utils.exceptions import FailedStatusError

from tests.sdk_v3 import support

if TYPE_CHECKING:
    from pathlib import Path

    from sagemaker.core.shapes import Channel

SCRIPT = """
import json, os, pathlib, sys

rows = pathlib.Path("/opt/ml/processing/in/train.csv").read_text().split()
host = json.loads(pathlib.Path("/opt/ml/config/resourceconfig.json").read_text())["current_host"]
seen = {"rows": len(rows), "host": host, "arguments": sys.argv[1:], "extra": os.environ["EXTRA"]}
pathlib.Path("/opt/ml/processing/out/seen.json").write_text(json.dumps(seen))
print("rows:", len(rows))
"""


@pytest.fixture
def train(channels: list[Channel]) -> ProcessingInput:
    (channel,) = (each for each in channels if each.channel_name == "train")
    return ProcessingInput(
        input_name="train",
        s3_input=ProcessingS3Input(
            s3_uri=channel.data_source.s3_data_source.s3_uri,
            s3_data_type="S3Prefix",
            s3_input_mode="File",
            local_path="/opt/ml/processing/in",
        ),
    )


def output(uri: str) -> ProcessingOutput:
    return ProcessingOutput(
        output_name="seen",
        s3_output=ProcessingS3Output(
            s3_uri=uri, local_path="/opt/ml/processing/out", s3_upload_mode="EndOfJob"
        ),
    )


def create(
    name: str,
    image: str,
    role: str,
    bucket: str,
    program: str,
    *inputs: ProcessingInput,
    **members: Any,
) -> ProcessingJob:
    """A job that runs the program, which is an input: an entry point takes 256 characters."""
    boto3.client("s3").put_object(Bucket=bucket, Key=f"{name}/run.py", Body=program.encode())
    code = ProcessingInput(
        input_name="code",
        s3_input=ProcessingS3Input(
            s3_uri=f"s3://{bucket}/{name}/run.py",
            s3_data_type="S3Prefix",
            s3_input_mode="File",
            local_path="/opt/ml/processing/code",
        ),
    )
    return ProcessingJob.create(
        processing_job_name=name,
        processing_resources=ProcessingResources(
            cluster_config=ProcessingClusterConfig(
                instance_count=1, instance_type=support.INSTANCE, volume_size_in_gb=5
            )
        ),
        app_specification=AppSpecification(
            image_uri=image,
            container_entrypoint=["python3", "/opt/ml/processing/code/run.py"],
            container_arguments=["--greeting", "hello"],
        ),
        role_arn=role,
        processing_inputs=[code, *inputs],
        environment={"EXTRA": "of the job"},
        **members,
    )


def test_a_processing_job_runs(image, role, bucket, train, name):
    uri = f"s3://{bucket}/{name}/out"
    job = create(
        name,
        image,
        role,
        bucket,
        SCRIPT,
        train,
        processing_output_config=ProcessingOutputConfig(outputs=[output(uri)]),
    )
    job.wait(poll=1, timeout=support.WAIT, logs=True)

    assert job.processing_job_status == "Completed"
    assert json.loads(support.read(f"{uri}/seen.json")) == {
        "rows": 187,
        "host": "algo-1",
        "arguments": ["--greeting", "hello"],
        "extra": "of the job",
    }
    assert [each.processing_job_name for each in ProcessingJob.get_all(name_contains=name)] == [
        name
    ]


def test_a_processing_job_that_fails_says_why(image, role, bucket, name):
    job = create(name, image, role, bucket, "import sys; sys.exit('no luck')")
    with pytest.raises(FailedStatusError, match=r"AlgorithmError: no luck, exit code: 1"):
        job.wait(poll=1, timeout=support.WAIT)
    assert job.processing_job_status == "Failed"


def test_a_script_processor_runs_a_local_script(image, role, bucket, train, name, tmp_path: Path):
    (tmp_path / "count.py").write_text(SCRIPT)
    uri = f"s3://{bucket}/{name}/out"
    processor = ScriptProcessor(
        role=role,
        image_uri=image,
        command=["python3"],
        instance_count=1,
        instance_type=support.INSTANCE,
        env={"EXTRA": "of the processor"},
    )
    processor.run(
        str(tmp_path / "count.py"),
        inputs=[train],
        outputs=[output(uri)],
        arguments=["--quick"],
        job_name=name,
    )

    assert processor.latest_job.refresh().processing_job_status == "Completed"
    assert json.loads(support.read(f"{uri}/seen.json")) == {
        "rows": 187,
        "host": "algo-1",
        "arguments": ["--quick"],
        "extra": "of the processor",
    }
