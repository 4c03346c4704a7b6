"""The experiment and the trial that an execution's jobs are of: `PipelineExperimentConfig`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.local.pipelines.steps.calls import CallError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.pipelines.steps.calls import Calls

_MISSING = ("ResourceNotFound", "ResourceNotFoundException", "ValidationException")
_TAKEN = (*_MISSING, "ConflictException", "ResourceInUse")


def ensure(calls: Calls, names: Mapping[str, str]) -> None:
    """Make those that aren't there yet. Raises `StepError` if they can't be."""
    asked: dict[str, str] = {}
    for kind in ("Experiment", "Trial"):
        name = names.get(f"{kind}Name")
        if name:
            own = {f"{kind}Name": name}
            asked |= own
            _make(calls, kind, own, asked)


def _make(calls: Calls, kind: str, own: Mapping[str, str], asked: Mapping[str, str]) -> None:
    if _is_there(calls, kind, own):
        return
    try:
        calls.sagemaker(f"Create{kind}", asked)
    except CallError as error:
        # Another execution may have been quicker.
        if error.code not in _TAKEN or not _is_there(calls, kind, own):
            raise


def _is_there(calls: Calls, kind: str, own: Mapping[str, str]) -> bool:
    try:
        calls.sagemaker(f"Describe{kind}", own)
    except CallError as error:
        if error.code not in _MISSING:
            raise
        return False
    return True
