"""The key by which a step's result is found again: its type, and what it was asked for."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.pipelines.definition.step import Step

_WITHOUT = frozenset({
    "DebugHookConfig", "DebugRuleConfigurations", "ExperimentConfig", "ProfilerConfig",
    "ProfilerRuleConfigurations", "ProcessingJobName", "Tags", "TrainingJobName",
    "TransformJobName", "HyperParameterTuningJobName",
})  # fmt: skip
"""Members that make no other result (the default cache keys in "Caching pipeline steps")."""


def key(step: Step, request: Mapping[str, Any]) -> str | None:
    """Of the request that a step comes to; None if the step's cache isn't enabled."""
    if not (step.given.get("CacheConfig") or {}).get("Enabled"):
        return None
    asked = {name: value for name, value in request.items() if name not in _WITHOUT}
    whole = json.dumps([step.type, asked], sort_keys=True, default=str)
    return hashlib.sha256(whole.encode()).hexdigest()
