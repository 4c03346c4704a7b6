"""Members whose answers have another structure than their requests, kind by kind."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from harness.local.records.changes import applied, merged

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


def _cluster(values: dict[str, Any]) -> dict[str, Any]:
    """A cluster's groups of instances, of which there are none."""
    shown = dict(values)
    for member in ("InstanceGroups", "RestrictedInstanceGroups"):
        if member in values:
            shown[member] = [_group(each) for each in values[member]]
    if (scaling := values.get("AutoScaling")) is not None:
        shown["AutoScaling"] = {**scaling, "Status": "InService"}
    environment = values.get("RestrictedInstanceGroupsConfig", {}).get("SharedEnvironmentConfig")
    if environment is not None:
        desired = {f"Desired{name}": value for name, value in environment.items()}
        shown["RestrictedInstanceGroupsConfig"] = {"SharedEnvironmentConfig": desired}
    return shown


def _group(group: Mapping[str, Any]) -> dict[str, Any]:
    shown = {**group, "TargetCount": group["InstanceCount"], "CurrentCount": 0}
    shown |= {"MinCount": group.get("MinInstanceCount"), "Status": "InService"}
    if types := group.get("InstanceRequirements", {}).get("InstanceTypes"):
        shown["InstanceRequirements"] = {"DesiredInstanceTypes": types}
    if (kubernetes := group.get("KubernetesConfig")) is not None:
        shown["KubernetesConfig"] = {f"Desired{name}": each for name, each in kubernetes.items()}
    return shown


def _human_task_ui(values: dict[str, Any]) -> dict[str, Any]:
    """A template by its digest, as AWS tells it."""
    content = values["UiTemplate"]["Content"].encode()
    return {**values, "UiTemplate": {"ContentSha256": hashlib.sha256(content).hexdigest()}}


SHOWN: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "Cluster": _cluster,
    "HumanTaskUi": _human_task_ui,
}
"""What is told of a kind's values, where it isn't what requests say of them."""


def _changed_cluster(values: Mapping[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Groups are changed by their names, added, or deleted."""
    changes = dict(changes)
    gone = changes.pop("InstanceGroupsToDelete", ())
    for member in ("InstanceGroups", "RestrictedInstanceGroups"):
        groups = {each["InstanceGroupName"]: each for each in values.get(member, ())}
        for each in changes.pop(member, ()):
            groups[each["InstanceGroupName"]] = merged(groups.get(each["InstanceGroupName"]), each)
        if groups or member in values:
            changes[member] = [each for name, each in groups.items() if name not in gone]
    return applied(values, changes, ())


def _changed_feature_group(values: Mapping[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Features are added behind those that there are."""
    changes = dict(changes)
    if more := changes.pop("FeatureAdditions", None):
        changes["FeatureDefinitions"] = [*values["FeatureDefinitions"], *more]
    return applied(values, changes, ())


CHANGED: Mapping[str, Callable[[Mapping[str, Any], dict[str, Any]], dict[str, Any]]] = {
    "Cluster": _changed_cluster,
    "FeatureGroup": _changed_feature_group,
}
"""What an update makes of a kind's values, where it isn't what `applied` does."""


def change(
    noun: str, values: Mapping[str, Any], changes: dict[str, Any], required: Collection[str]
) -> dict[str, Any]:
    """A kind's values with the changes that an Update request has."""
    own = CHANGED.get(noun)
    return own(values, changes) if own else applied(values, changes, required)
