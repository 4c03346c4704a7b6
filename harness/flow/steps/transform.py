"""Transform: a batch transform job with the run's model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.flow.progress import wait

if TYPE_CHECKING:
    from harness.config.settings import Transform
    from harness.flow.context import Run
    from harness.flow.steps.stage import Staged


def transform(this: Run, staged: Staged) -> str:
    """Transform to the end; returns the prefix in S3 that has the output."""
    from sagemaker.core.resources import TransformJob

    settings = this.settings.transform
    assert settings is not None  # noqa: S101  # the plan has this step
    client: Any = this.connection.boto.client("sagemaker")
    output = this.uri("transform")
    this.tear_down.add("transform job", this.name)
    client.create_transform_job(
        **_request(settings, staged.uris["transform.source"], output),
        TransformJobName=this.name,
        ModelName=this.name,
        Tags=this.tags,
    )
    job = TransformJob.get(
        transform_job_name=this.name, session=this.connection.boto, region=this.connection.region
    )
    wait(
        job,
        f"transform job {this.name}",
        status="transform_job_status",
        going={"InProgress", "Stopping"},
        done="Completed",
        seconds=settings.max_runtime_seconds + this.settings.place.provisioning_seconds,
        poll=this.settings.place.poll_seconds,
        log=this.log("/aws/sagemaker/TransformJobs", f"{this.name}/"),
    )
    return output + "/"


def _request(settings: Transform, source: str, output: str) -> dict[str, Any]:
    """The job's members but for its names, in the API's words."""
    request: dict[str, Any] = {
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}},
            "ContentType": settings.content_type,
            "SplitType": settings.split_type,
        },
        "TransformOutput": {"S3OutputPath": output, "AssembleWith": settings.assemble_with},
        "TransformResources": {
            "InstanceType": settings.instance_type,
            "InstanceCount": settings.instance_count,
        },
        "MaxPayloadInMB": settings.max_payload_in_mb,
        "DataProcessing": {
            "InputFilter": settings.input_filter,
            "OutputFilter": settings.output_filter,
            "JoinSource": settings.join_source,
        },
    }
    if settings.accept:
        request["TransformOutput"]["Accept"] = settings.accept
    if settings.batch_strategy:
        request["BatchStrategy"] = settings.batch_strategy
    if settings.max_concurrent_transforms:
        request["MaxConcurrentTransforms"] = settings.max_concurrent_transforms
    if settings.environment:
        request["Environment"] = settings.environment
    return request
