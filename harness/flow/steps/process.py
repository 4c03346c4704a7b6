"""Process: a processing job before the training, which may make its data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.flow.progress import wait

if TYPE_CHECKING:
    from harness.config.settings import Processing
    from harness.flow.context import Run
    from harness.flow.steps.stage import Staged

ROOT = "/opt/ml/processing"


def process(this: Run, image_uri: str, staged: Staged) -> None:
    """Process to the end."""
    from sagemaker.core.resources import ProcessingJob

    settings = this.settings.processing
    assert settings is not None  # noqa: S101  # the plan has this step
    client: Any = this.connection.boto.client("sagemaker")
    this.tear_down.add("processing job", this.name)
    client.create_processing_job(
        **_request(this, settings, settings.image or image_uri, staged),
        ProcessingJobName=this.name,
        RoleArn=this.settings.place.role_arn,
        Tags=this.tags,
    )
    job = ProcessingJob.get(
        processing_job_name=this.name, session=this.connection.boto, region=this.connection.region
    )
    wait(
        job,
        f"processing job {this.name}",
        status="processing_job_status",
        going={"InProgress", "Stopping"},
        done="Completed",
        seconds=settings.max_runtime_seconds + this.settings.place.provisioning_seconds,
        poll=this.settings.place.poll_seconds,
        log=this.log("/aws/sagemaker/ProcessingJobs", f"{this.name}/"),
    )


def _request(this: Run, settings: Processing, image: str, staged: Staged) -> dict[str, Any]:
    """The job's members but for its names, in the API's words."""
    specification: dict[str, Any] = {"ImageUri": image}
    if settings.entrypoint:
        specification["ContainerEntrypoint"] = settings.entrypoint
    if settings.arguments:
        specification["ContainerArguments"] = settings.arguments
    inputs = [
        {
            "InputName": name,
            "S3Input": {
                "S3Uri": staged.uris[f"processing.inputs.{name}.source"],
                "LocalPath": each.local_path or f"{ROOT}/input/{name}",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            },
        }
        for name, each in settings.inputs.items()
    ]
    outputs = [
        {
            "OutputName": name,
            "S3Output": {
                "S3Uri": this.uri("processing", name),
                "LocalPath": each.local_path or f"{ROOT}/output/{name}",
                "S3UploadMode": "EndOfJob",
            },
        }
        for name, each in settings.outputs.items()
    ]
    given = {
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"Outputs": outputs} if outputs else {},
        "Environment": settings.environment,
    }
    return {
        "AppSpecification": specification,
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceType": settings.instance_type,
                "InstanceCount": settings.instance_count,
                "VolumeSizeInGB": settings.volume_size_gb,
            }
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": settings.max_runtime_seconds},
        **{name: value for name, value in given.items() if value},
    }
