"""A model package's validation: a transform job with what it says, for each of its profiles."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.local.core import instances
from harness.local.hosting.containers.model import Model
from harness.local.jobs.transform import requests
from harness.local.jobs.transform.job import TransformJob
from harness.local.protocol.errors import AwsError
from harness.local.registry import deploying
from harness.local.registry.package import ModelPackage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.local.core.backend import Backend
    from harness.local.core.store import Table
    from harness.local.protocol.messages import RequestContext

MAX_NAME = 63
"""Characters of a job's name."""


class PackageValidation:
    """Validates model packages. The jobs are listed and described as others are."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._jobs: Table[TransformJob] = backend.store.table(TransformJob.kind)
        self._packages: Table[ModelPackage] = backend.store.table(ModelPackage.kind)

    def check(self, request: Mapping[str, Any]) -> None:
        """Raises `ValidationException` for a transform job that couldn't be created."""
        for profile in _profiles(request):
            asked: Any = profile["TransformJobDefinition"]
            requests.check(asked)
            instances.check_accelerators(
                self._backend, [asked["TransformResources"]["InstanceType"]]
            )

    def begin(self, context: RequestContext, package: ModelPackage) -> None:
        """Validate the package in a thread of its own: it is Completed then, or Failed."""
        self._backend.spawn(lambda: self._validate(context, package), f"validate-{package.name}")

    def _validate(self, context: RequestContext, package: ModelPackage) -> None:
        with self._backend.store.lock:
            package.status = "InProgress"
        statuses = [
            self._try(context, package, profile, item)
            for profile, item in zip(_profiles(package.members), package.validations, strict=True)
        ]
        with self._backend.store.lock:
            is_valid = all(each == "Completed" for each in statuses)
            package.status = "Completed" if is_valid else "Failed"

    def _try(
        self,
        context: RequestContext,
        package: ModelPackage,
        profile: Mapping[str, Any],
        item: dict[str, Any],
    ) -> str:
        """Run a profile's transform job to its end; what comes of it is in `item`, and returned."""
        try:
            job = self._job(context, package, profile)
        except AwsError as error:
            item |= {"Status": "Failed", "FailureReason": error.message}
            return "Failed"
        with self._backend.store.lock:
            if self._packages.get(package.arn) is not package:  # everything was forgotten
                return "Failed"
            item["Status"] = "InProgress"
            self._jobs.add(job)
        job.run()
        with self._backend.store.lock:
            item["Status"] = "Completed" if job.status == "Completed" else "Failed"
            if job.status != "Completed":
                why = job.failure_reason or f"it is {job.status}"
                item["FailureReason"] = f"Transform job {job.name}: {why}"
        return str(item["Status"])

    def _job(
        self, context: RequestContext, package: ModelPackage, profile: Mapping[str, Any]
    ) -> TransformJob:
        stem = f"{package.name.replace('/', '-')}-{profile['ProfileName']}"
        name = f"{stem[: MAX_NAME - 9].rstrip('-')}-{secrets.token_hex(4)}"
        model = Model(
            context.arn(f"model/{name}"),
            {
                "ModelName": name,
                "PrimaryContainer": {"ModelPackageName": package.arn},
                "ExecutionRoleArn": package.members["ValidationSpecification"]["ValidationRole"],
            },
            datetime.now(UTC),
            deploying.definition(package),
        )
        requests.check_model(model)
        request = {
            **profile["TransformJobDefinition"], "TransformJobName": name, "ModelName": name
        }  # fmt: skip
        return TransformJob(self._backend, context, request, model)


def _profiles(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if request.get("SkipModelValidation") != "All":
        yield from request.get("ValidationSpecification", {}).get("ValidationProfiles") or []
