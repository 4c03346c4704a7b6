"""`harness run --dry-run`: the same flow over a session that answers every call itself.

Nothing is sent: the calls are noted, in the order in which they would be made, and answered as AWS
answers when all goes well at once.
"""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Sized
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import botocore.session
import numpy as np
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.response import StreamingBody

from harness.errors import FlowError
from harness.flow.project.payloads import TYPES, decode, encode, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.model import OperationModel
    from docker import DockerClient

ACCOUNT = "111122223333"
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_DIGEST = "sha256:" + "0" * 64


class Call(NamedTuple):
    """A call that would be made."""

    service: str
    operation: str
    parameters: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.service} {self.operation} {json.dumps(self.parameters, default=_shown)}"


def _shown(value: object) -> str:
    sized = isinstance(value, bytes | bytearray) or hasattr(value, "read")
    return f"<{len(value)} bytes>" if sized and isinstance(value, Sized) else f"<{value}>"


class DryRun:
    """Tells the calls of its `boto` session, and the engine's push, instead of making them."""

    def __init__(self, region: str, tell: Callable[[Call], None]) -> None:
        self._tell = tell
        self._region = region
        self._asked = threading.local()  # several files are uploaded at once
        self.image_id = ""
        self._output = ""
        self._hyperparameters: dict[str, str] = {}
        self._keys: list[str] = []
        core = botocore.session.Session()
        core.set_credentials("dry-run", "dry-run")
        events: Any = core.get_component("event_emitter")
        events.register("provide-client-params", self._note)
        events.register("before-call", self._answer)
        self.boto = boto3.Session(botocore_session=core, region_name=region)

    def engine(self, docker: DockerClient) -> Any:
        """The engine, as far as a push uses it, without a push."""
        return _Engine(docker, self)

    def note(self, service: str, operation: str, parameters: dict[str, Any]) -> None:
        self._tell(Call(service, operation, parameters))

    def _note(self, params: dict[str, Any], model: OperationModel, **_: Any) -> None:
        self._asked.parameters = dict(params)
        self.note(model.service_model.service_name, model.name, self._asked.parameters)

    def _answer(self, model: OperationModel, **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        answer = getattr(self, f"_on_{xform_name(model.name)}", None)
        parsed = answer(self._asked.parameters) if answer else {}
        parsed.setdefault("ResponseMetadata", {"HTTPStatusCode": 200, "HTTPHeaders": {}})
        return AWSResponse("", 200, HTTPHeaders(), None), parsed

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:sagemaker:{self._region}:{ACCOUNT}:{kind}/{name}"

    # What AWS would answer, for the calls whose answers are looked at.

    def _on_get_caller_identity(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/you"}

    def _on_describe_repositories(self, request: dict[str, Any]) -> dict[str, Any]:
        (name,) = request["repositoryNames"]
        host = f"{ACCOUNT}.dkr.ecr.{self._region}.amazonaws.com"
        return {"repositories": [{"repositoryUri": f"{host}/{name}"}]}

    def _on_batch_get_image(self, request: dict[str, Any]) -> dict[str, Any]:
        (wanted,) = request["imageIds"]
        if "imageTag" in wanted:
            return {"images": [], "failures": [{"failureCode": "ImageNotFound"}]}
        manifest = json.dumps({"config": {"digest": self.image_id}})
        return {"images": [{"imageId": wanted, "imageManifest": manifest}], "failures": []}

    def _on_get_authorization_token(self, _: dict[str, Any]) -> dict[str, Any]:
        token = base64.b64encode(b"AWS:dry-run").decode()
        return {"authorizationData": [{"authorizationToken": token}]}

    def _on_put_object(self, request: dict[str, Any]) -> dict[str, Any]:
        self._keys.append(request["Key"])
        return {}

    def _on_create_multipart_upload(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"UploadId": "dry-run"}

    def _on_upload_part(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"ETag": '"dry-run"'}

    _on_complete_multipart_upload = _on_put_object

    def _on_get_object(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"Body": StreamingBody(io.BytesIO(), 0)}

    def _on_list_objects_v2(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Contents": [{"Key": k} for k in self._keys if k.startswith(request["Prefix"])]}

    def _on_create_training_job(self, request: dict[str, Any]) -> dict[str, Any]:
        uri = f"{request['OutputDataConfig']['S3OutputPath']}/{request['TrainingJobName']}"
        self._output = f"{uri}/output/model.tar.gz"
        self._hyperparameters = request.get("HyperParameters", {})
        self._keys.append(self._output.removeprefix("s3://").partition("/")[2])
        return {"TrainingJobArn": self._arn("training-job", request["TrainingJobName"])}

    def _on_describe_training_job(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["TrainingJobName"]
        return {
            "TrainingJobName": name,
            "TrainingJobArn": self._arn("training-job", name),
            "TrainingJobStatus": "Completed",
            "SecondaryStatus": "Completed",
            "HyperParameters": self._hyperparameters,
            "ModelArtifacts": {"S3ModelArtifacts": self._output},
            "AlgorithmSpecification": {"TrainingInputMode": "File"},
            "ResourceConfig": {"VolumeSizeInGB": 1},
            "StoppingCondition": {},
            "CreationTime": _NOW,
        }

    def _on_create_model(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"ModelArn": self._arn("model", request["ModelName"])}

    def _on_describe_model(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["ModelName"]
        return {"ModelName": name, "ModelArn": self._arn("model", name), "CreationTime": _NOW}

    def _on_create_endpoint_config(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["EndpointConfigName"]
        return {"EndpointConfigArn": self._arn("endpoint-config", name)}

    def _on_describe_endpoint_config(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["EndpointConfigName"]
        return {
            "EndpointConfigName": name,
            "EndpointConfigArn": self._arn("endpoint-config", name),
            "ProductionVariants": [{"VariantName": "AllTraffic"}],
            "CreationTime": _NOW,
        }

    def _on_create_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"EndpointArn": self._arn("endpoint", request["EndpointName"])}

    def _on_describe_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["EndpointName"]
        return {
            "EndpointName": name,
            "EndpointArn": self._arn("endpoint", name),
            "EndpointConfigName": name,
            "EndpointStatus": "InService",
            "CreationTime": _NOW,
            "LastModifiedTime": _NOW,
        }

    def _on_invoke_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        accept = request.get("Accept", "")
        answer = request["Body"]
        if plain(accept) in TYPES:
            answer = encode(np.zeros(_rows(answer, request["ContentType"])), accept)
        return {"Body": StreamingBody(io.BytesIO(answer), len(answer)), "ContentType": accept}

    def _on_describe_processing_job(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["ProcessingJobName"]
        return {
            "ProcessingJobName": name,
            "ProcessingJobArn": self._arn("processing-job", name),
            "ProcessingJobStatus": "Completed",
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1
                }
            },
            "AppSpecification": {"ImageUri": "image"},
            "CreationTime": _NOW,
        }  # fmt: skip

    def _on_describe_transform_job(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["TransformJobName"]
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/input"}}
        return {
            "TransformJobName": name,
            "TransformJobArn": self._arn("transform-job", name),
            "TransformJobStatus": "Completed",
            "ModelName": name,
            "TransformInput": {"DataSource": source},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            "CreationTime": _NOW,
        }

    def _on_describe_log_streams(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"logStreams": []}


def _rows(body: bytes, content_type: str) -> int:
    """How many answers are due; one, where that can't be told."""
    try:
        return len(np.atleast_1d(decode(body, content_type)))
    except FlowError:
        return 1


class _Engine:
    """What `harness.image.ecr` asks of docker-py's client, its `api` and its `images`."""

    def __init__(self, docker: DockerClient, dry_run: DryRun) -> None:
        self._docker = docker
        self._dry_run = dry_run
        self.api = self.images = self
        self.timeout = 0.0

    def inspect_image(self, image: str) -> Any:
        return self._docker.api.inspect_image(image)  # type: ignore[no-untyped-call]

    def tag(self, image: str, *_: str) -> None:
        self._dry_run.image_id = image

    def push(self, repository: str, tag: str, **_: Any) -> Iterator[dict[str, Any]]:
        self._dry_run.note("docker", "push", {"repository": repository, "tag": tag})
        yield {"aux": {"Digest": _DIGEST}}

    def remove(self, name: str, **_: Any) -> None:
        """There is no tag to be removed."""
