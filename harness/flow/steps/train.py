"""Train: a training job from its creation to its end."""

from __future__ import annotations

import io
import json
import tarfile
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from harness.errors import ConfigError
from harness.flow.progress import HowFar, wait
from harness.flow.record.seen import Phase
from harness.flow.steps.stage import channel
from harness.flow.teardown import tags

if TYPE_CHECKING:
    from pathlib import Path

    from sagemaker.core.resources import TrainingJob
    from types_boto3_sagemaker.client import SageMakerClient
    from types_boto3_sagemaker.type_defs import StoppingConditionTypeDef

    from harness.config.settings import Settings
    from harness.flow.context import Run
    from harness.flow.steps.stage import Staged

SOURCE = "sourcedir.tar.gz"
SUBMITTED = "sagemaker_submit_directory"
"""The hyperparameter that says where script mode's program is."""


def check(settings: Settings) -> None:
    """Raises `ConfigError` where script mode's program isn't there."""
    training = settings.training
    if training.entry_point and not (_source(settings) / training.entry_point).is_file():
        raise ConfigError(
            f"training.entry_point = {training.entry_point!r}: there is no such file in "
            f"{_source(settings)} (training.source_dir)."
        )


def _source(settings: Settings) -> Path:
    return settings.root / settings.training.source_dir


def train(this: Run, image_uri: str, staged: Staged) -> TrainingJob:
    """Train to the end; returns the completed job.

    The job is created through boto3 and not through `TrainingJob.create`: importing the SDK's
    resources takes two seconds, which are free while the container trains.
    """
    settings, training = this.settings, this.settings.training
    client: Any = this.connection.boto.client("sagemaker")
    this.tear_down.add("training job", this.name)
    definitions = [
        {"Name": name, "Regex": regex} for name, regex in settings.metrics.definitions.items()
    ]
    channels = [
        channel(name, each, staged.uris[f"channels.{name}.source"])
        for name, each in settings.channels.items()
    ]
    given = {
        "HyperParameters": {**settings.hyperparameters, **script(this)},
        "InputDataConfig": channels,
        "Environment": training.environment,
        "EnableNetworkIsolation": training.network_isolation,
    }
    client.create_training_job(
        TrainingJobName=this.name,
        AlgorithmSpecification={
            "TrainingImage": image_uri,
            "TrainingInputMode": "File",
            **({"MetricDefinitions": definitions} if definitions else {}),
        },
        OutputDataConfig={"S3OutputPath": this.uri("output")},
        ResourceConfig={
            "InstanceType": training.instance_type,
            "InstanceCount": training.instance_count,
            "VolumeSizeInGB": training.volume_size_gb,
        },
        **{name: value for name, value in given.items() if value},
        **stopping(settings),
        RoleArn=settings.place.role_arn,
        Tags=this.tags,
    )
    limit, poll = settings.place.provisioning_seconds, settings.place.poll_seconds
    wait_for_start(client, this.name, seconds=limit, poll=poll, how_far=HowFar(this.progress))

    from sagemaker.core.resources import TrainingJob

    job = TrainingJob.get(
        training_job_name=this.name,
        session=this.connection.boto,
        region=this.connection.region,
    )
    wait(
        job,
        f"training job {this.name}",
        status="training_job_status",
        going={"InProgress", "Stopping"},
        done="Completed",
        seconds=training.limit_seconds + limit,
        poll=poll,
        log=this.log("/aws/sagemaker/TrainingJobs", f"{this.name}/"),
    )
    return job


def script(this: Run) -> dict[str, str]:
    """Script mode: send the program, and say where it is, as the SDK's estimators do."""
    training = this.settings.training
    if not training.entry_point:
        return {}
    this.tear_down.add("objects", this.uri("source") + "/")
    bucket, key = this.settings.place.bucket, this.key("source", SOURCE)
    this.connection.boto.client("s3").put_object(
        Bucket=bucket,
        Key=key,
        Body=_packed(_source(this.settings)),
        Tagging=urlencode(tags(this.name, this.keep)),
    )
    return {
        "sagemaker_program": json.dumps(training.entry_point),
        SUBMITTED: json.dumps(f"s3://{bucket}/{key}"),
    }


def _packed(folder: Path) -> bytes:
    """A folder's files as a tar.gz."""

    def kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        parts = member.name.split("/")
        left_out = any(part == "__pycache__" or part.startswith(".git") for part in parts)
        return None if left_out else member

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name, filter=kept)
    return packed.getvalue()


def stopping(settings: Settings) -> dict[str, Any]:
    """How long the job may run, always, and whether on spot instances."""
    training = settings.training
    limits: StoppingConditionTypeDef = {"MaxRuntimeInSeconds": training.max_runtime_seconds}
    if not training.spot:
        return {"StoppingCondition": limits}
    limits["MaxWaitTimeInSeconds"] = training.max_wait_seconds
    return {"StoppingCondition": limits, "EnableManagedSpotTraining": True}


def wait_for_start(
    client: SageMakerClient, name: str, *, seconds: float, poll: float, how_far: HowFar
) -> None:
    """Return once the job's container trains, or never will, or time is up.

    A local job is staged on this machine, and would have to share its processors with the import.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        job = client.describe_training_job(TrainingJobName=name)
        for now in job.get("SecondaryStatusTransitions", [])[-1:]:
            how_far.show(now["Status"], now.get("StatusMessage", ""))
        if job["TrainingJobStatus"] != "InProgress" or job["SecondaryStatus"] == "Training":
            return
        time.sleep(poll)


def nothing_left(archive: Path) -> str:
    """What to say of a model archive with no file in it; empty where there is one.

    SageMaker takes it, and the container then serves without a model, or fails for want of one.
    """
    try:
        with tarfile.open(archive) as tar:
            if any(member.isfile() or member.issym() or member.islnk() for member in tar):
                return ""
    except tarfile.TarError:
        return ""
    return (
        "the training has left nothing in /opt/ml/model, so model.tar.gz is empty: save the model "
        "there (SM_MODEL_DIR); what is written elsewhere is gone with the container."
    )


def logged_metrics(job: TrainingJob) -> dict[str, float]:
    """The job's metrics, of its log, by name: the last value of each."""
    found = getattr(job, "final_metric_data_list", None)
    if not isinstance(found, list):  # the SDK has a value of its own for what wasn't said
        return {}
    return {str(each.metric_name): float(each.value) for each in found}


def phases(job: TrainingJob) -> list[Phase]:
    """What the job's status was, and when; the last one's end is the job's."""
    found = getattr(job, "secondary_status_transitions", None)
    if not isinstance(found, list):
        return []
    return [
        Phase(str(each.status), each.start_time, each.end_time)
        for each in found
        if isinstance(each.start_time, datetime) and isinstance(each.end_time, datetime)
    ]


def submitted(job: TrainingJob) -> str:
    """Script mode's program in S3, as the job's hyperparameter has it; empty without."""
    given = getattr(job, "hyper_parameters", None)
    return str(given.get(SUBMITTED, "")) if isinstance(given, dict) else ""
