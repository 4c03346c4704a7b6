"""The operations on trial components, and on their metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.local.experiments.components import MAPS, TrialComponent
from harness.local.experiments.experiments import Experiment, Trial
from harness.local.experiments.metrics import Point, grouped, is_timely
from harness.local.lineage.entity import Entities, settle
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from harness.local.core.backend import Backend
    from harness.local.core.store import Table
    from harness.local.protocol.messages import RequestContext

_FILTERS = ("ExperimentName", "SourceArn", "TrialName")

_OWN = (*MAPS, "DisplayName", "Status", "StartTime", "EndTime", "MetadataProperties")


class TrialComponents(Entities[TrialComponent]):
    """Create-, Describe-, Update-, DeleteTrialComponent, ListTrialComponents and
    (Dis)AssociateTrialComponent.
    """

    kind = TrialComponent
    words = "Trial component"

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self._trials: Table[Trial] = backend.store.table(Trial.kind)
        self._experiments: Table[Experiment] = backend.store.table(Experiment.kind)

    def create_trial_component(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        name = request["TrialComponentName"]
        members = {member: request[member] for member in _OWN if member in request}
        with self._store.lock:
            made = TrialComponent(self._check_name(context, name), name, members)
            self._table.add(made, request.get("Tags"))
        return self._answer(made)

    def describe_trial_component(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        with self._store.lock:
            component = self._find(context, request["TrialComponentName"])
            component.settle(self._store)
            return component.describe()

    def update_trial_component(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        with self._store.lock:
            component = self._find(context, request["TrialComponentName"])
            component.settle(self._store)
            component.update(request)
        return self._answer(component)

    def delete_trial_component(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        with self._store.lock:
            component = self._find(context, request["TrialComponentName"])
            if component.trials:
                raise AwsError(
                    "ValidationException",
                    f"TrialComponent '{component.arn}' is linked to 1 or more trials and cannot be "
                    "deleted.",
                )
            for arn in component.to:
                self._forget(arn, component.arn)
            for arn in component.by:
                self._forget(arn, component.arn)
            component.to, component.by = {}, {}
            return self._delete(component)

    def _forget(self, arn: str, gone: str) -> None:
        """Let an entity have no association with one that is gone."""
        other: Any = self._store.get(arn)
        if other is not None:
            other.to.pop(gone, None)
            other.by.pop(gone, None)

    def list_trial_components(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        given = [member for member in _FILTERS if member in request]
        if len(given) > 1:
            raise AwsError(
                "ValidationException",
                f"Trial components can be filtered by only one of {', '.join(_FILTERS)}; "
                f"{' and '.join(given)} are given.",
            )
        with self._store.lock:
            settle(self._store)
            trials: set[str] | None = None
            if "TrialName" in request:
                trials = {self._trial(context, request["TrialName"]).arn}
            elif "ExperimentName" in request:
                trials = self._trials_of(context, request["ExperimentName"])
            source = request.get("SourceArn", "").lower()
            return self._list(
                context,
                request,
                "TrialComponentSummaries",
                lambda each: (
                    (trials is None or not trials.isdisjoint(each.trials))
                    and (not source or (each.source or {}).get("SourceArn", "").lower() == source)
                ),
            )

    def associate_trial_component(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        with self._store.lock:
            trial = self._trial(context, request["TrialName"])
            component = self._find(context, request["TrialComponentName"])
            component.trials[trial.arn] = None
        return {"TrialComponentArn": component.arn, "TrialArn": trial.arn}

    def disassociate_trial_component(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        with self._store.lock:
            trial = self._trial(context, request["TrialName"])
            component = self._find(context, request["TrialComponentName"])
            component.trials.pop(trial.arn, None)
        return {"TrialComponentArn": component.arn, "TrialArn": trial.arn}

    def _trial(self, context: RequestContext, name: str) -> Trial:
        found = self._trials.find(context, name.lower())
        if found is None:
            arn = self._trials.arn(context, name.lower())
            raise AwsError("ResourceNotFound", f"Trial '{arn}' does not exist.")
        return found

    def _trials_of(self, context: RequestContext, name: str) -> set[str]:
        """The ARNs of an experiment's trials."""
        arn = self._experiments.arn(context, name.lower())
        if arn not in self._experiments:
            raise AwsError("ResourceNotFound", f"Experiment '{arn}' does not exist.")
        return {each.arn for each in self._trials.of(context) if each.experiment == arn}


class MetricsService:
    """BatchPutMetrics and BatchGetMetrics, of SageMaker Metrics."""

    def __init__(self, backend: Backend) -> None:
        self._table: Table[TrialComponent] = backend.store.table(TrialComponent.kind)

    def batch_put_metrics(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        component = self._table.find(context, request["TrialComponentName"].lower())
        errors = []
        for index, each in enumerate(request["MetricData"]):
            if component is None or not is_timely(each["Timestamp"]):
                code = "VALIDATION_ERROR"
            else:
                point = Point(each["Timestamp"].timestamp(), each.get("Step"), each["Value"])
                if component.metrics.add(each["MetricName"], point, component.arn):
                    continue
                code = "METRIC_LIMIT_EXCEEDED"
            errors.append({"Code": code, "MetricIndex": index})
        return {"Errors": errors}

    def batch_get_metrics(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        return {
            "MetricQueryResults": [self._result(context, each) for each in request["MetricQueries"]]
        }

    def _result(self, context: RequestContext, query: dict[str, Any]) -> dict[str, Any]:
        by_step = query["XAxisType"] == "IterationNumber"
        component = self._component(context, query["ResourceArn"])
        message = ""
        if by_step != (query["Period"] == "IterationNumber"):
            message = f"Period {query['Period']} is none of the x axis {query['XAxisType']}."
        elif component is None:
            message = f"{query['ResourceArn']} is no trial component, nor a job that has one."
        elif (points := component.metrics.points(query["MetricName"])) is None:
            message = f"{component.arn} has no metric {query['MetricName']}."
        else:
            places, values = grouped(points, query)
            return {"Status": "Complete", "XAxisValues": places, "MetricValues": values}
        return {
            "Status": "ValidationError", "Message": message, "XAxisValues": [], "MetricValues": []
        }  # fmt: skip

    def _component(self, context: RequestContext, arn: str) -> TrialComponent | None:
        """The component of an ARN, or of the job that has it."""
        if not arn.startswith(context.arn("")):
            return None
        if (found := self._table.get(arn.lower())) is not None:
            return found
        return next(
            (
                each
                for each in self._table.of(context)
                if each.source and each.source["SourceArn"].lower() == arn.lower()
            ),
            None,
        )
