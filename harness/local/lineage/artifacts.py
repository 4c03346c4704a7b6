"""Artifacts, actions and contexts: what lineage knows of data, of steps, and of their groups."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from harness.local.lineage.entity import Entities, Entity, context_of, group_arn, settle
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.core.store import Store
    from harness.local.protocol.messages import RequestContext

LIMITS = {"artifact": 6000, "action": 3000, "context": 500}
"""Entities that can be made by hand ("Limits" in "Manually Create Tracking Entities" in AWS's
developer guide)."""

MAX_PROPERTIES = 30
"""Of an entity (`LineageEntityParameters` in the service model)."""


class LineageEntity(Entity):
    """One that has a source and properties."""

    @property
    def type(self) -> str:
        return str(self.members[f"{self.noun}Type"])

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "LineageGroupArn": group_arn(context_of(self.arn))}

    @property
    def uri(self) -> str:
        return str(self.members["Source"]["SourceUri"])


class Artifact(LineageEntity):
    """Data, or an object, that has a URI."""

    noun, kind = "Artifact", "artifact"


class Action(LineageEntity):
    """A step that something has taken."""

    noun, kind = "Action", "action"


class Context(LineageEntity):
    """A group of entities."""

    noun, kind = "Context", "context"


def artifact_arn(context: RequestContext, source: Mapping[str, Any]) -> str:
    """The ARN of the one artifact that there can be of a source."""
    types = sorted(
        [each["SourceIdType"], each["Value"]] for each in source.get("SourceTypes") or ()
    )
    text = json.dumps([source["SourceUri"], types]).encode()
    return context.arn(f"artifact/{hashlib.blake2b(text, digest_size=16).hexdigest()}")


def artifact_of(store: Store, context: RequestContext, uri: str, type_: str) -> Artifact:
    """The artifact of a URI, which is made if there is none."""
    source = {"SourceUri": uri}
    arn = artifact_arn(context, source)
    table = store.table(Artifact.kind)
    if (found := table.get(arn)) is not None:
        return found  # type: ignore[no-any-return]
    made = Artifact(arn, None, {"Source": source, "ArtifactType": type_})
    made.by_hand = False
    table.add(made)
    return made


class _LineageEntities(Entities[LineageEntity]):
    """What the three kinds' operations do alike."""

    def _make(
        self, context: RequestContext, request: Mapping[str, Any], arn: str
    ) -> dict[str, Any]:
        kind = self.kind.kind
        if sum(each.by_hand for each in self._table.of(context)) >= LIMITS[kind]:
            raise AwsError(
                "ResourceLimitExceeded",
                f"The account-level service limit 'Number of {kind}s' is {LIMITS[kind]}.",
            )
        own = {"Tags", f"{self.kind.noun}Name"}
        members = {name: value for name, value in request.items() if name not in own}
        made: Any = self.kind(arn, request.get(f"{self.kind.noun}Name"), members)
        self._table.add(made, request.get("Tags"))
        return self._answer(made)

    def _update(self, entity: LineageEntity, request: Mapping[str, Any]) -> dict[str, Any]:
        properties = {**entity.members.get("Properties", {}), **request.get("Properties", {})}
        for name in request.get("PropertiesToRemove") or ():
            properties.pop(name, None)
        if len(properties) > MAX_PROPERTIES:
            raise AwsError(
                "ValidationException",
                f"Properties: {entity.arn} can have {MAX_PROPERTIES} properties at most.",
            )
        for name in ("Description", "Status"):
            if name in request:
                entity.members[name] = request[name]
        entity.members["Properties"] = properties
        entity.changed()
        return self._answer(entity)

    def _listed(
        self, context: RequestContext, request: Mapping[str, Any], member: str
    ) -> dict[str, Any]:
        settle(self._store)
        kind = request.get(f"{self.kind.noun}Type")
        uri = request.get("SourceUri")
        return self._list(
            context,
            request,
            member,
            lambda each: kind in (None, each.type) and uri in (None, each.uri),
        )


class Artifacts(_LineageEntities):
    """Create-, Describe-, Update- and DeleteArtifact, ListArtifacts."""

    kind = Artifact
    words = "Artifact"

    def create_artifact(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            arn = artifact_arn(context, request["Source"])
            if arn in self._table:
                raise AwsError(
                    "ValidationException",
                    f"Artifact with source uri ({request['Source']['SourceUri']}) already exists: "
                    f"{arn}.",
                )
            return self._make(context, request, arn)

    def describe_artifact(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            settle(self._store)
            return self._find(context, request["ArtifactArn"]).describe()

    def update_artifact(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            artifact = self._find(context, request["ArtifactArn"])
            if "ArtifactName" in request:
                artifact.name = request["ArtifactName"]
            return self._update(artifact, request)

    def delete_artifact(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        if ("ArtifactArn" in request) == ("Source" in request):
            raise AwsError(
                "ValidationException", "Exactly one of ArtifactArn and Source must be given."
            )
        with self._store.lock:
            settle(self._store)
            arn = request.get("ArtifactArn") or artifact_arn(context, request["Source"])
            return self._delete(self._find(context, arn))

    def list_artifacts(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        return self._listed(context, request, "ArtifactSummaries")


class Actions(_LineageEntities):
    """Create-, Describe-, Update- and DeleteAction, ListActions."""

    kind = Action
    words = "Action"

    def create_action(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            arn = self._check_name(context, request["ActionName"])
            return self._make(context, {"Status": "Unknown", **request}, arn)

    def describe_action(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            return self._find(context, request["ActionName"]).describe()

    def update_action(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            return self._update(self._find(context, request["ActionName"]), request)

    def delete_action(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            return self._delete(self._find(context, request["ActionName"]))

    def list_actions(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        return self._listed(context, request, "ActionSummaries")


class Contexts(_LineageEntities):
    """Create-, Describe-, Update- and DeleteContext, ListContexts."""

    kind = Context
    words = "Context"

    def create_context(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            return self._make(context, request, self._check_name(context, request["ContextName"]))

    def describe_context(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            return self._find(context, request["ContextName"]).describe()

    def update_context(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            return self._update(self._find(context, request["ContextName"]), request)

    def delete_context(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            return self._delete(self._find(context, request["ContextName"]))

    def list_contexts(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        return self._listed(context, request, "ContextSummaries")
