"""The operations on hyperparameter tuning jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.local.jobs.provider import JobProvider
from harness.local.jobs.training import admission
from harness.local.jobs.tuning import warm_start
from harness.local.jobs.tuning.job import TuningJob
from harness.local.jobs.tuning.plan import Plan
from harness.local.jobs.tuning.room import Room
from harness.local.protocol.errors import AwsError
from harness.local.protocol.paging import page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.core.backend import Backend
    from harness.local.protocol.messages import RequestContext

MAX_CONCURRENT = 100
"""Tuning jobs at once ("Resource Limits for Automatic Model Tuning")."""

PAGE = 10
"""Jobs that are listed at once where the request doesn't say (AWS's API reference)."""


class TuningJobs(JobProvider[TuningJob]):
    """Create-, Describe-, Stop- and DeleteHyperParameterTuningJob, and the two lists."""

    kind = TuningJob
    missing = "Could not find hyperparameter tuning job with name: {name}"

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self._room = Room(backend.containers.means)

    def create_hyper_parameter_tuning_job(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        plan = Plan(request)
        for definition in plan.definitions:
            sample: Any = definition.training_job("sample", {}, None)
            admission.check(self._backend, context, sample)
        with self._backend.store.lock:
            self._check_name(context, request["HyperParameterTuningJobName"])
            warm = warm_start.check(
                request.get("WarmStartConfig"), plan, lambda name: self._jobs.find(context, name)
            )
            return self._begin(TuningJob(self._backend, context, request, plan, warm, self._room))

    def describe_hyper_parameter_tuning_job(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        return self._find(context, request, "ResourceNotFound").describe()

    def list_hyper_parameter_tuning_jobs(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        sorted_by_name = {"SortBy": "Name", **request}
        return self._list(context, sorted_by_name, descending=False, default_page=PAGE)

    def list_training_jobs_for_hyper_parameter_tuning_job(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        job = self._find(context, request, "ResourceNotFound")
        by = request.get("SortBy", "Name")
        summaries = [child.tuned_summary() for child in list(job.children)]
        objective = "FinalHyperParameterTuningJobObjectiveMetric"
        if by == "FinalObjectiveMetricValue":  # those without one are not listed
            summaries = [{**each, by: each[objective]["Value"]} for each in summaries
                         if each[objective] is not None]  # fmt: skip
        response = page(
            summaries,
            {**request, "SortBy": by},
            member="TrainingJobSummaries",
            noun="TrainingJob",
            descending=False,
            default_page=PAGE,
        )
        for each in response["TrainingJobSummaries"]:
            each.pop("FinalObjectiveMetricValue", None)
        return response

    def stop_hyper_parameter_tuning_job(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> None:
        self._find(context, request, "ResourceNotFound")
        self._stop(context, request)

    def delete_hyper_parameter_tuning_job(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> None:
        self._delete(context, request)

    def _made(self, context: RequestContext, saved: Mapping[str, Any]) -> TuningJob:
        request = saved["request"]
        plan, warm = Plan(request), warm_start.WarmStart()
        return TuningJob(self._backend, context, request, plan, warm, self._room)

    def _check_name(self, context: RequestContext, name: str) -> None:
        """Names that differ by case only are one to AWS, and only so many jobs may run."""
        jobs = self._jobs.of(context)
        for each in jobs:
            if each.name.lower() == name.lower():
                raise AwsError("ResourceInUse", f"{TuningJob.taken} ({each.arn})")
        running = sum(each.status in ("InProgress", "Stopping") for each in jobs)
        if running >= MAX_CONCURRENT:
            raise AwsError(
                "ResourceLimitExceeded",
                "The account-level service limit 'Number of parallel hyperparameter tuning jobs' "
                f"is {MAX_CONCURRENT} Jobs, with current utilization of {running} Jobs and a "
                "request delta of 1 Jobs. Please use AWS Service Quotas to request an increase for "
                "this quota. If AWS Service Quotas is not available, contact AWS support to "
                "request an increase for this quota.",
            )
