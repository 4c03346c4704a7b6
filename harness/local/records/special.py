"""The operations that do something else than their names say of those on other kinds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.local.protocol.errors import AwsError
from harness.local.records import kinds, listing
from harness.local.records.answers import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.local.protocol.messages import RequestContext
    from harness.local.records.record import Record
    from harness.local.records.shelf import Shelf

    Request = Mapping[str, Any]


def _register_devices(shelf: Shelf, context: RequestContext, request: Request) -> None:
    """All of them or none."""
    kind = shelf.kinds["Device"]
    made: list[Record] = []
    with shelf.store.lock:
        try:
            for each in request["Devices"]:
                fleet = {"DeviceFleetName": request["DeviceFleetName"]}
                of_it = {**fleet, **each, "Tags": request.get("Tags")}
                made.append(shelf.make(kind, context, of_it)[0])
        except AwsError:
            for record in made:
                shelf.remove(record, context)
            raise


def _update_devices(shelf: Shelf, context: RequestContext, request: Request) -> None:
    with shelf.store.lock:
        found = [
            _device(shelf, context, request, each["DeviceName"]) for each in request["Devices"]
        ]
        with shelf.changing(*found):
            for record, each in zip(found, request["Devices"], strict=True):
                record.values, record.modified = {**record.values, **each}, datetime.now(UTC)


def _deregister_devices(shelf: Shelf, context: RequestContext, request: Request) -> None:
    with shelf.store.lock:
        for record in [
            _device(shelf, context, request, name) for name in set(request["DeviceNames"])
        ]:
            shelf.remove(record, context)


def _device(shelf: Shelf, context: RequestContext, request: Request, name: str) -> Record:
    wanted = {"DeviceFleetName": request["DeviceFleetName"], "DeviceName": name}
    return shelf.find(shelf.kinds["Device"], context, wanted)


def _describe_feature(shelf: Shelf, context: RequestContext, request: Request) -> dict[str, Any]:
    with shelf.store.lock:
        group, feature = _feature(shelf, context, request)
        described = group.values.get("Features", {}).get(feature["FeatureName"], {})
        return {**shown(shelf, context, group), **feature, "Description": None, **described}


def _update_feature(shelf: Shelf, context: RequestContext, request: Request) -> None:
    with shelf.store.lock:
        group, feature = _feature(shelf, context, request)
        features = group.values.get("Features", {})
        known = dict(features.get(feature["FeatureName"], {}))
        gone = request.get("ParameterRemovals", ())
        if any("Key" not in each for each in request.get("ParameterAdditions", ())):
            raise AwsError("ValidationException", "ParameterAdditions: each must have a Key.")
        parameters = {each["Key"]: each for each in known.get("Parameters", ())}
        parameters |= {each["Key"]: each for each in request.get("ParameterAdditions", ())}
        known["Parameters"] = [each for key, each in parameters.items() if key not in gone]
        if "Description" in request:
            known["Description"] = request["Description"]
        with shelf.changing(group):
            features = {**features, feature["FeatureName"]: known}
            group.values = {**group.values, "Features": features}


def _feature(
    shelf: Shelf, context: RequestContext, request: Request
) -> tuple[Record, dict[str, Any]]:
    """The group that a request is about, and the definition of the feature."""
    group = shelf.find(shelf.kinds["FeatureGroup"], context, request)
    for each in group.values["FeatureDefinitions"]:
        if each["FeatureName"] == request["FeatureName"]:
            return group, each
    raise AwsError(
        shelf.code(context, "ResourceNotFound"),
        f"Could not find feature '{request['FeatureName']}' of feature group "
        f"'{shelf.name(group)}'.",
    )


def _list_aliases(shelf: Shelf, context: RequestContext, request: Request) -> dict[str, Any]:
    kind = shelf.kinds["ImageVersion"]
    with shelf.store.lock:
        shelf.find(shelf.kinds["Image"], context, request)
        aliases = [
            {"Alias": alias, "CreationTime": each.created, "LastModifiedTime": each.modified}
            for each in shelf.of(kind, context)
            if each.values["ImageName"] == request["ImageName"]
            and request.get("Version") in (None, each.values["Version"])
            for alias in each.values.get("Aliases", ())
            if request.get("Alias") in (None, alias)
        ]
    operation = shelf.model.operation_model(context.operation)
    items = [{**each, kind.arn_member: each["Alias"], "Version": each["Alias"]} for each in aliases]
    member = "SageMakerImageVersionAliases"
    done = ("ImageName", "Version", "Alias")
    answer = listing.listed(operation, kind, member, items, request, done)
    return {**answer, member: [each["Alias"] for each in answer[member]]}


def _list_card_versions(shelf: Shelf, context: RequestContext, request: Request) -> dict[str, Any]:
    kind = shelf.kinds["ModelCard"]
    with shelf.store.lock:
        card = shelf.find(kind, context, request)
        versions = [shown(shelf, context, each) for each in card.versions()]
    by_version = {"SortBy": "ModelCardVersion", **request, "ModelCardName": shelf.name(card)}
    if by_version["SortBy"] == "Version":
        by_version["SortBy"] = "ModelCardVersion"
    operation = shelf.model.operation_model(context.operation)
    member = kinds.summaries(shelf.model, context.operation)
    return listing.listed(operation, kind, member, versions, by_version)


def _list_hub_contents(shelf: Shelf, context: RequestContext, request: Request) -> dict[str, Any]:
    """Contents in their newest versions, or the versions of one."""
    kind = shelf.kinds["HubContent"]
    with shelf.store.lock:
        hub = shelf.find(shelf.kinds["Hub"], context, request)
        known = [
            shown(shelf, context, each)
            for each in shelf.of(kind, context)
            if each.values["HubName"] == shelf.name(hub)
        ]
    if context.operation == "ListHubContents":
        newest = {(each["HubContentType"], each["HubContentName"]): each for each in known}
        known = list(newest.values())
    operation = shelf.model.operation_model(context.operation)
    asked = {**request, "HubName": shelf.name(hub)}
    return listing.listed(operation, kind, "HubContentSummaries", known, asked)


HANDLERS: Mapping[str, tuple[str, Callable[[Shelf, RequestContext, Request], Any]]] = {
    "RegisterDevices": ("Device", _register_devices),
    "UpdateDevices": ("Device", _update_devices),
    "DeregisterDevices": ("Device", _deregister_devices),
    "DescribeFeatureMetadata": ("FeatureGroup", _describe_feature),
    "UpdateFeatureMetadata": ("FeatureGroup", _update_feature),
    "ListAliases": ("ImageVersion", _list_aliases),
    "ListModelCardVersions": ("ModelCard", _list_card_versions),
    "ListHubContents": ("HubContent", _list_hub_contents),
    "ListHubContentVersions": ("HubContent", _list_hub_contents),
}
"""By operation, the kind whose records it is about."""
