"""What becomes of each member of a request: it is acted on, kept and shown, or refused.

A provider's folder has a table of it, `members.toml`, with a line for each member of its input
shapes. The table is what refuses: a member that it calls refused is answered with its sentence, so
that none is accepted and ignored. docs/reference/members.md is made of the tables, and a test walks
the service models and fails on a member without a line.
"""

from __future__ import annotations

import functools
import importlib.resources
import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.model import ListShape, MapShape, StructureShape

from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from botocore.model import Shape

FILE = "members.toml"

ACTED, KEPT, REFUSED = "acted on", "kept", "refused"


class Line(NamedTuple):
    """What a table says of a member."""

    state: str
    """`ACTED`, `KEPT` or `REFUSED`, or `REFUSED` by a later operation: "refused by CreateX"."""
    text: str
    """Why it is kept or refused, or how much of it is acted on."""

    @property
    def is_refused(self) -> bool:
        return self.state.startswith(REFUSED)

    @classmethod
    def parse(cls, line: str) -> Line:
        state, _, text = line.partition(": ")
        return cls(state, text)

    def __str__(self) -> str:
        return f"{self.state}: {self.text}" if self.text else self.state


class Member(NamedTuple):
    """A member of a request, wherever it stands in it."""

    path: str
    """`ProductionVariants.InstanceType`."""
    shape: str
    """The structure that it is a member of."""
    name: str
    line: Line | None
    """None if no table has one."""


UNKNOWN = Line(REFUSED, "this version of the local AWS doesn't know it")
"""Of a member that there is in a newer botocore than the tables were written for."""


class Members:
    """The lines of one service, by shape and member."""

    def __init__(self, lines: Mapping[str, Mapping[str, Line]]) -> None:
        self.lines = lines
        self._plans: dict[tuple[str, str], _Plan] = {}

    @classmethod
    def beside(cls, providers: Iterable[object]) -> Members:
        """Those of the tables that stand in the providers' folders.

        Raises `ValueError` if two of them have lines of the same shape.
        """
        lines: dict[str, Mapping[str, Line]] = {}
        packages = {type(each).__module__.rpartition(".")[0] for each in providers}
        for package in sorted(packages):
            for shape, found in _table(package).items():
                if shape in lines:
                    raise ValueError(f"{shape} stands in two tables, one of them {package}'s")
                lines[shape] = found
        return cls(lines)

    def refuse(self, shape: Shape, request: Mapping[str, Any], state: str = REFUSED) -> None:
        """Raise `ValidationException` with a member's path and sentence, if one is refused.

        What is switched off (false, 0, an empty text or list) isn't asked for, and isn't refused.
        """
        for path, line in self._plan(shape, state).found(request):
            raise AwsError("ValidationException", f"{path}: {line.text}.")

    def _plan(self, shape: Shape, state: str) -> _Plan:
        key = (shape.name, state)
        if key not in self._plans:
            plan = self._plans[key] = _Plan(
                {}, {}, set()
            )  # first, for shapes that contain themselves
            lines = self.lines.get(shape.name)
            for name, member in _structure_members(shape):
                line = lines.get(name, UNKNOWN) if lines is not None else None
                if line is not None and line.state == state:
                    plan.refused[name] = line
                elif (inner := _structure(member)) is not None:
                    below = self._plan(inner, state)
                    if below.refused or below.inner:
                        plan.inner[name] = below
                        if isinstance(member, MapShape):
                            plan.maps.add(name)
        return self._plans[key]

    def walk(
        self,
        shape: Shape,
        above: str = "",
        refused: Line | None = None,
        inside: frozenset[str] = frozenset(),
    ) -> Iterator[Member]:
        """Every member of an input shape, nested ones behind the one they are in.

        Those below a refused one are refused with it, and need no line; nor do those of a shape
        inside itself, which have been told.
        """
        inside |= {shape.name}
        for name, member in _structure_members(shape):
            path = f"{above}{name}"
            line = refused or self.lines.get(shape.name, {}).get(name)
            yield Member(path, shape.name, name, line)
            if (inner := _structure(member)) is not None and inner.name not in inside:
                with_it = line if line is not None and line.is_refused else None
                yield from self.walk(inner, f"{path}.", with_it, inside)


class _Plan(NamedTuple):
    """Where a shape has members to refuse."""

    refused: dict[str, Line]
    inner: dict[str, _Plan]
    maps: set[str]
    """Those of `inner` that are maps of structures."""

    def found(self, value: Any, above: str = "") -> Iterator[tuple[str, Line]]:
        """The members of a value that are refused, with their paths."""
        for name, line in self.refused.items():
            if value.get(name) or value.get(name) == {}:
                yield f"{above}{name}", line
        for name, plan in self.inner.items():
            given = value.get(name)
            if name in self.maps and isinstance(given, dict):
                given = list(given.values())
            for each in _structures(given):
                yield from plan.found(each, f"{above}{name}.")


def _structures(value: Any) -> Iterator[Mapping[str, Any]]:
    """The structures that a member is or lists."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _structures(each)


def _structure_members(shape: Shape) -> Iterator[tuple[str, Shape]]:
    if isinstance(shape, StructureShape):
        yield from shape.members.items()


def _structure(shape: Shape) -> StructureShape | None:
    """The structure that a shape is, or lists, or maps keys to."""
    while isinstance(shape, ListShape | MapShape):
        shape = shape.member if isinstance(shape, ListShape) else shape.value
    return shape if isinstance(shape, StructureShape) else None


@functools.cache
def _table(package: str) -> Mapping[str, Mapping[str, Line]]:
    """The lines of a folder's table; none if it has no table."""
    if not package.startswith("harness."):
        return {}
    file = importlib.resources.files(package) / FILE
    if not file.is_file():
        return {}
    shapes = tomllib.loads(file.read_text(encoding="utf-8"))
    return {
        shape: {name: Line.parse(text) for name, text in lines.items()}
        for shape, lines in shapes.items()
    }
