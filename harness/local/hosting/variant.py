"""Production variants: what an endpoint has of a model, and the containers that serve it."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.local.hosting.containers.model import Model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.local.hosting.capture import Capture
    from harness.local.hosting.containers.serving import Instance


STARTUP_TIMEOUT = 480
"""Seconds ("Custom Inference Code with Hosting Services" in AWS's developer guide)."""


class Variant:
    """A production variant: its model, and the containers that serve it.

    The lock of its endpoint guards it.
    """

    def __init__(self, request: dict[str, Any], model: Model, limit: float = math.inf) -> None:
        """`limit`: seconds that a deployment leaves its containers to become healthy."""
        self.request = request
        self.model = model
        self.name = str(request["VariantName"])
        self.weight = float(request.get("InitialVariantWeight", 1.0))
        self.count = int(request.get("InitialInstanceCount", 1))
        self.startup_timeout = min(
            limit,
            request.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_TIMEOUT),
        )
        """Seconds from a container's start to its first healthy answer."""
        self.instances: list[Instance] = []
        self.starting = 0
        """How many containers are being started."""
        self.retired = False
        """Whether it shall have no more containers."""
        self.reason = ""
        """Why the last one that should replace an ended one didn't start."""
        self.capture: Capture | None = None
        """What captures its requests and answers."""
        self.transfer = ""
        """How far the files of one that is being started are."""

    def saved(self) -> dict[str, Any]:
        """What there is to be known of it, without its containers."""
        return {
            "request": self.request,
            "model": self.model.saved(),
            "weight": self.weight,
            "count": self.count,
            "startup_timeout": self.startup_timeout,
        }

    @classmethod
    def restored(cls, saved: dict[str, Any]) -> Variant:
        """A variant as one that was saved, which has no containers yet."""
        variant = cls(saved["request"], Model(**saved["model"]), saved["startup_timeout"])
        variant.weight, variant.count = saved["weight"], saved["count"]
        return variant

    def choose(self) -> Instance | None:
        """The container with the fewest requests to answer; those with equally few take turns."""
        able = [each for each in self.instances if not each.container.exited.is_set()]
        if not able:
            return None
        if len(able) == 1:
            return able[0]
        chosen = min(able, key=lambda each: each.requests)
        self.instances.remove(chosen)
        self.instances.append(chosen)
        return chosen

    def reserve(self) -> int:
        """How many containers are missing; from now on they count as being started."""
        missing = max(0, self.count - len(self.instances) - self.starting)
        self.starting += missing
        return missing

    def take_back(self, keep: int) -> list[Instance]:
        """Let no more than `keep` containers have requests; returns the others."""
        kept, others = self.instances[:keep], self.instances[keep:]
        self.instances = kept
        return others

    def retain(self, old: Variant, excluded: set[str]) -> None:
        """Go on with the properties of the variant that this one follows."""
        if "DesiredWeight" not in excluded:
            self.weight = old.weight
        if "DesiredInstanceCount" not in excluded:
            self.count = old.count

    def describe(self) -> dict[str, Any]:
        """A `ProductionVariantSummary`."""
        return {
            "VariantName": self.name,
            "DeployedImages": [{"SpecifiedImage": self.model.container["Image"]}],
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight,
            "CurrentInstanceCount": len(self.instances),
            "DesiredInstanceCount": self.count,
            "RoutingConfig": self.request.get("RoutingConfig"),
        }


def among(variants: Sequence[Variant], target: str | None) -> Variant | None:
    """The variant that a request goes to: `target` if there is such a one, or one by weight."""
    if target is not None:
        return next((each for each in variants if each.name == target), None)
    if len(variants) == 1:
        return variants[0]
    weights = [variant.weight for variant in variants]
    return random.choices(variants, weights if any(weights) else None)[0]  # noqa: S311


@dataclass
class Deployment:
    """What an endpoint is created with, or updated to."""

    config_name: str
    variants: list[Variant]
    settings: dict[str, Any] | None = None
    """AWS's `DeploymentConfig`."""
    config: dict[str, Any] = field(default_factory=dict)
    """The endpoint configuration: AWS's `CreateEndpointConfigInput`."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    reason: str = ""
    """Why it failed."""

    @property
    def wait(self) -> int:
        """Seconds between the traffic's shift and the end of the old containers."""
        policy = (self.settings or {}).get("BlueGreenUpdatePolicy", {})
        routing = policy.get("TrafficRoutingConfiguration", {})
        return int(
            policy.get("TerminationWaitInSeconds", 0) + routing.get("WaitIntervalInSeconds", 0)
        )

    def describe(self) -> dict[str, Any]:
        """A `PendingDeploymentSummary`."""
        return {
            "EndpointConfigName": self.config_name,
            "ProductionVariants": [
                {
                    **variant.describe(),
                    "InstanceType": variant.request.get("InstanceType"),
                    "VariantStatus": [
                        {
                            "Status": "Creating",
                            "StatusMessage": variant.transfer or None,
                            "StartTime": self.started,
                        }
                    ],
                }
                for variant in self.variants
            ],
            "StartTime": self.started,
        }
