"""The operations on training jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.local.jobs.provider import JobProvider
from harness.local.jobs.training import admission
from harness.local.jobs.training.job import TrainingJob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_sagemaker.type_defs import CreateTrainingJobRequestTypeDef

    from harness.local.protocol.messages import RequestContext


class TrainingJobs(JobProvider[TrainingJob]):
    """Create-, Describe-, Stop- and DeleteTrainingJob, ListTrainingJobs."""

    kind = TrainingJob

    def create_training_job(
        self, context: RequestContext, request: CreateTrainingJobRequestTypeDef
    ) -> dict[str, Any]:
        admission.check(self._backend, context, request)
        return self._begin(TrainingJob(self._backend, context, request))

    def describe_training_job(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        return self._find(context, request).describe()

    def list_training_jobs(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        plan, pool = request.get("TrainingPlanArnEquals"), request.get("WarmPoolStatusEquals")

        def wanted(summary: dict[str, Any]) -> bool:
            warm = summary.get("WarmPoolStatus") or {}
            return plan in (None, summary.get("TrainingPlanArn")) and (
                pool in (None, warm.get("Status"))
            )

        return self._list(context, request, descending=False, wanted=wanted)

    def stop_training_job(self, context: RequestContext, request: Mapping[str, Any]) -> None:
        self._stop(context, request)

    def delete_training_job(self, context: RequestContext, request: Mapping[str, Any]) -> None:
        self._delete(context, request)
