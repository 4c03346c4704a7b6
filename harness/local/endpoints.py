"""Endpoint configurations and endpoints: `docker run IMAGE serve`, checked, called, stopped."""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from harness.local import optml, s3, tags
from harness.local.containers import (
    ArchiveError,
    Container,
    EngineError,
    ImageError,
    NotRunningError,
    StartError,
    engine_lost,
)
from harness.local.listing import page
from harness.local.models import Model, Models
from harness.local.protocol import AwsError

if TYPE_CHECKING:
    from harness.local.backend import Backend
    from harness.local.protocol import RequestContext

_log = logging.getLogger(__name__)

# "Custom Inference Code with Hosting Services" in AWS's developer guide.
PORT = 8080
PING_TIMEOUT = 2.0
STARTUP_TIMEOUT = 480
STOP_GRACE = 30

PING_CHUNK = 65_536

PING_INTERVAL = 0.02
"""Seconds between two pings of a container that doesn't answer yet."""

REPLACEMENTS = 3
"""How often a container that ended while it served is started anew before it is given up."""

ENDPOINTS_PAGE = 10
"""ListEndpoints' and ListEndpointConfigs' default page (AWS's API reference)."""

CONNECTIONS = 128
"""Connections kept open to one container."""


@dataclass(frozen=True)
class EndpointConfig:
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
        self._models = Models(backend)

    def create_endpoint_config(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        _check_supported(request)
        for variant in request["ProductionVariants"]:
            self._models.find(context, variant["ModelName"])
        arn = context.arn(f"endpoint-config/{request['EndpointConfigName']}")
        with self._store.lock:
            if arn in self._store.endpoint_configs:
                raise AwsError(
                    "ValidationException",
                    f'Cannot create already existing endpoint configuration "{arn}".',
                )
            self._store.endpoint_configs[arn] = EndpointConfig(arn, request, datetime.now(UTC))
            tags.attach(self._store, arn, request)
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

    def find(self, context: RequestContext, name: str) -> EndpointConfig:
        arn = context.arn(f"endpoint-config/{name}")
        config = self._store.endpoint_configs.get(arn)
        if config is None:
            raise AwsError("ValidationException", f'Could not find endpoint configuration "{arn}".')
        return config

    def list_endpoint_configs(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        with self._store.lock:
            configs = list(self._store.endpoint_configs.values())
        summaries = (
            {
                "EndpointConfigName": config.name,
                "EndpointConfigArn": config.arn,
                "CreationTime": config.created,
            }
            for config in configs
            if config.arn.startswith(context.arn(""))
        )
        return page(
            summaries,
            request,
            member="EndpointConfigs",
            noun="EndpointConfig",
            descending=True,
            default_page=ENDPOINTS_PAGE,
        )

    def delete_endpoint_config(self, context: RequestContext, request: dict[str, Any]) -> None:
        with self._store.lock:
            config = self.find(context, request["EndpointConfigName"])
            del self._store.endpoint_configs[config.arn]
            self._store.tags.pop(config.arn, None)


class DeployError(Exception):
    """A variant's container doesn't serve; the text becomes the endpoint's failure reason."""


class Instance:
    """One container of a variant, and the connections to it."""

    def __init__(self, container: Container) -> None:
        self.container = container
        host, port = container.address
        self.http = urllib3.HTTPConnectionPool(host, port, maxsize=CONNECTIONS, retries=False)

    def ping(self) -> bool:
        """Whether `GET /ping` answers 200 within AWS's two seconds."""
        deadline = time.monotonic() + PING_TIMEOUT
        try:
            response = self.http.request(
                "GET", "/ping", timeout=PING_TIMEOUT, preload_content=False, redirect=False
            )
            try:
                while response.read1(PING_CHUNK):  # a body that drips must not hold us up
                    if time.monotonic() > deadline:
                        return False
                response.release_conn()
            finally:
                response.close()
        except urllib3.exceptions.HTTPError:
            return False
        return response.status == 200


class Variant:
    """A production variant: its model, and the containers that serve it."""

    def __init__(self, request: dict[str, Any], model: Model) -> None:
        self.request = request
        self.model = model
        self.name = str(request["VariantName"])
        self.weight = float(request.get("InitialVariantWeight", 1.0))
        self.instances: list[Instance] = []

    def describe(self) -> dict[str, Any]:
        return {
            "VariantName": self.name,
            "DeployedImages": [{"SpecifiedImage": self.model.container["Image"]}],
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight,
            "CurrentInstanceCount": len(self.instances),
            "DesiredInstanceCount": self.request.get("InitialInstanceCount", 1),
        }


class Endpoint:
    """One endpoint; `deploy` takes it from Creating to InService or Failed."""

    def __init__(
        self,
        backend: Backend,
        context: RequestContext,
        request: dict[str, Any],
        variants: list[Variant],
    ) -> None:
        self._backend = backend
        self._context = context
        self.name = str(request["EndpointName"])
        self.config_name = str(request["EndpointConfigName"])
        self.arn = context.arn(f"endpoint/{self.name}")
        self.log_group = f"/aws/sagemaker/Endpoints/{self.name}"
        self.variants = variants
        self.status = "Creating"
        self.failure_reason: str | None = None
        self.created = self.modified = datetime.now(UTC)
        self._lock = threading.Lock()
        self._containers: list[Container] = []
        self._abandoned = False
        self._grace = 0
        self._deployed = threading.Event()

    def describe(self) -> dict[str, Any]:
        with self._lock:
            in_service = self.status == "InService"
            return {
                "EndpointName": self.name,
                "EndpointArn": self.arn,
                "EndpointConfigName": self.config_name,
                "ProductionVariants": (
                    [variant.describe() for variant in self.variants] if in_service else None
                ),
                "EndpointStatus": self.status,
                "FailureReason": self.failure_reason,
                "CreationTime": self.created,
                "LastModifiedTime": self.modified,
            }

    def summary(self) -> dict[str, Any]:
        with self._lock:
            return {
                "EndpointName": self.name,
                "EndpointArn": self.arn,
                "CreationTime": self.created,
                "LastModifiedTime": self.modified,
                "EndpointStatus": self.status,
            }

    def choose(self, target: str | None) -> Variant:
        """The variant that a request goes to: `target`, or one by weight."""
        if target is not None:
            for variant in self.variants:
                if variant.name == target:
                    return variant
            raise AwsError(
                "ValidationError",
                f"Variant {target} not found for Endpoint {self.name} of account "
                f"{self._context.account_id}.",
            )
        weights = [variant.weight for variant in self.variants]
        return random.choices(self.variants, weights if any(weights) else None)[0]  # noqa: S311

    def deploy(self) -> None:
        try:
            self._backend.together(
                [
                    lambda variant=variant: self._start(variant)  # type: ignore[misc]
                    for variant in self.variants
                    for _ in range(variant.request.get("InitialInstanceCount", 1))
                ],
                f"start-{self.name}",
            )
            with self._lock:
                if self.status == "Creating":
                    self._become("InService")
        except (DeployError, EngineError) as failure:
            self._fail(str(failure))
        except Exception as error:  # noqa: BLE001 - the thread's last resort
            if not self._abandoned:
                _log.exception("endpoint %s: unexpected error", self.name)
            self._fail(
                f"We encountered an internal error. Please try again. "
                f"({type(error).__name__}: {error})"
            )
        finally:
            self._deployed.set()

    def _start(self, variant: Variant) -> None:
        """Start one container of a variant, and return when it is healthy."""
        definition = variant.model.container
        image = definition["Image"]
        limit = variant.request.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_TIMEOUT)
        containers = self._backend.containers
        try:
            containers.require_image(image)
        except ImageError as error:
            raise DeployError(
                f"The image '{image}' does not exist: {error}. Please check that it is on this "
                "machine or in a registry that it can reach."
            ) from error
        container = containers.create(
            image,
            name=f"{self.name}-{variant.name}",
            hostname=definition.get("ContainerHostname", "model"),
            command=["serve"],
            environment={
                **self._backend.container_environment(
                    self._context.region, isolated=variant.model.isolated
                ),
                **definition.get("Environment", {}),
            },
            port=PORT,
            isolated=variant.model.isolated,
        )
        try:
            with self._lock:
                self._check_wanted()
                self._containers.append(container)
            instance = self._serve(container, variant, limit)
            with self._lock:
                self._check_wanted()
                variant.instances.append(instance)
        except BaseException:
            self._discard(container)
            raise
        if container.exited.is_set():  # perhaps before there was anything to replace
            self._replace(container, variant)

    def _check_wanted(self) -> None:
        if self._abandoned:
            raise DeployError("The endpoint was deleted while it was being created.")

    def _serve(self, container: Container, variant: Variant, limit: int) -> Instance:
        """Give the container its model, start it, and wait until it is healthy."""
        self._extract_model(container, variant.model)
        stream = self._backend.logs.open(
            self._context.region, self.log_group, f"{variant.name}/i-{uuid.uuid4().hex[:17]}"
        )
        deadline = time.monotonic() + limit
        try:
            container.start(stream.write, lambda: self._replace(container, variant))
        except StartError as error:
            raise DeployError(
                "CannotStartContainerError. Please ensure the model container for variant "
                f"{variant.name} starts correctly when invoked with 'docker run <image> serve'. "
                f"({error})"
            ) from error
        instance = self._wait_healthy(container, deadline)
        if instance is None:
            if container.exited.is_set() and container.exit_code is None:
                raise engine_lost()
            stream.flush()
            raise DeployError(
                f"The primary container for production variant {variant.name} did not pass the "
                f"ping health check. Please check CloudWatch logs for this endpoint. "
                + _last_words(container, stream.last_line, limit)
            )
        return instance

    def _replace(self, container: Container, variant: Variant) -> None:
        """Start another container for one that ended while it served, as SageMaker does.

        An endpoint without any container is Failed when that can't be done.
        """
        with self._lock:
            ended = [each for each in variant.instances if each.container is container]
            if not ended or self._abandoned:
                return
            variant.instances.remove(ended[0])
        _log.warning("container %s of endpoint %s ended", container.name, self.name)
        ended[0].http.close()
        self._discard(container)

        def start() -> None:
            reason = ""
            for _ in range(REPLACEMENTS):
                try:
                    self._start(variant)
                except (DeployError, EngineError) as error:
                    if self._abandoned:
                        return
                    _log.warning("endpoint %s: %s", self.name, error)
                    reason = str(error)
                else:
                    return
            if not variant.instances:
                self._fail(reason)

        self._backend.spawn(start, f"replace-{self.name}")

    def _discard(self, container: Container) -> None:
        with self._lock:
            if container in self._containers:
                self._containers.remove(container)
        container.remove()

    def _wait_healthy(self, container: Container, deadline: float) -> Instance | None:
        """Ping until the answer is 200; None if the container ends, or the time is up."""
        try:
            instance = Instance(container)
        except NotRunningError:
            container.exited.wait(PING_TIMEOUT)
            return None
        while not instance.ping():
            self._check_wanted()
            if container.exited.wait(PING_INTERVAL) or time.monotonic() > deadline:
                return None
        return instance

    def _extract_model(self, container: Container, model: Model) -> None:
        container.put("/", optml.tar_stream(map(optml.folder, optml.MODEL_FOLDERS)))
        url = model.data_url
        if url is None:
            return
        try:
            bucket, key = s3.split(url)
            stream = s3.chunks(self._backend.s3, bucket, key)
            container.put("/opt/ml/model", optml.checked_gzip(stream))
        except (ClientError, BotoCoreError, s3.DataError) as error:
            raise DeployError(f"Could not access model data at {url}: {error}.") from error
        except (ArchiveError, optml.ContentError) as error:
            raise DeployError(
                f'Failed to extract model data archive from URL "{url}". Please ensure that the '
                f"object located at the URL is a valid tar.gz archive. ({error})"
            ) from error

    def _fail(self, reason: str) -> None:
        with self._lock:
            self.failure_reason = self.failure_reason or reason
            self._abandoned = True
        self._remove_containers(grace=0)
        with self._lock:
            if self.status != "Deleting":
                self._become("Failed")

    def _become(self, status: str) -> None:
        self.status = status
        self.modified = datetime.now(UTC)

    def begin_deletion(self) -> None:
        with self._lock:
            # Requests that are being answered get their time; a start that is under way doesn't.
            self._grace = STOP_GRACE if self.status == "InService" else 0
            self._become("Deleting")

    def delete(self) -> None:
        """Stop and remove the containers; those that are still starting, too."""
        with self._lock:
            self._abandoned = True
        self._remove_containers(self._grace)
        self._deployed.wait(STARTUP_TIMEOUT)
        self._remove_containers(0)

    def _remove_containers(self, grace: int) -> None:
        with self._lock:
            containers, self._containers = self._containers, []
            instances = [each for variant in self.variants for each in variant.instances]
        for instance in instances:
            instance.http.close()

        def remove(container: Container) -> None:
            try:
                if grace:
                    container.stop(grace)
            except EngineError as error:
                _log.warning("endpoint %s: %s", self.name, error)
            container.remove()

        self._backend.together(
            [lambda container=container: remove(container) for container in containers],  # type: ignore[misc]
            f"remove-{self.name}",
        )

    def abandon(self) -> None:
        """Forget the endpoint: its local AWS is being shut down."""
        self._abandoned = True


def _last_words(container: Container, last_line: str, limit: int) -> str:
    if not container.exited.is_set():
        text = f"GET /ping did not answer 200 within {limit} s"
    else:
        text = f"The container exited with code {container.exit_code}"
    return f"({text}; its last log line: {last_line})" if last_line else f"({text}.)"


class Endpoints:
    """CreateEndpoint, DescribeEndpoint, ListEndpoints, DeleteEndpoint."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._store = backend.store
        self._configs = EndpointConfigs(backend)
        self._models = Models(backend)

    def create_endpoint(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        config = self._configs.find(context, request["EndpointConfigName"])
        variants = [
            Variant(variant, self._models.find(context, variant["ModelName"]))
            for variant in config.request["ProductionVariants"]
        ]
        endpoint = Endpoint(self._backend, context, request, variants)
        with self._store.lock:
            if endpoint.arn in self._store.endpoints:
                raise AwsError(
                    "ValidationException",
                    f'Cannot create already existing endpoint "{endpoint.arn}".',
                )
            self._store.endpoints[endpoint.arn] = endpoint
            tags.attach(self._store, endpoint.arn, request)
        self._backend.spawn(endpoint.deploy, f"endpoint-{endpoint.name}")
        return {"EndpointArn": endpoint.arn}

    def _find(self, context: RequestContext, name: str) -> Endpoint:
        arn = context.arn(f"endpoint/{name}")
        endpoint = self._store.endpoints.get(arn)
        if endpoint is None:
            raise AwsError("ValidationException", f'Could not find endpoint "{arn}".')
        return endpoint

    def describe_endpoint(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        return self._find(context, request["EndpointName"]).describe()

    def list_endpoints(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            endpoints = list(self._store.endpoints.values())
        summaries = (
            endpoint.summary() for endpoint in endpoints if endpoint.arn.startswith(context.arn(""))
        )
        return page(
            summaries,
            request,
            member="Endpoints",
            noun="Endpoint",
            descending=True,
            default_page=ENDPOINTS_PAGE,
        )

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
                with self._store.lock:
                    self._store.endpoints.pop(endpoint.arn, None)
                    self._store.tags.pop(endpoint.arn, None)

        self._backend.spawn(delete, f"delete-{endpoint.name}")


def _check_supported(request: dict[str, Any]) -> None:
    """Refuse what isn't run locally, in one sentence, rather than ignore it."""
    variants = request["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    if len(set(names)) != len(names):
        raise AwsError("ValidationException", f"Variant names must be unique: {names}.")
    for variant in variants:
        if not variant.get("ModelName"):
            raise AwsError(
                "ValidationException",
                "ProductionVariants.ModelName must be given: inference components are not run by "
                "the local AWS, only by AWS.",
            )
        if "ServerlessConfig" in variant:
            raise AwsError(
                "ValidationException",
                "ServerlessConfig: not run by the local AWS, only by AWS.",
            )
    for member in ("AsyncInferenceConfig", "ShadowProductionVariants", "ExplainerConfig"):
        if request.get(member):
            raise AwsError(
                "ValidationException", f"{member}: not run by the local AWS, only by AWS."
            )
