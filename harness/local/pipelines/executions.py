"""The operations on the executions of pipelines, and on their steps."""

from __future__ import annotations

import secrets
import string
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.local.pipelines import requests, selection
from harness.local.pipelines.execution import Started
from harness.local.pipelines.listing import listed
from harness.local.pipelines.pipeline import Pipeline
from harness.local.pipelines.steps.resolver import text
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.core.backend import Backend
    from harness.local.core.store import Table
    from harness.local.pipelines.execution import Execution
    from harness.local.pipelines.provider import Pipelines
    from harness.local.protocol.messages import RequestContext

MAX_CONCURRENT = 200
"""Executions at once ("Maximum number of concurrent pipeline executions")."""

ID = 12
"""Letters of an execution's ID."""

SEPARATOR = "/execution/"


class PipelineExecutions:
    """Start-, Stop-, Retry-, Update-, Describe- and ListPipelineExecution(s), their steps."""

    def __init__(self, backend: Backend, pipelines: Pipelines) -> None:
        self._backend = backend
        self._pipelines = pipelines
        self._table: Table[Pipeline] = backend.store.table(Pipeline.kind)

    def start_pipeline_execution(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        with self._backend.store.lock:
            pipeline = self._pipelines.find(context, request["PipelineName"])
            if answer := pipeline.once("StartPipelineExecution", request):
                return answer
            execution = self._started(pipeline, request)
            answer = {"PipelineExecutionArn": execution.arn}
            pipeline.remember("StartPipelineExecution", request, answer)
        execution.begin()
        return answer

    def _started(self, pipeline: Pipeline, request: Mapping[str, Any]) -> Execution:
        running = sum(each.is_running for each in pipeline.executions.values())
        if running >= MAX_CONCURRENT:
            raise AwsError(
                "ResourceLimitExceeded",
                f"Pipeline '{pipeline.arn}' has {running} executions that run, and "
                f"{MAX_CONCURRENT} are the most.",
            )
        version = pipeline.version(request)
        definition = pipeline.definition(version.definition)
        letters = string.ascii_lowercase + string.digits
        config = request.get("SelectiveExecutionConfig")
        started = Started(
            id="".join(secrets.choice(letters) for _ in range(ID)),
            version=version.id,
            parameters=request.get("PipelineParameters") or [],
            selective=config,
        )
        execution = pipeline.new_execution(definition, started)
        if config is not None:
            arn = config.get("SourcePipelineExecutionArn")
            source = pipeline.executions.get(arn) if arn else None
            if arn and source is None:
                raise AwsError("ResourceNotFound", f"Pipeline execution '{arn}' does not exist.")
            names = selection.reused(config, definition, source)
            if source is not None:
                execution.reuse(source.arn, names, source.runs)
        execution.display_name = request.get(
            "PipelineExecutionDisplayName", f"execution-{time.time_ns() // 1_000_000}"
        )
        execution.description = request.get("PipelineExecutionDescription")
        execution.parallelism = request.get("ParallelismConfiguration", pipeline.parallelism)
        pipeline.executions[execution.arn] = execution
        pipeline.last_run = execution.created
        version.last_execution = execution.arn
        return execution

    def stop_pipeline_execution(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        with self._backend.store.lock:
            pipeline, execution = self._find(context, request)
            if answer := pipeline.once("StopPipelineExecution", request):
                return answer
            if not execution.stop():
                raise AwsError(
                    "ValidationException",
                    f"Pipeline execution with ARN {execution.arn} is in status "
                    f"'{execution.status}'. Only pipelines with 'Executing' status can be stopped.",
                )
            answer = {"PipelineExecutionArn": execution.arn}
            return pipeline.remember("StopPipelineExecution", request, answer)

    def retry_pipeline_execution(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        with self._backend.store.lock:
            pipeline, execution = self._find(context, request)
            if answer := pipeline.once("RetryPipelineExecution", request):
                return answer
            if execution.status not in ("Failed", "Stopped"):
                raise AwsError(
                    "ValidationException",
                    f"Pipeline execution with ARN {execution.arn} is in status "
                    f"'{execution.status}'. Only pipelines with 'Failed' or 'Stopped' status can "
                    "be retried.",
                )
            if "ParallelismConfiguration" in request:
                execution.parallelism = request["ParallelismConfiguration"]
            execution.retry()
            answer = {"PipelineExecutionArn": execution.arn}
            return pipeline.remember("RetryPipelineExecution", request, answer)

    def update_pipeline_execution(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        _, execution = self._find(context, request)
        with execution.lock:
            for member, name in (
                ("PipelineExecutionDescription", "description"),
                ("PipelineExecutionDisplayName", "display_name"),
                ("ParallelismConfiguration", "parallelism"),
            ):
                setattr(execution, name, request.get(member, getattr(execution, name)))
            execution.modified = datetime.now(UTC)
        execution.wake.set()  # more steps may run at once now
        return {"PipelineExecutionArn": execution.arn}

    def describe_pipeline_execution(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        return self._find(context, request)[1].describe()

    def describe_pipeline_definition_for_execution(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        _, execution = self._find(context, request)
        return {
            "PipelineDefinition": execution.definition.text,
            "CreationTime": execution.created,
        }

    def list_pipeline_executions(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        with self._backend.store.lock:
            pipeline = self._pipelines.find(context, request["PipelineName"])
            version = pipeline.version(request) if "PipelineVersionAlias" in request else None
            items = [
                (each.created, each.arn, each.summary())
                for each in pipeline.executions.values()
                if version is None or each.given.version == version.id
            ]
        return listed(items, request, "PipelineExecutionSummaries")

    def list_pipeline_execution_steps(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        if "PipelineExecutionArn" not in request:
            raise AwsError("ValidationException", "PipelineExecutionArn must be given.")
        _, execution = self._find(context, request)
        with execution.lock:
            items = [(each.started, each.name, each.summary()) for each in execution.runs.values()]
        return listed(items, request, "PipelineExecutionSteps")

    def list_pipeline_parameters_for_execution(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        _, execution = self._find(context, request)
        items = [
            (execution.created, f"{number:06}", {"Name": name, "Value": text(value)})
            for number, (name, value) in enumerate(execution.parameters.items())
        ]
        return listed(items, request, "PipelineParameters", descending=False)

    def send_pipeline_execution_step_success(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        return self._answer(
            context,
            request,
            "SendPipelineExecutionStepSuccess",
            {"OutputParameters": request.get("OutputParameters") or []},
        )

    def send_pipeline_execution_step_failure(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        return self._answer(
            context,
            request,
            "SendPipelineExecutionStepFailure",
            {"FailureReason": request.get("FailureReason", "the callback said no reason.")},
        )

    def _answer(
        self,
        context: RequestContext,
        request: Mapping[str, Any],
        operation: str,
        told: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Tell the Callback step that waits for the request's token."""
        token = request["CallbackToken"]
        with self._backend.store.lock:
            for pipeline in self._table.of(context):
                if "ClientRequestToken" in request and (
                    answer := pipeline.once(operation, request)
                ):
                    return answer
                for execution in pipeline.executions.values():
                    if run := execution.waiting_for(token):
                        requests.check_outputs(run, told.get("OutputParameters", []))
                        run.answer = told
                        run.wake.set()
                        answer = {"PipelineExecutionArn": execution.arn}
                        return pipeline.remember(operation, request, answer)
        raise AwsError(
            "ResourceNotFound",
            f"Callback token '{token}' is that of no step that waits for an answer.",
        )

    def _find(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> tuple[Pipeline, Execution]:
        """Raises `ResourceNotFound`."""
        arn = request["PipelineExecutionArn"]
        pipeline = self._table.get(arn.partition(SEPARATOR)[0])
        execution = pipeline.executions.get(arn) if pipeline is not None else None
        if pipeline is None or execution is None or not arn.startswith(context.arn("")):
            raise AwsError("ResourceNotFound", f"Pipeline execution '{arn}' does not exist.")
        return pipeline, execution
