"""What moto's SageMaker keeps as records, and how AWS refuses what isn't there, or is already."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from botocore.model import ServiceModel

from harness.aws_model.loader import LOADER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@functools.cache
def _model() -> ServiceModel:
    return ServiceModel(LOADER.load_service_model("sagemaker", "service-2"), "sagemaker")


@functools.cache
def prepare() -> None:
    """Let moto's SageMaker refuse, as AWS does, what it would fall over or overwrite."""
    from moto.core.utils import camelcase_to_underscores
    from moto.sagemaker.models import SageMakerModelBackend

    class_: Any = SageMakerModelBackend
    for operation in _model().operation_names:
        method = camelcase_to_underscores(operation)
        if operation.startswith("Create") and hasattr(class_, method):
            setattr(class_, method, _once(getattr(class_, method), operation))
    class_._get_resource_from_arn = _tagged(class_._get_resource_from_arn)


def _once(original: Callable[..., Any], operation: str) -> Callable[..., Any]:
    """A Create operation that takes each name once. (moto keeps the last of most kinds: an SDK that
    looks whether a run is there by creating it would erase that.)
    """
    what = original.__name__.removeprefix("create_").removesuffix("_v2")
    table = f"{what}s"
    signature = inspect.signature(original)
    members = (f"{what}_name", "job_definition_name")
    member = next((each for each in members if each in signature.parameters), None)
    if member is None:
        return original

    @functools.wraps(original)
    def create(self: Any, *arguments: Any, **named: Any) -> Any:
        name = signature.bind(self, *arguments, **named).arguments.get(member)
        if name and _is_kept(getattr(self, table, ()), name):
            raise _taken(operation, what, name)
        return original(self, *arguments, **named)

    return create


def _is_kept(table: Iterable[str], name: str) -> bool:
    """Whether a table has the name, or the ARN of what is called so: moto's have either, and ARNs
    in small letters.
    """
    ends = f"/{name.lower()}"
    return name in table or any(
        key.count("/") == 1 and key.endswith(ends) for key in table if key.startswith("arn:")
    )


def _taken(operation: str, what: str, name: str) -> Exception:
    """What AWS answers to a Create for a name that is taken, as far as its model tells."""
    from moto.sagemaker import exceptions

    kind = what.replace("_", " ").capitalize()
    errors = {shape.name for shape in _model().operation_model(operation).error_shapes}
    if "ResourceInUse" in errors:
        return exceptions.ResourceInUseException(
            message=f"Resource Already Exists: {kind} with name {name} already exists. Choose a "
            "different name."
        )
    text = (
        f"{kind} names must be unique within an AWS account and region. {kind} with name ({name}) "
        "already exists."
    )
    if "ConflictException" in errors:
        return exceptions.ConflictException(text)
    return exceptions.ValidationError(message=text)


def _tagged(original: Callable[..., Any]) -> Callable[..., Any]:
    """What an ARN is of. (moto looks up names only, and not of every kind.)"""
    from moto.sagemaker.exceptions import ValidationError

    @functools.wraps(original)
    def resource(self: Any, arn: str) -> Any:
        if arn.count("/") == 1:
            try:
                found = original(self, arn)
            except (LookupError, AttributeError):
                found = None
        else:
            found = None
        if found is None or not hasattr(found, "tags"):
            raise ValidationError(message=f'Could not find resource "{arn}".')
        if found.tags is None:
            found.tags = []
        return found

    return resource
