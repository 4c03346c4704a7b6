"""A step of one execution: how far it is, and what it has come to."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.pipelines.definition.step import Step

REASON_LIMIT = 1024

_SAVED = (
    "status", "started", "ended", "failure", "metadata", "attempts", "cache_source",
    "cache_key", "selective_source",
)  # fmt: skip


class StepRun:
    """One step, from its start. Its members change in the step's own thread only."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.status = "Starting"
        self.started = datetime.now(UTC)
        self.ended: datetime | None = None
        self.failure: str | None = None
        self.metadata: dict[str, Any] = {}
        """`PipelineExecutionStepMetadata`: the ARN, the outcome, or the outputs."""
        self.attempts = 0
        self.cache_source: str | None = None
        """The execution whose result it has, by its cache."""
        self.cache_key: str | None = None
        self.selective_source: str | None = None
        """The execution whose result it has, since the step isn't among the selected ones."""
        self.wake = threading.Event()
        """Set when something has happened that the step's thread should look at."""
        self.answer: Mapping[str, Any] | None = None
        """What a Callback step was told: `OutputParameters`, or `FailureReason`."""

    @property
    def name(self) -> str:
        return self.step.name

    @property
    def has_ended(self) -> bool:
        return self.ended is not None

    @property
    def has_succeeded(self) -> bool:
        return self.status == "Succeeded"

    @property
    def outcome(self) -> bool | None:
        """Of a Condition step."""
        found = self.metadata.get("Condition", {}).get("Outcome")
        return None if found is None else found == "True"

    @property
    def token(self) -> str | None:
        """Of a Callback step that waits for an answer."""
        if self.has_ended or self.answer is not None:
            return None
        found: str | None = self.metadata.get("Callback", {}).get("CallbackToken")
        return found

    def end(self, status: str, failure: str | None = None) -> None:
        self.failure = failure[:REASON_LIMIT] if failure else None
        self.status = status
        self.ended = datetime.now(UTC)

    def reuse(self, other: StepRun) -> None:
        """Have the result of another execution's."""
        self.metadata = dict(other.metadata)
        self.end("Succeeded")

    def summary(self) -> dict[str, Any]:
        """`PipelineExecutionStep`."""
        given = self.step.given
        cached, selective = self.cache_source, self.selective_source
        return {
            "StepName": self.name,
            "StepDisplayName": given.get("DisplayName"),
            "StepDescription": given.get("Description"),
            "StartTime": self.started,
            "EndTime": self.ended,
            "StepStatus": self.status,
            "CacheHitResult": {"SourcePipelineExecutionArn": cached} if cached else None,
            "FailureReason": self.failure,
            "Metadata": dict(self.metadata),
            "AttemptCount": self.attempts,
            "SelectiveExecutionResult": (
                {"SourcePipelineExecutionArn": selective} if selective else None
            ),
        }

    def saved(self) -> dict[str, Any]:
        return {"step": self.name, "fields": {name: getattr(self, name) for name in _SAVED}}

    def restore(self, saved: Mapping[str, Any]) -> None:
        for name in _SAVED:
            setattr(self, name, saved["fields"][name])
