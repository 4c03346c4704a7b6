"""The operations on processing jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.local.core import instances
from harness.local.experiments import following
from harness.local.jobs.processing import requests
from harness.local.jobs.processing.job import ProcessingJob
from harness.local.jobs.provider import JobProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_sagemaker.type_defs import CreateProcessingJobRequestTypeDef

    from harness.local.protocol.messages import RequestContext


class ProcessingJobs(JobProvider[ProcessingJob]):
    """Create-, Describe-, Stop- and DeleteProcessingJob, ListProcessingJobs."""

    kind = ProcessingJob
    missing = "Could not find requested job with name: {name}"

    def create_processing_job(
        self, context: RequestContext, request: CreateProcessingJobRequestTypeDef
    ) -> dict[str, Any]:
        """An image that isn't there fails the job, as on AWS: only training and tuning jobs and
        models have theirs looked up before they are created.
        """
        requests.check(request)
        cluster = request["ProcessingResources"]["ClusterConfig"]
        instances.check_accelerators(self._backend, [cluster["InstanceType"]])
        following.check(self._backend.store, context, request)
        return self._begin(ProcessingJob(self._backend, context, request))

    def describe_processing_job(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        return self._find(context, request).describe()

    def list_processing_jobs(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        return self._list(context, request, descending=False)

    def stop_processing_job(self, context: RequestContext, request: Mapping[str, Any]) -> None:
        self._stop(context, request)

    def delete_processing_job(self, context: RequestContext, request: Mapping[str, Any]) -> None:
        self._delete(context, request)
