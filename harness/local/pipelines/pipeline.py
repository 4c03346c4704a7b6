"""A pipeline: its versions, and its executions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.local.core.store import Resource
from harness.local.pipelines.definition.document import Definition
from harness.local.pipelines.execution import Cached, Execution, Home, Started
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.local.core.backend import Backend
    from harness.local.protocol.messages import RequestContext

MAX_TOKENS = 1000
"""`ClientRequestToken`s that a pipeline remembers."""


@dataclass
class Version:
    """One version: what a definition is called, and since when it is there."""

    id: int
    definition: str
    created: datetime
    display_name: str | None = None
    description: str | None = None
    aliases: list[str] = field(default_factory=list)
    last_execution: str | None = None

    def summary(self, arn: str) -> dict[str, Any]:
        return {
            "PipelineArn": arn,
            "PipelineVersionId": self.id,
            "CreationTime": self.created,
            "PipelineVersionDescription": self.description,
            "PipelineVersionDisplayName": self.display_name,
            "LastExecutionPipelineExecutionArn": self.last_execution,
            "PipelineVersionAliases": list(self.aliases) or None,
        }


class Pipeline(Resource):
    """One pipeline. What its operations change, they change with the store's lock held."""

    kind = "pipeline"

    def __init__(
        self,
        backend: Backend,
        context: RequestContext,
        request: Mapping[str, Any],
        definition: Definition,
    ) -> None:
        self.backend = backend
        self.context = context
        self.name = str(request["PipelineName"])
        self.arn = context.arn(f"{self.kind}/{self.name}")
        self.created = self.modified = datetime.now(UTC)
        self.last_run: datetime | None = None
        self.display_name: str = request.get("PipelineDisplayName", self.name)
        self.description: str | None = request.get("PipelineDescription")
        self.role: str = request["RoleArn"]
        self.parallelism: Mapping[str, Any] | None = request.get("ParallelismConfiguration")
        self.versions: list[Version] = []
        self.executions: dict[str, Execution] = {}
        """By ARN, the oldest first."""
        self.tokens: dict[str, tuple[str, dict[str, Any]]] = {}
        self._definitions: dict[str, Definition] = {}
        self.add_version(definition, request.get("PipelineVersionAliases") or [])

    @property
    def latest(self) -> Version:
        return self.versions[-1]

    def add_version(self, definition: Definition, aliases: Sequence[str]) -> Version:
        self._definitions[definition.text] = definition
        number = len(self.versions) + 1
        version = Version(number, definition.text, datetime.now(UTC))
        self.give_aliases(version, aliases)
        self.versions.append(version)
        return version

    def give_aliases(self, version: Version, aliases: Sequence[str]) -> None:
        """Raises `ConflictException` for one that another version has, and for too many."""
        for other in self.versions:
            if other is not version and (taken := sorted(set(aliases) & set(other.aliases))):
                raise AwsError(
                    "ConflictException",
                    f"Pipeline version alias '{taken[0]}' is that of version {other.id} already.",
                )
        whole = list(dict.fromkeys([*version.aliases, *aliases]))
        if len(whole) > MAX_ALIASES:
            raise AwsError(
                "ValidationException", f"A pipeline version has at most {MAX_ALIASES} aliases."
            )
        version.aliases = whole

    def version(self, request: Mapping[str, Any]) -> Version:
        """The version that a request asks for; the latest if it doesn't say."""
        number, alias = request.get("PipelineVersionId"), request.get("PipelineVersionAlias")
        if number is not None and alias is not None:
            raise AwsError(
                "ValidationException",
                "Give either PipelineVersionId or PipelineVersionAlias, and not both.",
            )
        if number is None and alias is None:
            return self.latest
        for each in self.versions:
            if each.id == number or alias in each.aliases:
                return each
        what = f"version {number}" if number is not None else f"version with alias '{alias}'"
        raise AwsError("ResourceNotFound", f"Pipeline '{self.arn}' has no {what}.")

    def definition(self, text: str) -> Definition:
        """A definition of one of its versions, checked."""
        if text not in self._definitions:
            self._definitions[text] = Definition(text)
        return self._definitions[text]

    def new_execution(self, definition: Definition, started: Started) -> Execution:
        """Raises `ValidationException` if it isn't to be started with these parameters."""
        home = Home(self.name, self.arn, self._tags, self._cached)
        return Execution(self.backend, self.context, home, definition, started)

    def _tags(self) -> list[dict[str, str]]:
        with self.backend.store.lock:
            tags = self.backend.store.tags.get(self.arn, {})
            return [{"Key": key, "Value": value} for key, value in tags.items()]

    def _cached(self, name: str, key: str, since: datetime | None) -> Cached | None:
        """The latest step of a name that really ran, and succeeded, with a key."""
        with self.backend.store.lock:
            executions = list(self.executions.values())
        found = [
            (run.ended, execution.arn, run)
            for execution in executions
            if (run := execution.runs.get(name)) is not None
            and run.cache_key == key
            and run.has_succeeded
            and run.ended is not None
            and (since is None or run.ended > since)
        ]
        if not found:
            return None
        _, arn, run = max(found, key=lambda each: each[0])
        return arn, run

    def once(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a request with this token was answered before. Raises `ConflictException` if it was
        another request.
        """
        token = f"{operation}/{request.get('ClientRequestToken')}"
        if token not in self.tokens:
            return None
        digest, answer = self.tokens[token]
        if digest != _digest(request):
            raise AwsError(
                "ConflictException",
                "ClientRequestToken: it was given with another request already.",
            )
        return answer

    def remember(
        self, operation: str, request: Mapping[str, Any], answer: dict[str, Any]
    ) -> dict[str, Any]:
        """Answer a request with this token the same from now on."""
        if token := request.get("ClientRequestToken"):
            while len(self.tokens) >= MAX_TOKENS:
                del self.tokens[next(iter(self.tokens))]
            self.tokens[f"{operation}/{token}"] = (_digest(request), answer)
        return answer

    def abandon(self) -> None:
        for each in list(self.executions.values()):
            each.abandon()

    def describe(self, version: Version) -> dict[str, Any]:
        return {
            "PipelineArn": self.arn,
            "PipelineName": self.name,
            "PipelineDisplayName": self.display_name,
            "PipelineDefinition": version.definition,
            "PipelineDescription": self.description,
            "RoleArn": self.role,
            "PipelineStatus": "Active",
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "LastRunTime": self.last_run,
            "ParallelismConfiguration": self.parallelism,
            "PipelineVersionDisplayName": version.display_name,
            "PipelineVersionDescription": version.description,
            "PipelineVersionAliases": list(version.aliases) or None,
        }

    def summary(self) -> dict[str, Any]:
        return {
            "PipelineArn": self.arn,
            "PipelineName": self.name,
            "PipelineDisplayName": self.display_name,
            "PipelineDescription": self.description,
            "RoleArn": self.role,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "LastExecutionTime": self.last_run,
        }

    def saved(self) -> dict[str, Any]:
        return {
            "region": self.context.region,
            "request": {
                "PipelineName": self.name,
                "PipelineDisplayName": self.display_name,
                "PipelineDescription": self.description,
                "RoleArn": self.role,
                "ParallelismConfiguration": self.parallelism,
            },
            "times": [self.created, self.modified, self.last_run],
            "versions": [vars(each) for each in self.versions],
            "executions": [each.saved() for each in self.executions.values()],
            "tokens": {name: list(each) for name, each in self.tokens.items()},
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        self.created, self.modified, self.last_run = saved["times"]
        self.versions = [Version(**each) for each in saved["versions"]]
        for each in saved["executions"]:
            started = Started(**each["started"])
            execution = self.new_execution(self.definition(each["definition"]), started)
            execution.restore(each)
            self.executions[execution.arn] = execution
        self.tokens = {name: (digest, answer) for name, (digest, answer) in saved["tokens"].items()}


MAX_ALIASES = 10
"""Of a version (`PipelineVersionAliasList` in the service model)."""


def _digest(request: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()
