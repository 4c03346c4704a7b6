"""Production variants: what an endpoint has of a model, and the containers that serve it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.local.hosting.models import Model
    from harness.local.hosting.serving import Instance


class Variant:
    """A production variant: its model, and the containers that serve it.

    The lock of its endpoint guards it.
    """

    def __init__(self, request: dict[str, Any], model: Model) -> None:
        self.request = request
        self.model = model
        self.name = str(request["VariantName"])
        self.weight = float(request.get("InitialVariantWeight", 1.0))
        self.count = int(request.get("InitialInstanceCount", 1))
        self.instances: list[Instance] = []
        self.starting = 0
        """How many containers are being started."""
        self.retired = False
        """Whether it shall have no more containers."""
        self.reason = ""
        """Why the last one that should replace an ended one didn't start."""
        self.transfer = ""
        """How far the files of one that is being started are."""

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


@dataclass
class Deployment:
    """What an endpoint is created with, or updated to."""

    config_name: str
    variants: list[Variant]
    settings: dict[str, Any] | None = None
    """AWS's `DeploymentConfig`."""
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
