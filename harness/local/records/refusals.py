"""What is neither carried out nor kept: what would be an invention is refused, and so is not there.

`refused.toml` says what, and why.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NoReturn

from harness.local.protocol.errors import AwsError
from harness.local.records import kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from botocore.model import ServiceModel

    from harness.local.protocol.messages import RequestContext
    from harness.local.records.shelf import Shelf

    Handler = Callable[[RequestContext, dict[str, Any]], Any]


def refusals(model: ServiceModel) -> Iterator[tuple[str, Handler]]:
    """The operations that are always refused."""
    lines = kinds.table("refused.toml")
    for operation, why in lines["operations"].items():
        yield operation, functools.partial(_refuse, why)
    for noun, why in lines["kinds"].items():
        for operation in (f"Create{noun}", f"Put{noun}"):
            if operation in model.operation_names:
                yield operation, functools.partial(_refuse, why)
        for verb in ("Describe", "Get", "Update", "Delete", "Stop", "Start"):
            if f"{verb}{noun}" in model.operation_names:
                yield f"{verb}{noun}", functools.partial(_not_there, model, noun)
    for operation, noun in lines["absent"].items():
        yield operation, functools.partial(_not_there, model, noun)


def empty_lists(shelf: Shelf) -> Iterator[tuple[str, Handler]]:
    """The List operations on what there is none of."""
    lines = kinds.table("refused.toml")
    for noun in lines["kinds"]:
        for operation, verb in kinds.operations(shelf.model, noun):
            if verb == "list":
                yield operation, functools.partial(_none, shelf, "")
    for operation, noun in lines["empty"].items():
        yield operation, functools.partial(_none, shelf, noun)


def _refuse(why: str, context: RequestContext, _request: Mapping[str, Any]) -> NoReturn:
    raise AwsError("ValidationException", f"{context.operation}: {why}.")


def _not_there(
    model: ServiceModel, noun: str, context: RequestContext, request: Mapping[str, Any]
) -> NoReturn:
    operation = model.operation_model(context.operation)
    errors = {each.name for each in operation.error_shapes}
    code = "ResourceNotFound" if "ResourceNotFound" in errors else "ValidationException"
    required = operation.input_shape.required_members if operation.input_shape else []
    names = [str(request[each]) for each in required if isinstance(request[each], str)]
    raise AwsError(code, f"Could not find {kinds.words(noun)} '{'/'.join(names)}'.")


def _none(
    shelf: Shelf, noun: str, context: RequestContext, request: Mapping[str, Any]
) -> dict[str, Any]:
    """A list with nothing in it. Raises AWS's error if what it is about isn't there."""
    if noun:
        with shelf.store.lock:
            shelf.find(shelf.kinds[noun], context, request)
    if request.get("NextToken"):
        raise AwsError(
            "ValidationException", "Invalid NextToken: no list of this operation has a next page."
        )
    member = kinds.summaries(shelf.model, context.operation)
    return {member: []}
