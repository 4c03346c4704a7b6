"""A job's `ExperimentConfig`: the experiment and the trial that it names must be there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.core.backend import Backend
    from harness.local.protocol.messages import RequestContext

# By the request's member: the operation that lists them, and how it calls them.
_KINDS = {
    "ExperimentName": ("list_experiments", "ExperimentSummaries", "experiment"),
    "TrialName": ("list_trials", "TrialSummaries", "trial"),
}


def check(backend: Backend, context: RequestContext, request: Mapping[str, Any]) -> None:
    """Raises `ResourceNotFound`, as AWS, for an experiment or a trial that doesn't exist."""
    config = request.get("ExperimentConfig") or {}
    for member, (operation, listed, noun) in _KINDS.items():
        name = config.get(member)
        if not name:
            continue
        client = backend.client("sagemaker", context.region, context.account_id)
        pages = client.get_paginator(operation).paginate()
        if not any(each[member] == name for page in pages for each in page[listed]):
            arn = context.arn(f"{noun}/{name}")
            raise AwsError("ResourceNotFound", f"Could not find {noun} '{arn}'.")
