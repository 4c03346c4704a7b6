"""The operations on transform jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.local.core import instances
from harness.local.experiments import following
from harness.local.hosting.containers.model import Model
from harness.local.hosting.models import Models
from harness.local.jobs.inputs import check_has_objects
from harness.local.jobs.provider import JobProvider
from harness.local.jobs.transform import requests
from harness.local.jobs.transform.job import TransformJob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_sagemaker.type_defs import CreateTransformJobRequestTypeDef

    from harness.local.core.backend import Backend
    from harness.local.protocol.messages import RequestContext


DEFAULT_PAGE = 10
"""ListTransformJobs' default page (AWS's API reference)."""


class TransformJobs(JobProvider[TransformJob]):
    """CreateTransformJob, DescribeTransformJob, ListTransformJobs, StopTransformJob."""

    kind = TransformJob

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self._models = Models(backend)

    def _made(self, context: RequestContext, saved: Mapping[str, Any]) -> TransformJob:
        return TransformJob(self._backend, context, saved["request"], Model(**saved["model"]))

    def create_transform_job(
        self, context: RequestContext, request: CreateTransformJobRequestTypeDef
    ) -> dict[str, Any]:
        requests.check(request)
        resources = request["TransformResources"]
        instances.check_accelerators(self._backend, [resources["InstanceType"]])
        model = self._models.find(context, request["ModelName"])
        requests.check_model(model)
        uri = request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        check_has_objects(self._backend.s3, context, uri, model.request.get("ExecutionRoleArn", ""))
        following.check(self._backend.store, context, request)
        return self._begin(TransformJob(self._backend, context, request, model))

    def describe_transform_job(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        return self._find(context, request).describe()

    def list_transform_jobs(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        return self._list(context, request, descending=True, default_page=DEFAULT_PAGE)

    def stop_transform_job(self, context: RequestContext, request: Mapping[str, Any]) -> None:
        self._stop(context, request)
