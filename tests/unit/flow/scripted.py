"""A SageMaker that runs no container: what a job or an endpoint does is told to it by each test."""

import contextlib
import io
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from harness.local.protocol.errors import AwsError

ACCOUNT = "111122223333"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Scripted:
    """SageMaker's operations; statuses go from one to the next with each look."""

    def __init__(self):
        self.requests = {}
        self.statuses = []
        self.secondary = "Training"
        self.reason = None
        self.refusals = {}
        self.bodies = []
        self.accepts = []
        self.metrics = {}
        self.raw = None
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
        kept = ("AlgorithmSpecification", "HyperParameters", "ResourceConfig", "StoppingCondition")
        return {name: created[name] for name in kept if name in created} | {
            "TrainingJobName": request["TrainingJobName"],
            "TrainingJobArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/a",
            "TrainingJobStatus": self._status(),
            "SecondaryStatus": self.secondary,
            "FailureReason": self.reason,
            "CreationTime": EPOCH,
            "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"},
            "FinalMetricDataList": [
                {"MetricName": name, "Value": value, "Timestamp": EPOCH}
                for name, value in self.metrics.items()
            ],
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
        self.accepts.append((request["ContentType"], request["Accept"]))
        if self.raw:
            content_type, body = self.raw(request["Body"])
            return {"Body": body, "ContentType": content_type}
        answer = self.answer(np.load(io.BytesIO(request["Body"]), allow_pickle=False))
        body = io.BytesIO()
        np.save(body, answer, allow_pickle=True)
        return {"Body": body.getvalue(), "ContentType": "application/x-npy"}

    def create_processing_job(self, context, request):
        self._note("create_processing_job", request)
        return {"ProcessingJobArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:processing-job/a"}

    def describe_processing_job(self, context, request):
        created = self.requests["create_processing_job"][-1]
        return {
            "ProcessingJobName": request["ProcessingJobName"],
            "ProcessingJobArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:processing-job/a",
            "ProcessingJobStatus": self._status(),
            "FailureReason": self.reason,
            "CreationTime": EPOCH,
            "ProcessingResources": created["ProcessingResources"],
            "AppSpecification": created["AppSpecification"],
        }

    def stop_processing_job(self, context, request):
        self._note("stop_processing_job", request)

    def create_transform_job(self, context, request):
        self._note("create_transform_job", request)
        return {"TransformJobArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:transform-job/a"}

    def describe_transform_job(self, context, request):
        created = self.requests["create_transform_job"][-1]
        return {
            "TransformJobName": request["TransformJobName"],
            "TransformJobArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:transform-job/a",
            "TransformJobStatus": self._status(),
            "FailureReason": self.reason,
            "CreationTime": EPOCH,
            "ModelName": created["ModelName"],
            "TransformInput": created["TransformInput"],
            "TransformResources": created["TransformResources"],
        }

    def stop_transform_job(self, context, request):
        self._note("stop_transform_job", request)


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
