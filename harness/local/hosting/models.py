"""The operations on models."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.local.core import images
from harness.local.data import s3_objects
from harness.local.hosting.containers.model import Model, asked_container, objects
from harness.local.protocol.errors import AwsError
from harness.local.protocol.paging import page
from harness.local.registry import deploying

if TYPE_CHECKING:
    from harness.local.core.backend import Backend
    from harness.local.core.store import Table
    from harness.local.protocol.messages import RequestContext

ARCHIVE = ".tar.gz"
"""What the `ModelDataUrl` of a model ends with (ContainerDefinition in the API reference)."""

MAX_ENVIRONMENT = 32 * 1024
"""Bytes of all variables' names and values (`Environment` of ContainerDefinition there)."""


class Models:
    """CreateModel, DescribeModel, ListModels, DeleteModel."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._table: Table[Model] = backend.store.table("model")

    def saved(self) -> list[dict[str, Any]]:
        """All models, for `restore`."""
        return [{"model": each.saved(), "tags": tags} for each, tags in self._table.saved()]

    def restore(self, saved: list[dict[str, Any]]) -> None:
        for each in saved:
            self._table.restore(Model(**each["model"]), each["tags"])

    def create_model(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        arn = self._table.arn(context, request["ModelName"])
        _check_count(request)
        asked = asked_container(request)
        packaged = deploying.container(self._backend.store, context, asked) or {}
        model = Model(arn, request, datetime.now(UTC), packaged)
        self._check(model)
        images.check_model(self._backend, model.container["Image"])
        with self._backend.store.lock:
            if arn in self._table:
                raise AwsError(
                    "ValidationException", f'Cannot create already existing model "{arn}".'
                )
            self._table.add(model, request.get("Tags"))
        return {"ModelArn": arn}

    def _check(self, model: Model) -> None:
        container = model.container
        if not container.get("Image"):
            raise AwsError(
                "ValidationException",
                "Image: the container's image must be given, or the ModelPackageName of a model "
                "package that has one.",
            )
        if container.get("Mode") == "MultiModel":
            raise AwsError(
                "ValidationException",
                "Mode: the local AWS runs SingleModel; multi-model endpoints run on AWS only.",
            )
        _check_container(container)
        if len(model.additional) < len(container.get("AdditionalModelDataSources") or []):
            raise AwsError(
                "ValidationException", "AdditionalModelDataSources: ChannelName must be unique."
            )
        for source in (model.data_source, *model.additional.values()):
            if source and not self._has_data(source):
                raise AwsError(
                    "ValidationException", f"Could not find model data at {source['S3Uri']}."
                )
        _check_archive(container.get("ModelDataUrl"))

    def _has_data(self, source: dict[str, Any]) -> bool:
        if source["S3DataType"] == "S3Object":
            return s3_objects.exists(self._backend.s3, source["S3Uri"])
        if source["CompressionType"] == "Gzip" or not source["S3Uri"].endswith("/"):
            raise AwsError(
                "ValidationException",
                "ModelDataSource: an S3Prefix is of CompressionType None, and its S3Uri ends with "
                f"a slash; this is {source['CompressionType']} and {source['S3Uri']}.",
            )
        try:
            return bool(objects(self._backend.s3, source))
        except s3_objects.DataError as error:
            raise AwsError("ValidationException", f"ModelDataSource: {error}.") from error
        except (ClientError, BotoCoreError):
            return False

    def describe_model(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        model = self.find(context, request["ModelName"])
        known = {name: value for name, value in model.request.items() if name != "Tags"}
        return {
            "EnableNetworkIsolation": False,
            **known,
            "ModelArn": model.arn,
            "CreationTime": model.created,
        }

    def find(self, context: RequestContext, name: str) -> Model:
        model = self._table.find(context, name)
        if model is None:
            arn = self._table.arn(context, name)
            raise AwsError("ValidationException", f'Could not find model "{arn}".')
        return model

    def list_models(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        summaries = (
            {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": model.created}
            for model in self._table.of(context)
        )
        return page(summaries, request, member="Models", noun="Model", descending=True)

    def delete_model(self, context: RequestContext, request: dict[str, Any]) -> None:
        with self._backend.store.lock:
            self._table.remove(self.find(context, request["ModelName"]))


def _check_count(request: dict[str, Any]) -> None:
    containers = request.get("Containers") or []
    if bool(request.get("PrimaryContainer")) == bool(containers):
        raise AwsError(
            "ValidationException",
            "Exactly one of PrimaryContainer and Containers must be given.",
        )
    if len(containers) > 1:
        raise AwsError(
            "ValidationException",
            "Containers: the local AWS runs models of one container; inference pipelines run on "
            "AWS only.",
        )


def _check_archive(url: str | None) -> None:
    if url and not url.endswith(ARCHIVE):
        raise AwsError(
            "ValidationException",
            f"Invalid model data URL {url}: it must point to a single gzip compressed tar archive "
            f"({ARCHIVE} suffix).",
        )


def _check_container(container: dict[str, Any]) -> None:
    """Refuse what the API reference of `ContainerDefinition` rules out beside the model."""
    url = container.get("ModelDataUrl")
    if url and "ModelDataSource" in container:
        raise AwsError(
            "ValidationException",
            "ModelDataUrl and ModelDataSource are mutually exclusive; give only one of them.",
        )
    config = container.get("ImageConfig", {})
    if config.get("RepositoryAuthConfig") and config.get("RepositoryAccessMode") != "Vpc":
        raise AwsError(
            "ValidationException",
            "ImageConfig: RepositoryAuthConfig can be given only where RepositoryAccessMode is "
            "Vpc.",
        )
    environment = container.get("Environment", {})
    size = sum(len(f"{name}{value}".encode()) for name, value in environment.items())
    if size > MAX_ENVIRONMENT:
        raise AwsError(
            "ValidationException",
            f"Environment: all keys and values together have {size} bytes; {MAX_ENVIRONMENT} are "
            "the most.",
        )
