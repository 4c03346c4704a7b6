"""A step's `Arguments`, checked against the request that they will be: as AWS does at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.model import ListShape, MapShape, StringShape, StructureShape

from harness.local.pipelines.definition import references
from harness.local.pipelines.definition.errors import refusal
from harness.local.pipelines.definition.references import GET, JOIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from botocore.model import Shape

    from harness.local.pipelines.definition.paths import Part
    from harness.local.pipelines.definition.references import Property

_TYPES: dict[str, tuple[str, tuple[type, ...]]] = {
    "string": ("String", (str,)),
    "integer": ("Integer", (int,)),
    "long": ("Long", (int,)),
    "float": ("Float", (float, int)),
    "double": ("Double", (float, int)),
    "boolean": ("Boolean", (bool,)),
}
"""What scalars are called, and what they are in JSON, by the type of their shape."""

_FITS = {
    "string": {"string", "timestamp"},
    "integer": {"integer", "long"},
    "long": {"integer", "long"},
    "float": {"float", "double", "integer", "long"},
    "double": {"float", "double", "integer", "long"},
}
"""The types that may stand for each."""


class Arguments:
    """Checks those of one step. `type_of` tells a reference's type, None if any may be."""

    def __init__(self, step: str, type_of: Callable[[Property], str | None]) -> None:
        self._step = step
        self._type_of = type_of

    def check(self, shape: StructureShape, given: Any, generated: str) -> None:
        """Raises AWS's refusal. The member `generated` need not be given."""
        self._structure(shape, given, "Arguments", frozenset({generated}))

    def _check(self, shape: Shape, given: Any, path: str) -> None:
        if references.is_reference(given):
            self._reference(shape, given)
        elif isinstance(shape, StructureShape):
            self._structure(shape, given, path)
        elif isinstance(shape, ListShape):
            if not isinstance(given, list):
                raise self._refusal(path, "Expecting start of Json Array")
            for number, each in enumerate(given):
                self._check(shape.member, each, f"{path}[{number}]")
        elif isinstance(shape, MapShape):
            if not isinstance(given, dict):
                raise self._refusal(path, "Expecting start of Json Object")
            for name, each in given.items():
                self._check(shape.value, each, f"{path}.{name}")
        else:
            self._scalar(shape, given, path)

    def _structure(
        self, shape: StructureShape, given: Any, path: str, optional: frozenset[str] = frozenset()
    ) -> None:
        if not isinstance(given, dict):
            raise self._refusal(path, "Expecting start of Json Object")
        for name, each in given.items():
            if name not in shape.members:
                raise self._refusal(path, f"Unknown Argument member '{name}'")
            if each is not None:
                self._check(shape.members[name], each, f"{path}.{name}")
        for name in shape.required_members:
            if given.get(name) is None and name not in optional:
                raise self._refusal(path, f"Missing required Argument member '{name}'")

    def _scalar(self, shape: Shape, given: Any, path: str) -> None:
        name, types = _TYPES.get(shape.type_name, ("", (object,)))
        is_boolean = isinstance(given, bool)
        if not isinstance(given, types) or (is_boolean and name not in ("Boolean", "")):
            raise self._refusal(path, f"{given!r} is not of type {name}")
        if isinstance(shape, StringShape) and shape.enum and given not in shape.enum:
            raise self._refusal(
                path,
                f"Model Validation failed: Value '{given}' for '{shape.name}' failed to satisfy "
                f"enum value set: [{', '.join(shape.enum)}]",
            )

    def _reference(self, shape: Shape, given: dict[str, Any]) -> None:
        if GET in given:
            found = references.parse(given[GET])
            type_, text = self._type_of(found), found.text
        else:
            type_, text = ("string", JOIN) if JOIN in given else (None, "")
        wanted = shape.type_name
        if type_ is not None and type_ not in _FITS.get(wanted, {wanted}):
            name = _TYPES.get(wanted, (wanted.capitalize(),))[0]
            raise refusal(
                f"Step '{self._step}': Cannot assign property reference [{text}] to argument of "
                f"type [{name}]"
            )

    def _refusal(self, path: str, why: str) -> Exception:
        return refusal(f"Step '{self._step}': {path}: {why}")


def type_at(shapes: Sequence[StructureShape], path: Sequence[Part]) -> str | None:
    """The type of what a reference into one of these shapes finds; None if there is no such."""
    for shape in shapes:
        found: Shape | None = shape
        for part in path:
            found = _below(found, part)
            if found is None:
                break
        else:
            return found.type_name if found is not None else None
    return None


def _below(shape: Shape | None, part: Part) -> Shape | None:
    if isinstance(shape, StructureShape):
        below: Shape | None = shape.members.get(str(part))
        return below
    if isinstance(shape, ListShape):
        member: Shape = shape.member
        return member
    if isinstance(shape, MapShape):
        value: Shape = shape.value
        return value
    return None
