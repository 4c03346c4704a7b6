"""A pipeline's parameters, and the values that an execution is started with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.local.pipelines.definition.errors import refusal
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Value = str | int | float | bool

TYPES: dict[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Float": (float, int),
    "Boolean": (bool,),
}
MAX_PARAMETERS = 200
"""("Amazon SageMaker Pipelines quotas"; `ParameterList` in the service model.)"""

_BOOLEANS = {"true": True, "false": False}


class Parameter(NamedTuple):
    name: str
    type: str
    default: Value | None
    choices: tuple[str, ...]

    def value(self, text: str) -> Value:
        """The value that StartPipelineExecution gives. Raises `ValidationException`."""
        try:
            value = _BOOLEANS[text.lower()] if self.type == "Boolean" else _number(self.type, text)
        except (ValueError, KeyError):
            raise AwsError(
                "ValidationException",
                f"Parameter [{self.name}] value '{text}' is not of type {self.type}.",
            ) from None
        self._check_choice(value)
        return value

    def _check_choice(self, value: Value) -> None:
        if self.choices and value not in self.choices:
            raise AwsError(
                "ValidationException",
                f"Parameter [{self.name}] value '{value}' must be one of "
                f"[{', '.join(self.choices)}].",
            )


_NUMBERS = {
    "Integer": re.compile(r"[-+]?[0-9]{1,18}"),
    "Float": re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?"),
}


def _number(type_: str, text: str) -> Value:
    if type_ not in _NUMBERS:
        return text
    if not _NUMBERS[type_].fullmatch(text):
        raise ValueError(text)
    return int(text) if type_ == "Integer" else float(text)


def parse(given: Any) -> dict[str, Parameter]:
    """The `Parameters` of a definition, by name."""
    if not isinstance(given, list):
        raise refusal("Parameters: Expecting start of Json Array")
    if len(given) > MAX_PARAMETERS:
        raise refusal(f"Parameters: {len(given)} are more than {MAX_PARAMETERS}")
    parameters: dict[str, Parameter] = {}
    for each in given:
        parameter = _parse_one(each)
        if parameter.name in parameters:
            raise refusal(f"Parameter names must be unique; '{parameter.name}' is there twice")
        parameters[parameter.name] = parameter
    return parameters


def _parse_one(given: Any) -> Parameter:
    if not isinstance(given, dict):
        raise refusal("Parameters: Expecting start of Json Object")
    name, type_ = given.get("Name"), given.get("Type")
    if not isinstance(name, str) or not name:
        raise refusal("Parameters: each must have a Name")
    if not isinstance(type_, str) or type_ not in TYPES:
        raise refusal(
            f"Parameter [{name}]: Type '{type_}' failed to satisfy enum value set: "
            f"[{', '.join(TYPES)}]"
        )
    choices, default = given.get("EnumValues"), given.get("DefaultValue")
    if choices is not None and (
        type_ != "String"
        or not isinstance(choices, list)
        or not all(isinstance(each, str) for each in choices)
    ):
        raise refusal(f"Parameter [{name}]: EnumValues must be a list of texts, of a String")
    if default is not None and not _is_of(default, type_):
        raise refusal(f"Parameter [{name}]: DefaultValue {default!r} is not of type {type_}")
    if default is not None and choices and default not in choices:
        raise refusal(
            f"Parameter [{name}]: DefaultValue '{default}' must be one of [{', '.join(choices)}]"
        )
    return Parameter(name, type_, default, tuple(choices or ()))


def _is_of(value: Any, type_: str) -> bool:
    return isinstance(value, TYPES[type_]) and (type_ == "Boolean") == isinstance(value, bool)


def values(
    parameters: Mapping[str, Parameter], given: Sequence[Mapping[str, str]]
) -> dict[str, Value]:
    """What each parameter comes to in an execution. Raises `ValidationException`."""
    texts: dict[str, str] = {}
    for each in given:
        if each["Name"] not in parameters:
            raise AwsError(
                "ValidationException",
                f"Unknown parameter [{each['Name']}]: the pipeline has [{', '.join(parameters)}].",
            )
        if each["Name"] in texts:
            raise AwsError(
                "ValidationException", f"Parameter [{each['Name']}] is given more than once."
            )
        texts[each["Name"]] = each["Value"]
    found: dict[str, Value] = {}
    missing = []
    for name, parameter in parameters.items():
        if name in texts:
            found[name] = parameter.value(texts[name])
        elif parameter.default is not None:
            found[name] = parameter.default
        else:
            missing.append(name)
    if missing:
        raise AwsError(
            "ValidationException",
            f"Parameter(s) [{', '.join(missing)}] do not have default values, and were not given.",
        )
    return found
