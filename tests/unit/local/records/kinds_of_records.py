"""Records of every kind, made over HTTP with as little or as much as their shapes have."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from botocore.config import Config
from botocore.model import ServiceModel

from harness.aws_model.loader import LOADER
from harness.local.records import kinds
from harness.local.records.kinds import Kind
from tests.unit.local.records.samples import sample

MODEL = ServiceModel(LOADER.load_service_model("sagemaker", "service-2"), "sagemaker")
KINDS = kinds.load(MODEL)

_numbers = itertools.count(1)


@dataclass
class Made:
    """A record, the request that made it, and what else had to be made for it."""

    kind: Kind
    request: dict[str, Any]
    answer: dict[str, Any]
    parents: list[Made] = field(default_factory=list)

    @property
    def key(self) -> dict[str, Any]:
        """What Describe and Delete ask for."""
        known = {**self.kind.line.get("zero", {}), **self.request, **self.answer}
        if self.kind.noun == "Device":
            known |= self.request["Devices"][0]
        number = self.kind.line.get("number")
        if number:
            known[number] = int(self.answer[self.kind.arn_member].rpartition("/")[2])
        return {each: known[each] for each in self.kind.key if each in known}


class Lab:
    """Makes records, and asks for them."""

    def __init__(self, session: Any) -> None:
        # What is refused isn't tried again; shapes are the server's to check.
        config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
        self.client = session.client("sagemaker", config=config)

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self.client._make_api_call(operation, request)
        headers = answer.pop("ResponseMetadata")["HTTPHeaders"]
        assert headers["x-harness-record"] == "true"
        return answer

    def request(self, noun: str, *, whole: bool = False) -> tuple[dict[str, Any], list[Made]]:
        """A Create request for a record of a new name, and what it is for."""
        kind = KINDS[noun]
        shape = MODEL.operation_model(kind.create).input_shape
        assert shape is not None
        request = sample(shape, whole=whole)
        for name in kind.line.get("refused", {}):
            request.pop(name, None)
        for name in kind.line.get("one_of", [])[1:]:
            request.pop(name, None)
        if one := kind.line.get("one_of"):
            request[one[0]] = "x"
        if not whole and (some := kind.line.get("some_of")):
            _put(request, some[0], sample(_shape(shape, some[0]), whole=False))
        if kind.name in request:
            request[kind.name] = f"name{next(_numbers)}"
        request.pop("ClientToken", None)
        if "ClientToken" in shape.required_members:
            request["ClientToken"] = f"token-{next(_numbers)}"
        parents = []
        for each, *paths in kind.line.get("parents", []):
            if _holds(request, paths[-1]):
                inside = {name: request[name] for name in paths[:-1]}
                parent = self.make(each, inside=inside)
                parents.append(parent)
                for path, value in zip(paths, self._values(parent, paths), strict=True):
                    _put(request, path, value)
        if noun == "Device":
            request["Devices"] = [{**request["Devices"][0], "DeviceName": f"name{next(_numbers)}"}]
        return request, parents

    def _values(self, parent: Made, paths: list[str]) -> list[Any]:
        if paths[-1].endswith("Arn"):
            return [self.described(parent)[parent.kind.arn_member]]
        return list(parent.key.values())

    def make(
        self, noun: str, *, whole: bool = False, inside: dict[str, Any] | None = None, **more: Any
    ) -> Made:
        """A new record; `inside`: what it has of what it is in, which is there."""
        request, parents = self.request(noun, whole=whole)
        request |= {**(inside or {}), **more}
        if "ClientToken" in request:
            request["ClientToken"] = f"token-{next(_numbers)}"
        return Made(KINDS[noun], request, self.call(KINDS[noun].create, request), parents)

    def described(self, made: Made) -> dict[str, Any]:
        """What Describe tells of it, without the member that it may all be in."""
        answer = self.call(f"Describe{made.kind.noun}", made.key)
        return answer.get(made.kind.noun, answer)  # type: ignore[no-any-return]


def _holds(request: dict[str, Any], path: str) -> bool:
    name, _, rest = path.partition(".")
    return name in request and (not rest or _holds(request[name], rest))


def _shape(shape: Any, path: str) -> Any:
    for name in path.split("."):
        shape = shape.members[name]
    return shape


def _put(request: dict[str, Any], path: str, value: Any) -> None:
    name, _, rest = path.partition(".")
    if rest:
        _put(request[name], rest, value)
    else:
        request[name] = value
