"""An endpoint: models that serve in containers, checked, called, updated, stopped."""

from __future__ import annotations

import logging
import math
import threading
import uuid
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.console import plain
from harness.errors import EngineError
from harness.local.hosting import capture, usage
from harness.local.hosting.asynchronous import Queue
from harness.local.hosting.capture import Capture
from harness.local.hosting.containers import health, serving
from harness.local.hosting.containers.serving import DeployError, Instance
from harness.local.hosting.faults import EndpointFaults
from harness.local.hosting.stateful import Sessions
from harness.local.hosting.variant import Deployment, Variant, among
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.local.core.backend import Backend
    from harness.local.engine.container import Container
    from harness.local.protocol.messages import RequestContext

from harness.local.core.store import Resource

_log = logging.getLogger(__name__)


# "Custom Inference Code with Hosting Services" in AWS's developer guide.
STOP_GRACE = 30

DRAIN_TIMEOUT = 65
"""Seconds that a container which is replaced gets to answer its requests: what they may take."""

REPLACEMENTS = 3
"""How often a container that ended while it served is started anew before it is given up."""


class Endpoint(Resource):
    """One endpoint: a state machine over its variants, and over those that shall follow them.

    Creating → InService or Failed (`deploy`); InService → Updating → InService (`deploy` again,
    or `scale`), rolled back where the new containers don't serve; InService or Failed → Deleting.
    """

    kind = "endpoint"
    """What ARNs call it."""

    def __init__(
        self, backend: Backend, context: RequestContext, name: str, deployment: Deployment
    ) -> None:
        self._backend = backend
        self._context = context
        self.name = name
        self.arn = context.arn(f"{self.kind}/{self.name}")
        self.log_group = f"/aws/sagemaker/Endpoints/{self.name}"
        self.variants: list[Variant] = []
        self.config_name = deployment.config_name
        self.config = deployment.config
        """What it serves by; `CreateEndpointConfigInput`."""
        self.is_async = "AsyncInferenceConfig" in deployment.config
        self.sessions = Sessions()
        self._faults = EndpointFaults(backend.faults, name)
        self.settings = deployment.settings
        self.pending: Deployment | None = deployment
        self.status = "Creating"
        self.failure_reason: str | None = None
        self.created = self.modified = datetime.now(UTC)
        self._changed = threading.Condition(threading.RLock())
        self._is_watched = False
        self._stopped = threading.Event()
        free = partial(self.acquire, None)
        self.queue = Queue(backend, context, name, free, self._instances, self._stopped)

    def saved(self) -> dict[str, Any] | None:
        """What there is to be known of it, for `restored`; None if it is being deleted.

        An update that is under way is none yet.
        """
        with self._changed:
            if self.status == "Deleting":
                return None
            variants = self.variants
            if self.pending and self.status == "Creating":
                variants = self.pending.variants
            return {
                "region": self._context.region,
                "name": self.name,
                "config_name": self.config_name,
                "config": self.config,
                "settings": self.settings,
                "status": self.status,
                "failure_reason": self.failure_reason,
                "created": self.created,
                "modified": self.modified,
                "variants": [each.saved() for each in variants],
            }

    @classmethod
    def restored(
        cls, backend: Backend, context: RequestContext, saved: Mapping[str, Any]
    ) -> tuple[Endpoint, Deployment]:
        """An endpoint as one that was saved, and what it is to `deploy` unless it had failed."""
        variants = [Variant.restored(each) for each in saved["variants"]]
        deployment = Deployment(saved["config_name"], variants, saved["settings"], saved["config"])
        endpoint = cls(backend, context, saved["name"], deployment)
        endpoint.created, endpoint.modified = saved["created"], saved["modified"]
        if saved["status"] == "Failed":
            endpoint.pending, endpoint.status = None, "Failed"
            endpoint.failure_reason = saved["failure_reason"]
            endpoint._stopped.set()
        return endpoint, deployment

    def describe(self) -> dict[str, Any]:
        with self._changed:
            serves = self.status in ("InService", "Updating")
            return {
                "EndpointName": self.name,
                "EndpointArn": self.arn,
                "EndpointConfigName": self.config_name,
                "ProductionVariants": (
                    [variant.describe() for variant in self.variants] if serves else None
                ),
                "EndpointStatus": self.status,
                "FailureReason": self.failure_reason,
                "CreationTime": self.created,
                "LastModifiedTime": self.modified,
                "LastDeploymentConfig": self.settings,
                "DataCaptureConfig": capture.summary(self.config.get("DataCaptureConfig")),
                "AsyncInferenceConfig": self.config.get("AsyncInferenceConfig"),
                "MetricsConfig": self.config.get("MetricsConfig"),
                "PendingDeploymentSummary": self.pending.describe() if self.pending else None,
            }

    def summary(self) -> dict[str, Any]:
        with self._changed:
            return {
                "EndpointName": self.name,
                "EndpointArn": self.arn,
                "CreationTime": self.created,
                "LastModifiedTime": self.modified,
                "EndpointStatus": self.status,
            }

    def acquire(self, target: str | None) -> tuple[Variant, Instance]:
        """The container that a request goes to, of variant `target` or of one by weight.

        It isn't stopped before its `release`.
        """
        with self._changed:
            variant = among(self.variants, target)
            if variant is None:
                raise AwsError(
                    "ValidationError",
                    f"Variant {target} not found for Endpoint {self.name} of account "
                    f"{self._context.account_id}.",
                )
            instance = variant.choose()
            if instance is None:
                raise AwsError(
                    "ServiceUnavailable",
                    f"No container of variant {variant.name} is healthy; those that ended are "
                    "being replaced.",
                )
            instance.acquire()
            return variant, instance

    def acquire_session(self, session: str) -> tuple[Variant, Instance]:
        """The same for a request of a stateful session: the container that has it."""
        with self._changed:
            found = self.sessions.find(session)
            if found is None:
                raise AwsError(
                    "ValidationError", f"Session {session} not found for Endpoint {self.name}."
                )
            found[1].acquire()
            return found

    def _instances(self) -> list[Instance]:
        """The containers that serve."""
        with self._changed:
            return [each for variant in self.variants for each in variant.instances]

    def begin_update(
        self, deployment: Deployment, *, retain: bool = False, excluded: Iterable[str] = ()
    ) -> None:
        """Become Updating. `retain`: variants keep their weights and counts, but the `excluded`."""
        with self._changed:
            self.check_idle()
            if retain:
                present = {variant.name: variant for variant in self.variants}
                for variant in deployment.variants:
                    if variant.name in present:
                        variant.retain(present[variant.name], set(excluded))
                kept = self.config.get("DataCaptureConfig")
                if "DataCaptureConfig" not in excluded and kept:
                    deployment.config = {**deployment.config, "DataCaptureConfig": kept}
            self.pending = deployment
            self.settings = deployment.settings
            self._become("Updating")

    def begin_scaling(self, changes: list[dict[str, Any]]) -> dict[Variant, tuple[float, int]]:
        """Become Updating, with these weights from now on; returns weights and counts before."""
        with self._changed:
            self.check_idle()
            present = {variant.name: variant for variant in self.variants}
            unknown = [
                each["VariantName"] for each in changes if each["VariantName"] not in present
            ]
            if unknown:
                raise AwsError(
                    "ValidationException",
                    f'The variant name(s) "{", ".join(unknown)}" is/are not present within '
                    f'endpoint configuration "{self.config_name}".',
                )
            before = {variant: (variant.weight, variant.count) for variant in self.variants}
            for change in changes:
                variant = present[change["VariantName"]]
                variant.weight = float(change.get("DesiredWeight", variant.weight))
                variant.count = int(change.get("DesiredInstanceCount", variant.count))
            self._become("Updating")
            return before

    def check_idle(self) -> None:
        """Refuse an update while there is one, and of what can't be updated any more."""
        if self.status in ("Creating", "Updating", "Deleting"):
            raise AwsError(
                "ValidationException", f'Cannot update in-progress endpoint "{self.arn}".'
            )
        if self.status == "Failed":
            raise AwsError(
                "ValidationException",
                f'Cannot update endpoint "{self.arn}": it is Failed, and can only be deleted.',
            )

    def deploy(self, deployment: Deployment) -> None:
        """Start the new containers, then let them have the requests, then stop the old ones.

        Where one of the new ones doesn't serve, all of them go, and the old ones stay.
        """
        self._start_missing(deployment.variants, deployment)
        with self._changed:
            succeeded = not deployment.reason
            ended = deployment.variants
            if succeeded:
                self._begin_capture(deployment)
                ended, self.variants = self.variants, deployment.variants
                self.config_name, self.config = deployment.config_name, deployment.config
            instances = self._retire(ended)
        if succeeded and instances:
            self._stopped.wait(deployment.wait)
        self._end(instances, STOP_GRACE if succeeded else 0)
        self._finish(deployment.reason)

    def _begin_capture(self, deployment: Deployment) -> None:
        """Let the variants that are about to serve capture what they are asked and answer."""
        config = deployment.config.get("DataCaptureConfig")
        if config and config.get("EnableCapture", True):
            for variant in deployment.variants:
                variant.capture = Capture(self._backend, config, self.name, variant.name)

    def scale(self, before: dict[Variant, tuple[float, int]]) -> None:
        """Start and stop containers until the variants have their counts, or `before`'s again."""
        self._start_missing(list(before))
        with self._changed:
            reason = next((each.reason for each in before if len(each.instances) < each.count), "")
            for variant, (weight, count) in before.items():
                if reason:
                    variant.weight, variant.count = weight, count
            surplus = [each for variant in before for each in variant.take_back(variant.count)]
        self._end(surplus, STOP_GRACE)
        self._finish(reason)

    def _start_missing(self, variants: list[Variant], deployment: Deployment | None = None) -> None:
        """Start the containers that are missing; returns when none is being started any more.

        The first that fails ends the whole of a `deployment`, whose reason it is.
        """

        def start(variant: Variant) -> None:
            try:
                self._start(variant)
            except Exception:  # noqa: BLE001 - is the variant's reason
                with self._changed:
                    if deployment and not deployment.reason:
                        deployment.reason = variant.reason
                        for each in variants:
                            each.retired = True

        with self._changed:
            calls = [partial(start, each) for each in variants for _ in range(each.reserve())]
        self._backend.together(list(calls), f"start-{self.name}")
        with self._changed:  # those that ended meanwhile are being replaced
            self._changed.wait_for(lambda: not any(each.starting for each in variants))
            lost = next((each.reason for each in variants if not each.instances), "")
            if deployment:
                deployment.reason = deployment.reason or lost

    def _start(self, variant: Variant, attempts: int = 1) -> None:
        """Start a container that was reserved, and let it have requests once it is healthy."""
        try:
            instance = self._attempt(variant, attempts)
        except Exception as error:
            with self._changed:
                variant.reason = self._words(error)
                variant.starting -= 1
                self._changed.notify_all()
            raise
        with self._changed:
            variant.starting -= 1
            needed = self._wants(variant) and len(variant.instances) < variant.count
            if needed:
                variant.instances.append(instance)
            self._changed.notify_all()
        if not needed:
            instance.close()
        elif instance.container.exited.is_set():  # perhaps before there was anything to replace
            self._replace(variant)
        else:
            self._faults.begin(instance)

    def _attempt(self, variant: Variant, attempts: int) -> Instance:
        while True:
            attempts -= 1
            try:
                self._faults.require_capacity()
                return serving.start(
                    self._backend,
                    self._context,
                    variant.model,
                    name=f"{self.name}-{variant.name}",
                    hostname=variant.model.container.get("ContainerHostname", "model"),
                    log=self._backend.logs.open(
                        self._context.region,
                        self.log_group,
                        f"{variant.name}/i-{uuid.uuid4().hex[:17]}",
                        self._context.account_id,
                    ),
                    limit=variant.startup_timeout,
                    abandoned=lambda: not self._wants(variant),
                    owner=f"production variant {variant.name}",
                    resource="endpoint",
                    instance_type=variant.request.get("InstanceType", ""),
                    volume_size=variant.request.get("VolumeSizeInGB"),
                    download_limit=variant.request.get(
                        "ModelDataDownloadTimeoutInSeconds", math.inf
                    ),
                    on_exit=lambda: self._replace(variant),
                    on_transfer=partial(setattr, variant, "transfer"),
                    flaps=self._faults.flaps,
                )
            except (DeployError, EngineError) as error:
                if not attempts or not self._wants(variant):
                    raise
                _log.warning("endpoint %s: %s", self.name, error)

    def _wants(self, variant: Variant) -> bool:
        return not self._stopped.is_set() and not variant.retired

    def _words(self, error: Exception) -> str:
        if isinstance(error, (DeployError, EngineError)):
            return str(error)
        if not self._stopped.is_set():
            _log.error("endpoint %s: unexpected error", self.name, exc_info=error)
        return (
            f"We encountered an internal error. Please try again. ({type(error).__name__}: {error})"
        )

    def _replace(self, variant: Variant) -> None:
        """Start other containers for those that ended while they served, as SageMaker does."""
        with self._changed:
            ended = [each for each in variant.instances if each.container.exited.is_set()]
            for each in ended:
                variant.instances.remove(each)
            missing = variant.reserve() if ended and self._wants(variant) else 0
        for each in ended:
            if self._wants(variant):
                why = ", out of memory" if each.container.out_of_memory else ""
                _log.warning("%s of endpoint %s ended%s", each.container.name, self.name, why)
            each.close()
        for _ in range(missing):
            self._backend.spawn(partial(self._restart, variant), f"replace-{self.name}")

    def _restart(self, variant: Variant) -> None:
        """Start a container again; an endpoint whose variant is left without any is Failed."""
        try:
            self._start(variant, REPLACEMENTS)
        except (DeployError, EngineError) as error:
            with self._changed:
                left = variant.instances or variant.starting or not self._wants(variant)
                if left or self.status != "InService":
                    return
            self._fail(str(error))

    def _retire(self, variants: Iterable[Variant]) -> list[Instance]:
        """Let these variants have no more requests and containers; returns those they had."""
        instances = []
        for variant in variants:
            variant.retired = True
            instances += variant.take_back(0)
            if variant.capture is not None:
                variant.capture.close()
        return instances

    def _end(self, instances: list[Instance], grace: int, drain: int = DRAIN_TIMEOUT) -> None:
        """Stop and remove containers that get no more requests, those they have being answered.

        `drain`: seconds for that; then SIGTERM, and `grace` seconds, unless that is none.
        """
        calls = [partial(each.end, grace, drain) for each in instances]
        self._backend.together(calls, f"end-{self.name}")

    def _finish(self, reason: str) -> None:
        """End the creation or the update that is under way, which failed where it has a reason."""
        with self._changed:
            self.pending = None
            lost = next((v.reason for v in self.variants if not v.instances and not v.starting), "")
            if self.variants and not lost:
                self.failure_reason = reason or None
                self._become("InService")
                self._begin_watching()
                return
        self._fail(reason or lost)

    def _begin_watching(self) -> None:
        """Ping and measure the containers from now on; those that don't answer are replaced."""
        if self._is_watched:
            return
        self._is_watched = True
        watch = partial(
            health.watch, self.name, self._instances, self._faults.flaps, self._stopped
        )  # fmt: skip
        self._backend.spawn(watch, f"health-{self.name}")
        watch = partial(
            usage.watch, self._backend, self._context, self.name, self._containers,
            self._metrics_frequency, self._stopped,
        )  # fmt: skip
        self._backend.spawn(watch, f"usage-{self.name}")

    def _containers(self) -> list[tuple[str, Container]]:
        """Those that serve, each with its variant's name."""
        with self._changed:
            return [(each.name, one.container) for each in self.variants for one in each.instances]

    def _metrics_frequency(self) -> int:
        """Seconds between two of a container's metrics."""
        config = self.config.get("MetricsConfig") or {}
        return int(config.get("MetricPublishFrequencyInSeconds", usage.FREQUENCY))

    def _fail(self, reason: str) -> None:
        with self._changed:
            if self._stopped.is_set():  # it has failed already, or is being deleted
                return
            self._stopped.set()
            self.failure_reason = reason
            instances = self._retire(self.variants)
        self._end(instances, 0)
        with self._changed:
            if self.status != "Deleting":
                self._become("Failed")

    def _become(self, status: str) -> None:
        self.status, self.modified = status, datetime.now(UTC)
        _log.info("endpoint %s: %s %s", self.name, status, plain(self.failure_reason or ""))

    def begin_deletion(self) -> None:
        with self._changed:
            if self.status != "Failed":
                self.check_idle()
            self._become("Deleting")

    def delete(self) -> None:
        """Stop and remove the containers; those that are being started go when they notice."""
        with self._changed:
            self._stopped.set()
            instances = self._retire(self.variants)
        self._end(instances, STOP_GRACE, drain=0)

    def abandon(self) -> None:
        """Forget the endpoint: its local AWS is being shut down."""
        self._stopped.set()
        for variant in self.variants:
            if variant.capture is not None:
                variant.capture.close()
            for instance in list(variant.instances):
                instance.disconnect()
