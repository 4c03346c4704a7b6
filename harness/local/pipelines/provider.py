"""The operations on pipelines and their versions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.local.pipelines import requests
from harness.local.pipelines.definition.document import Definition
from harness.local.pipelines.listing import listed
from harness.local.pipelines.pipeline import Pipeline
from harness.local.protocol.errors import AwsError
from harness.local.protocol.messages import RequestContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.core.backend import Backend
    from harness.local.core.store import Table


class Pipelines:
    """Create-, Update-, Describe-, Delete- and ListPipeline(s), and their versions."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._table: Table[Pipeline] = backend.store.table(Pipeline.kind)

    def saved(self) -> list[dict[str, Any]]:
        """All pipelines with their executions, for `restore`."""
        return [{"pipeline": each.saved(), "tags": tags} for each, tags in self._table.saved()]

    def restore(self, saved: list[dict[str, Any]]) -> None:
        for each in saved:
            found = each["pipeline"]
            context = RequestContext(
                "sagemaker", "CreatePipeline", found["region"], self._backend.account_id, ""
            )
            latest = Definition(found["versions"][-1]["definition"])
            pipeline = Pipeline(self._backend, context, found["request"], latest)
            pipeline.restore(found)
            self._table.restore(pipeline, each["tags"])

    def create_pipeline(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        name = request["PipelineName"]
        with self._backend.store.lock:
            pipeline = self._table.find(context, name)
            if pipeline and (answer := pipeline.once("CreatePipeline", request)):
                return answer
        if pipeline is not None:
            raise _taken(name)
        definition = Definition(requests.required_definition(self._backend.s3, request))
        with self._backend.store.lock:
            if self._table.find(context, name) is not None:
                raise _taken(name)
            pipeline = Pipeline(self._backend, context, request, definition)
            self._table.add(pipeline, request.get("Tags"))
            return pipeline.remember("CreatePipeline", request, {"PipelineArn": pipeline.arn})

    def update_pipeline(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A changed definition is a new version."""
        pipeline = self.find(context, request["PipelineName"])
        text = requests.definition(self._backend.s3, request)
        definition = None if text is None else Definition(text)
        aliases = request.get("PipelineVersionAliases") or []
        with self._backend.store.lock:
            if definition is not None and definition.text != pipeline.latest.definition:
                pipeline.add_version(definition, aliases)
            elif aliases:
                raise AwsError(
                    "ValidationException",
                    "PipelineVersionAliases can be given only with a changed definition; "
                    "UpdatePipelineVersion changes those of a version that is there.",
                )
            pipeline.display_name = request.get("PipelineDisplayName", pipeline.display_name)
            pipeline.description = request.get("PipelineDescription", pipeline.description)
            pipeline.role = request.get("RoleArn", pipeline.role)
            pipeline.parallelism = request.get("ParallelismConfiguration", pipeline.parallelism)
            pipeline.modified = datetime.now(UTC)
            return {"PipelineArn": pipeline.arn, "PipelineVersionId": pipeline.latest.id}

    def describe_pipeline(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        with self._backend.store.lock:
            pipeline = self.find(context, request["PipelineName"])
            return pipeline.describe(pipeline.version(request))

    def delete_pipeline(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        with self._backend.store.lock:
            pipeline = self.find(context, request["PipelineName"])
            running = [each for each in pipeline.executions.values() if each.is_running]
            if running:
                raise AwsError(
                    "ConflictException",
                    f"Pipeline '{pipeline.arn}' has executions that run ({running[0].arn}); stop "
                    "them before it is deleted.",
                )
            self._table.remove(pipeline)
            return {"PipelineArn": pipeline.arn}

    def list_pipelines(self, context: RequestContext, request: Mapping[str, Any]) -> dict[str, Any]:
        prefix = request.get("PipelineNamePrefix", "")
        theirs = request.get("ManagedBy") == "AWS"  # of which there are none here
        items = [
            (each.created, each.name, each.summary())
            for each in self._table.of(context)
            if each.name.startswith(prefix) and not theirs
        ]
        return listed(items, request, "PipelineSummaries")

    def list_pipeline_versions(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        with self._backend.store.lock:
            pipeline = self.find(context, request["PipelineName"])
            items = [
                (each.created, f"{each.id:09}", each.summary(pipeline.arn))
                for each in pipeline.versions
            ]
        return listed(items, request, "PipelineVersionSummaries")

    def update_pipeline_version(
        self, context: RequestContext, request: Mapping[str, Any]
    ) -> dict[str, Any]:
        with self._backend.store.lock:
            pipeline = self.find(context, request["PipelineArn"])
            version = pipeline.version(request)
            changes = request.get("PipelineVersionAliasOperations", {})
            removed = changes.get("Remove") or []
            if unknown := sorted(set(removed) - set(version.aliases)):
                raise AwsError(
                    "ResourceNotFound",
                    f"Version {version.id} of pipeline '{pipeline.arn}' has no alias "
                    f"'{unknown[0]}'.",
                )
            kept = version.aliases
            version.aliases = [each for each in kept if each not in removed]
            try:
                pipeline.give_aliases(version, changes.get("Add") or [])
            except AwsError:
                version.aliases = kept
                raise
            version.display_name = request.get("PipelineVersionDisplayName", version.display_name)
            version.description = request.get("PipelineVersionDescription", version.description)
            return {"PipelineArn": pipeline.arn, "PipelineVersionId": version.id}

    def find(self, context: RequestContext, name_or_arn: str) -> Pipeline:
        """Raises `ResourceNotFound`."""
        is_arn = name_or_arn.startswith("arn:")
        arn = name_or_arn if is_arn else self._table.arn(context, name_or_arn)
        pipeline = self._table.get(arn)
        if pipeline is None or not arn.startswith(context.arn("")):
            raise AwsError("ResourceNotFound", f"Pipeline '{arn}' does not exist.")
        return pipeline


def _taken(name: str) -> AwsError:
    """In the words, and with the code, that the SDKs' `Pipeline.upsert` looks for."""
    return AwsError(
        "ValidationException",
        "Pipeline names must be unique within an AWS account and region. Pipeline with name "
        f"({name}) already exists.",
    )
