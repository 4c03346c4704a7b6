"""CloudFormation's models, endpoints and notebook instances: made by our SageMaker.

moto makes a stack's resources one by one while it creates the stack. What is refused makes that
stack CREATE_FAILED, and an endpoint keeps it CREATE_IN_PROGRESS until it is InService.
"""

from __future__ import annotations

import contextlib
import functools
import re
from typing import TYPE_CHECKING, Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from harness.local.moto.ours import view
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NAMESPACE = "AWS::SageMaker::"

_MISSING = re.compile("^Could not find|^RecordNotFound$|does not exist")
"""What is said of a resource that isn't there."""

_NUMBERS: dict[str, Callable[[Any], Any]] = {
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
}

MAX_NAME = 63
"""Characters of a SageMaker resource's name."""


class Made:
    """A resource of a stack: one of ours, or why there is none."""

    cf_resource_type: str
    logical_resource_id: str

    def __init__(self, noun: str, name: str, account_id: str, region: str) -> None:
        self._noun = noun
        self.name = name
        self._place = account_id, region
        self.physical_resource_id = name
        self.failure = ""
        """Why it could not be made; empty if it was."""
        self.properties: Mapping[str, Any] = {}
        self.updated = False
        """Whether the update of the stack that is going on has changed it."""

    @property
    def is_endpoint(self) -> bool:
        return self._noun == "Endpoint"

    def create(self, properties: Mapping[str, Any]) -> None:
        """Make it. What is refused becomes its `failure`."""
        self.properties = properties
        try:
            request = _request(f"Create{self._noun}", properties, self._noun, self.name)
            made = self._call(f"Create{self._noun}", request)
            self.physical_resource_id = made[f"{self._noun}Arn"]
        except (AwsError, ValueError, TypeError) as error:
            self.failure = getattr(error, "message", str(error))

    def update(self, properties: Mapping[str, Any]) -> None:
        """Replace it by one of the same name; an endpoint is updated."""
        self.updated, self.properties = True, properties
        if not self.is_endpoint or self.failure:
            self.delete(*self._place)
            self.failure = ""
            self.create(properties)
            return
        try:
            request = _request("UpdateEndpoint", properties, self._noun, self.name, strict=False)
            self._call("UpdateEndpoint", request)
        except (AwsError, ValueError, TypeError) as error:
            self.failure = getattr(error, "message", str(error))

    def delete(self, _account_id: str, _region: str) -> None:
        """Delete it, if it is there."""
        request = {f"{self._noun}Name": self.name}
        if self._noun == "NotebookInstance":
            with contextlib.suppress(AwsError):  # it is stopped, or not there
                self._call("StopNotebookInstance", request)
        try:
            self._call(f"Delete{self._noun}", request)
        except AwsError as error:
            if not _MISSING.search(error.message):
                raise

    def is_created(self) -> bool:
        """Whether it is there, and an endpoint serves."""
        if self.failure:
            return False
        if not self.is_endpoint:
            return True
        try:
            found = self._call("DescribeEndpoint", {"EndpointName": self.name})
        except AwsError:
            return True  # and gone meanwhile
        if found["EndpointStatus"] == "Failed":
            self.failure = str(found.get("FailureReason", "The endpoint is Failed."))
        return bool(found["EndpointStatus"] == "InService")

    def get_cfn_attribute(self, attribute: str) -> str:
        """Its name, which is all that CloudFormation has of it. Raises moto's error for others."""
        from moto.cloudformation.exceptions import UnformattedGetAttTemplateException

        if attribute == f"{self._noun}Name":
            return self.name
        if attribute in (f"{self._noun}Arn", "Id"):
            return self.physical_resource_id
        raise UnformattedGetAttTemplateException

    def _call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        ours = view.current()
        if ours is None:
            raise AwsError("ServiceUnavailable", "This local AWS has no SageMaker.")
        return ours.call(operation, request, *self._place)


@functools.cache
def prepare() -> None:
    """Let moto's CloudFormation make our resources instead of its own."""
    from moto.cloudformation import parsing
    from moto.cloudformation.models import CloudFormationBackend, Stack
    from moto.sagemaker import models

    for class_, noun in (
        (models.Model, "Model"),
        (models.FakeEndpointConfig, "EndpointConfig"),
        (models.FakeEndpoint, "Endpoint"),
        (models.FakeSagemakerNotebookInstance, "NotebookInstance"),
        (models.FakeSageMakerNotebookInstanceLifecycleConfig, "NotebookInstanceLifecycleConfig"),
    ):
        _replace(class_, noun)
    _refuse_unknown(parsing)
    _tell_progress(Stack, CloudFormationBackend)


def _replace(class_: Any, noun: str) -> None:
    def create(
        _cls: Any, /, name: str, document: Any, account_id: str, region_name: str, **_: Any
    ) -> Made:
        made = Made(noun, _short(name), account_id, region_name)
        made.create(document["Properties"])
        return made

    def update(_cls: Any, /, original_resource: Made, cloudformation_json: Any, **_: Any) -> Made:
        original_resource.update(cloudformation_json["Properties"])
        return original_resource

    class_.create_from_cloudformation_json = classmethod(create)
    class_.update_from_cloudformation_json = classmethod(update)
    class_.cloudformation_name_type = staticmethod(lambda: f"{noun}Name")


def _short(name: str) -> str:
    """A name that moto has made, from the stack's and the resource's, as long as it may be."""
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 13].rstrip("-") + name[-13:]


def _refuse_unknown(parsing: Any) -> None:
    """Let no stack be complete without the resources of SageMaker's that moto doesn't know."""
    original = parsing.resource_class_from_type

    def resource_class_from_type(resource_type: str) -> Any:
        found = original(resource_type)
        if found is None and resource_type.startswith(_NAMESPACE):
            from moto.cloudformation.exceptions import ValidationError

            raise ValidationError(
                message=f"Template format error: Unrecognized resource types: [{resource_type}] "
                "(the local AWS makes no such resources from stacks)"
            )
        return found

    parsing.resource_class_from_type = resource_class_from_type


def _tell_progress(stacks: Any, backend: Any) -> None:
    """Let stacks be complete when their endpoints serve, and failed when a resource isn't there."""
    create, update = stacks.create_resources, stacks.update

    def create_resources(self: Any) -> None:
        create(self)
        _settle(self)

    def update_resources(self: Any, *arguments: Any, **named: Any) -> None:
        for each in _made(self):
            each.updated = False
        update(self, *arguments, **named)
        _follow(_made(self))
        if _made(self):
            self.status = "UPDATE_IN_PROGRESS"
            _settle(self)

    stacks.create_resources = create_resources
    stacks.update = update_resources
    for name in ("describe_stacks", "list_stacks", "describe_stack_events"):
        if (method := getattr(backend, name, None)) is not None:
            setattr(backend, name, _settling(method))


def _follow(made: list[Made]) -> None:
    """Let endpoints have what the configurations and models of their stack are now."""
    if any(each.updated for each in made if not each.is_endpoint):
        for each in made:
            if each.is_endpoint and not each.updated:
                each.update(each.properties)


def _settling(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def settled(self: Any, *arguments: Any, **named: Any) -> Any:
        for stack in list(self.stacks.values()):
            _settle(stack)
        return method(self, *arguments, **named)

    return settled


def _settle(stack: Any) -> None:
    """Let a stack that is being made or updated be complete, or failed, where it has come to it."""
    action, _, rest = stack.status.partition("_")
    made = _made(stack)
    if action not in ("CREATE", "UPDATE") or rest not in ("IN_PROGRESS", "COMPLETE") or not made:
        return
    if rest == "COMPLETE" and not any(each.failure for each in made):
        return
    is_complete = not [each for each in made if not each.is_created()]  # each is looked at
    if failed := [each for each in made if each.failure]:
        stack.status = f"{action}_FAILED"
        reason = "; ".join(f"{each.logical_resource_id}: {each.failure}" for each in failed)
        stack._add_stack_event(stack.status, resource_status_reason=reason)
    elif is_complete and stack.resource_map.creation_complete():
        stack.status = f"{action}_COMPLETE"
        stack._add_stack_event(stack.status)


def _made(stack: Any) -> list[Made]:
    resources = stack.resource_map
    return [
        each
        for name, each in resources._parsed_resources.items()
        if isinstance(each, Made) and name in resources._resource_json_map
    ]


def _request(
    operation: str, properties: Mapping[str, Any], noun: str, name: str, *, strict: bool = True
) -> dict[str, Any]:
    """The request that a resource's properties come to.

    Raises:
        ValueError: a property is none of the operation's members, or not of its type.
    """
    from moto.core.utils import get_service_model

    shape = get_service_model("sagemaker").operation_model(operation).input_shape
    known = {k: v for k, v in properties.items() if strict or k in shape.members}
    return {**_typed(shape, known, "Properties"), f"{noun}Name": name}


def _typed(shape: Shape, value: Any, path: str) -> Any:
    """The value with the types of the shape: templates may have numbers and booleans as strings."""
    if isinstance(shape, StructureShape):
        unknown = set(value) - set(shape.members)
        if unknown:
            raise ValueError(f"Encountered unsupported property {path}.{min(unknown)}")
        return {k: _typed(shape.members[k], v, f"{path}.{k}") for k, v in value.items()}
    if isinstance(shape, ListShape):
        return [_typed(shape.member, each, path) for each in value]
    if isinstance(shape, MapShape):
        return {str(k): _typed(shape.value, v, f"{path}.{k}") for k, v in value.items()}
    if shape.type_name == "boolean" and isinstance(value, str):
        if value not in ("true", "false"):
            raise ValueError(f"{path}: {value!r} is neither true nor false")
        return value == "true"
    if shape.type_name in _NUMBERS:
        return _NUMBERS[shape.type_name](value)
    return str(value) if shape.type_name == "string" else value
