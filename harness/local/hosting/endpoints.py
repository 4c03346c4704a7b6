"""The operations on endpoints."""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.local.core import instances
from harness.local.hosting.endpoint import Endpoint
from harness.local.hosting.endpoint_configs import EndpointConfig, EndpointConfigs
from harness.local.hosting.models import Models
from harness.local.hosting.variant import Deployment, Variant
from harness.local.protocol.errors import AwsError
from harness.local.protocol.messages import RequestContext
from harness.local.protocol.paging import page

if TYPE_CHECKING:
    from harness.local.core.backend import Backend
    from harness.local.core.store import Table
    from harness.local.hosting.containers.model import Model

DEFAULT_PAGE = 10
"""ListEndpoints' default page (AWS's API reference)."""


class Endpoints:
    """The operations on endpoints: create, describe, list, update, scale, delete."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._store = backend.store
        self._table: Table[Endpoint] = backend.store.table(Endpoint.kind)
        self._configs = EndpointConfigs(backend)
        self._models = Models(backend)

    def saved(self) -> list[dict[str, Any]]:
        """All endpoints, for `restore`."""
        found = [(each.saved(), tags) for each, tags in self._table.saved()]
        return [{"endpoint": each, "tags": tags} for each, tags in found if each]

    def restore(self, saved: list[dict[str, Any]]) -> None:
        """Keep the endpoints that were saved, and start their containers anew."""
        for each in saved:
            region = each["endpoint"]["region"]
            context = RequestContext(
                "sagemaker", "CreateEndpoint", region, self._backend.account_id, ""
            )
            endpoint, deployment = Endpoint.restored(self._backend, context, each["endpoint"])
            self._table.restore(endpoint, each["tags"])
            if endpoint.status != "Failed":
                name = f"endpoint-{endpoint.name}"
                self._backend.spawn(partial(endpoint.deploy, deployment), name)

    def create_endpoint(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        config = self._configs.find(context, request["EndpointConfigName"])
        deployment = self._deployment(context, config, request.get("DeploymentConfig"))
        endpoint = Endpoint(self._backend, context, request["EndpointName"], deployment)
        with self._store.lock:
            for other in self._table.of(context):
                # "The name is case-insensitive in CreateEndpoint, but the case is preserved and
                # must be matched in InvokeEndpoint" (CreateEndpoint in AWS's API reference).
                if other.name.lower() == endpoint.name.lower():
                    raise AwsError(
                        "ValidationException",
                        f'Cannot create already existing endpoint "{other.arn}".',
                    )
            self._table.add(endpoint, request.get("Tags"))
        self._backend.spawn(partial(endpoint.deploy, deployment), f"endpoint-{endpoint.name}")
        return {"EndpointArn": endpoint.arn}

    def _deployment(
        self, context: RequestContext, config: EndpointConfig, settings: dict[str, Any] | None
    ) -> Deployment:
        self._configs.check_deployable(config)
        _check_deployable(settings or {})
        asked = config.request["ProductionVariants"]
        instances.check_accelerators(
            self._backend, [each.get("InstanceType", "") for each in asked]
        )
        policy = (settings or {}).get("BlueGreenUpdatePolicy", {})
        limit = policy.get("MaximumExecutionTimeoutInSeconds", math.inf)
        variants = [
            Variant(each, self._model(context, config, each["ModelName"]), limit) for each in asked
        ]
        return Deployment(config.name, variants, settings, config.request)

    def _model(self, context: RequestContext, config: EndpointConfig, name: str) -> Model:
        """A model as the configuration lets it be served."""
        model = self._models.find(context, name)
        if not config.request.get("EnableNetworkIsolation"):
            return model
        return dataclasses.replace(model, request={**model.request, "EnableNetworkIsolation": True})

    def _find(self, context: RequestContext, name: str) -> Endpoint:
        endpoint = self._table.find(context, name)
        if endpoint is None:
            arn = self._table.arn(context, name)
            raise AwsError("ValidationException", f'Could not find endpoint "{arn}".')
        return endpoint

    def describe_endpoint(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        return self._find(context, request["EndpointName"]).describe()

    def list_endpoints(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        return page(
            [endpoint.summary() for endpoint in self._table.of(context)],
            request,
            member="Endpoints",
            noun="Endpoint",
            descending=True,
            default_page=DEFAULT_PAGE,
        )

    def update_endpoint(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            endpoint = self._find(context, request["EndpointName"])
            config = self._configs.find(context, request["EndpointConfigName"])
            settings = request.get("DeploymentConfig")
            if request.get("RetainDeploymentConfig"):
                settings = endpoint.settings
            deployment = self._deployment(context, config, settings)
            if endpoint.is_async != ("AsyncInferenceConfig" in config.request):
                how = "removed from" if endpoint.is_async else "added to"
                raise AwsError(
                    "ValidationException",
                    f"The AsyncInferenceConfig parameter cannot be {how} this endpoint "
                    f"{endpoint.name}.",
                )
            endpoint.begin_update(
                deployment,
                retain=request.get("RetainAllVariantProperties", False),
                excluded=[
                    each["VariantPropertyType"]
                    for each in request.get("ExcludeRetainedVariantProperties", [])
                ],
            )
        self._backend.spawn(partial(endpoint.deploy, deployment), f"update-{endpoint.name}")
        return {"EndpointArn": endpoint.arn}

    def update_endpoint_weights_and_capacities(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        changes = request["DesiredWeightsAndCapacities"]
        names = [change["VariantName"] for change in changes]
        if len(set(names)) != len(names):
            raise AwsError("ValidationException", f"Variant names must be unique: {names}.")
        for change in changes:
            if change.get("DesiredInstanceCount") == 0 or "ServerlessUpdateConfig" in change:
                raise AwsError(
                    "ValidationException",
                    f"Variant {change['VariantName']}: DesiredInstanceCount must be at least 1; "
                    "the local AWS runs no serverless variants and no inference components.",
                )
        with self._store.lock:
            endpoint = self._find(context, request["EndpointName"])
            _check_capacity(endpoint, changes)
            before = endpoint.begin_scaling(changes)
        self._backend.spawn(partial(endpoint.scale, before), f"scale-{endpoint.name}")
        return {"EndpointArn": endpoint.arn}

    def delete_endpoint(self, context: RequestContext, request: dict[str, Any]) -> None:
        with self._store.lock:
            endpoint = self._find(context, request["EndpointName"])
            if endpoint.status == "Deleting":
                return
            endpoint.begin_deletion()

        def delete() -> None:
            try:
                endpoint.delete()
            finally:
                self._table.remove(endpoint)

        self._backend.spawn(delete, f"delete-{endpoint.name}")


def _check_capacity(endpoint: Endpoint, changes: list[dict[str, Any]]) -> None:
    """Refuse more instances than there may be of all variants together."""
    desired = {
        change["VariantName"]: change["DesiredInstanceCount"]
        for change in changes
        if "DesiredInstanceCount" in change
    }
    instances.check_variants(
        {**variant.request, "InitialInstanceCount": desired.get(variant.name, variant.count)}
        for variant in endpoint.variants
    )


def _check_deployable(settings: dict[str, Any]) -> None:
    """Refuse deployment guardrails that aren't run locally: all traffic shifts at once."""
    policy = settings.get("BlueGreenUpdatePolicy", {})
    most = policy.get("MaximumExecutionTimeoutInSeconds")
    if most is not None and most <= _waiting(policy):
        raise AwsError(
            "ValidationException",
            f"BlueGreenUpdatePolicy: MaximumExecutionTimeoutInSeconds, {most}, must be larger "
            "than TerminationWaitInSeconds and WaitIntervalInSeconds together, which are "
            f"{_waiting(policy)}.",
        )
    routing = policy.get("TrafficRoutingConfiguration", {}).get("Type", "ALL_AT_ONCE")
    if routing != "ALL_AT_ONCE":
        raise AwsError(
            "ValidationException",
            "DeploymentConfig: the local AWS shifts traffic ALL_AT_ONCE; canary, linear and "
            "rolling deployments run on AWS only.",
        )


def _waiting(policy: dict[str, Any]) -> int:
    """Seconds that a `BlueGreenUpdatePolicy` waits in all."""
    interval = policy.get("TrafficRoutingConfiguration", {}).get("WaitIntervalInSeconds", 0)
    return int(policy.get("TerminationWaitInSeconds", 0) + interval)
