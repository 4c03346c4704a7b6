"""What exists now: the resources of the local AWS by ARN, and their tags."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.local.endpoint_configs import EndpointConfig
    from harness.local.endpoints import Endpoint
    from harness.local.models import Model
    from harness.local.processing import ProcessingJob
    from harness.local.training import TrainingJob
    from harness.local.transform import TransformJob


class Store:
    """Resources by ARN. Hold `lock` from looking a name up to acting on what was found."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.training_jobs: dict[str, TrainingJob] = {}
        self.processing_jobs: dict[str, ProcessingJob] = {}
        self.transform_jobs: dict[str, TransformJob] = {}
        self.models: dict[str, Model] = {}
        self.endpoint_configs: dict[str, EndpointConfig] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.tags: dict[str, dict[str, str]] = {}

    def owns(self, arn: str) -> bool:
        """Whether a resource of ours has this ARN (moto keeps the others)."""
        return any(
            arn in kind
            for kind in (
                self.training_jobs,
                self.processing_jobs,
                self.transform_jobs,
                self.models,
                self.endpoint_configs,
                self.endpoints,
            )
        )

    def close(self) -> None:
        """Let everything that runs in the background know that nobody waits for it any more."""
        with self.lock:
            for jobs in (self.training_jobs, self.processing_jobs, self.transform_jobs):
                for job in jobs.values():
                    job.abandon()
            for endpoint in self.endpoints.values():
                endpoint.abandon()
