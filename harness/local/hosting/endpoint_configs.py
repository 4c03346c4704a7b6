"""Endpoint configurations: which models an endpoint serves, on how much of what."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.model import ServiceModel

from harness.aws_model.loader import LOADER
from harness.local.core import instances
from harness.local.core.store import Resource
from harness.local.data import s3_objects
from harness.local.hosting.models import Models
from harness.local.protocol.errors import AwsError
from harness.local.protocol.members import REFUSED, Members
from harness.local.protocol.paging import page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.local.core.backend import Backend
    from harness.local.core.store import Table
    from harness.local.protocol.messages import RequestContext

DEFAULT_PAGE = 10
"""ListEndpointConfigs' default page (AWS's API reference)."""

FREQUENCIES = (10, 30, 60, 120, 180, 240, 300)
"""Seconds between metrics (`MetricsConfig` in AWS's API reference)."""


@dataclass(frozen=True)
class EndpointConfig(Resource):
    arn: str
    request: dict[str, Any]
    created: datetime

    @property
    def name(self) -> str:
        return str(self.request["EndpointConfigName"])


class EndpointConfigs:
    """CreateEndpointConfig, DescribeEndpointConfig, ListEndpointConfigs, DeleteEndpointConfig."""

    def __init__(self, backend: Backend) -> None:
        self._store = backend.store
        self._table: Table[EndpointConfig] = backend.store.table("endpoint-config")
        self._models = Models(backend)

    def saved(self) -> list[dict[str, Any]]:
        """All endpoint configurations, for `restore`."""
        return [
            {"config": dataclasses.asdict(each), "tags": tags} for each, tags in self._table.saved()
        ]

    def restore(self, saved: list[dict[str, Any]]) -> None:
        for each in saved:
            self._table.restore(EndpointConfig(**each["config"]), each["tags"])

    def create_endpoint_config(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        instances.check_variants(request["ProductionVariants"])
        instances.check_variants(request.get("ShadowProductionVariants") or [])
        _check_supported(request)
        _check_places(request)
        for variant in _variants(request):
            model = self._models.find(context, variant["ModelName"])
            if "ServerlessConfig" in variant and "ModelDataSource" in model.container:
                raise AwsError(
                    "ValidationException",
                    f'Model "{model.arn}" has a ModelDataSource, which can\'t be used with '
                    "serverless endpoints; give its ModelDataUrl.",
                )
        arn = self._table.arn(context, request["EndpointConfigName"])
        with self._store.lock:
            if arn in self._table:
                raise AwsError(
                    "ValidationException",
                    f'Cannot create already existing endpoint configuration "{arn}".',
                )
            config = EndpointConfig(arn, _with_defaults(request), datetime.now(UTC))
            self._table.add(config, request.get("Tags"))
        return {"EndpointConfigArn": arn}

    def describe_endpoint_config(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        config = self.find(context, request["EndpointConfigName"])
        known = {name: value for name, value in config.request.items() if name != "Tags"}
        return {
            "EnableNetworkIsolation": False,
            **known,
            "EndpointConfigArn": config.arn,
            "CreationTime": config.created,
        }

    def check_deployable(self, config: EndpointConfig) -> None:
        """Refuse to deploy what is kept as a record only, as moto does."""
        model = ServiceModel(LOADER.load_service_model("sagemaker", "service-2"))
        shape = model.shape_for("CreateEndpointConfigInput")
        Members.beside([self]).refuse(shape, config.request, f"{REFUSED} by CreateEndpoint")

    def find(self, context: RequestContext, name: str) -> EndpointConfig:
        config = self._table.find(context, name)
        if config is None:
            arn = self._table.arn(context, name)
            raise AwsError("ValidationException", f'Could not find endpoint configuration "{arn}".')
        return config

    def list_endpoint_configs(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        summaries = (
            {
                "EndpointConfigName": config.name,
                "EndpointConfigArn": config.arn,
                "CreationTime": config.created,
            }
            for config in self._table.of(context)
        )
        return page(
            summaries,
            request,
            member="EndpointConfigs",
            noun="EndpointConfig",
            descending=True,
            default_page=DEFAULT_PAGE,
        )

    def delete_endpoint_config(self, context: RequestContext, request: dict[str, Any]) -> None:
        with self._store.lock:
            self._table.remove(self.find(context, request["EndpointConfigName"]))


def _variants(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The production variants, and their shadows."""
    return [*request["ProductionVariants"], *(request.get("ShadowProductionVariants") or [])]


def _with_defaults(request: dict[str, Any]) -> dict[str, Any]:
    """The request with what AWS fills in: `InitialVariantWeight` is 1.0."""
    filled = {
        member: [{"InitialVariantWeight": 1.0, **variant} for variant in request[member]]
        for member in ("ProductionVariants", "ShadowProductionVariants")
        if request.get(member)
    }
    return {**request, **filled}


def _check_supported(request: dict[str, Any]) -> None:
    """Refuse what AWS refuses beside its model, and what isn't run locally, in one sentence."""
    names = [variant["VariantName"] for variant in _variants(request)]
    if len(set(names)) != len(names):
        raise AwsError("ValidationException", f"Variant names must be unique: {names}.")
    if request.get("ShadowProductionVariants") and len(names) != 2:
        raise AwsError(
            "ValidationException",
            "With ShadowProductionVariants, there can be only one variant in ProductionVariants "
            "and one in ShadowProductionVariants.",
        )
    frequency = request.get("MetricsConfig", {}).get("MetricPublishFrequencyInSeconds", 60)
    if frequency not in FREQUENCIES:
        raise AwsError(
            "ValidationException",
            f"MetricsConfig.MetricPublishFrequencyInSeconds: {frequency} is none of "
            f"{', '.join(map(str, FREQUENCIES))}.",
        )
    for variant in _variants(request):
        for words in _faults(variant):
            raise AwsError("ValidationException", words)
        instances.check_volume_key(variant.get("InstanceType", ""), request.get("KmsKeyId"))


def _faults(variant: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a `ProductionVariant`."""
    where = f"Variant {variant['VariantName']}"
    if not variant.get("ModelName"):
        yield (
            "ProductionVariants.ModelName must be given: inference components are not run by the "
            "local AWS, only by AWS."
        )
    serverless = variant.get("ServerlessConfig")
    if serverless is not None:
        yield from _serverless_faults(where, serverless)
    routing = variant.get("RoutingConfig", {})
    is_prefix_aware = routing.get("RoutingStrategy") == "PREFIX_AWARE"
    if is_prefix_aware != ("PrefixAwareRoutingConfig" in routing) and routing:
        yield (
            f"{where}: PrefixAwareRoutingConfig must be given with the RoutingStrategy "
            "PREFIX_AWARE, and only with it."
        )


def _serverless_faults(where: str, config: dict[str, Any]) -> Iterator[str]:
    memory = config.get("MemorySizeInMB", 1024)
    if memory % 1024:  # the service model says no more than from where to where
        yield (
            f"1 validation error detected: Value '{memory}' at 'MemorySizeInMB' failed to satisfy "
            "constraint: Member must satisfy enum value set: [1024, 2048, 3072, 4096, 5120, 6144]"
        )
    if config.get("ProvisionedConcurrency", 0) > config["MaxConcurrency"]:
        yield f"{where}: ProvisionedConcurrency must be less than or equal to MaxConcurrency."


def _check_places(request: dict[str, Any]) -> None:
    """Refuse places for captured data and answers that aren't in S3, and what they aren't for."""
    outputs = request.get("AsyncInferenceConfig", {}).get("OutputConfig", {})
    places = {
        "DataCaptureConfig.DestinationS3Uri": (
            request.get("DataCaptureConfig", {}).get("DestinationS3Uri")
        ),
        "AsyncInferenceConfig.OutputConfig.S3OutputPath": outputs.get("S3OutputPath"),
        "AsyncInferenceConfig.OutputConfig.S3FailurePath": outputs.get("S3FailurePath"),
    }
    for member, uri in places.items():
        try:
            if uri is not None:
                s3_objects.split(uri)
        except s3_objects.DataError as error:
            raise AwsError("ValidationException", f"{member}: {error}.") from error
    if outputs and "DataCaptureConfig" in request:
        raise AwsError(
            "ValidationException",
            "DataCaptureConfig: the local AWS captures no data of asynchronous endpoints; run them "
            "on AWS.",
        )
    for variant in request["ProductionVariants"]:
        strategy = variant.get("RoutingConfig", {}).get("RoutingStrategy", "RANDOM")
        if strategy not in ("RANDOM", "LEAST_OUTSTANDING_REQUESTS"):
            raise AwsError(
                "ValidationException",
                f"ProductionVariants.RoutingConfig.RoutingStrategy: {strategy} is not run by the "
                "local AWS, only by AWS.",
            )
