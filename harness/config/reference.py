"""The reference of the settings, docs/reference/settings.md, made of their own definitions."""

from __future__ import annotations

import types
import typing
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from harness.config.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

HEAD = """\
# Settings

`harness.toml` describes a project: what its image is built of, what it is trained on and asked, and
what it has to reach. It is looked for in the working directory and its parents; `--config FILE` or
`HARNESS_CONFIG` name another one. Paths in it are relative to it. What isn't there has its default.

A variable overrides a key: `HARNESS_TARGET=aws`, `HARNESS_TRAINING_INSTANCE_TYPE=ml.m5.xlarge`,
that is `HARNESS_`, the table and the key in capitals. `HARNESS_HYPERPARAMETERS_N_ESTIMATORS=50` and
`HARNESS_THRESHOLDS_TEST_ACCURACY=0.9` (a minimum) do it for names of the project's own.

Made by `make reference` of `harness/config/settings.py`; don't edit.
"""

_NAMED = {"hyperparameters", "thresholds", "channels", "requests", "inputs", "outputs"}

_FREE = {
    "hyperparameters": "Given to the training job. SageMaker has strings: a number, a list or a "
    "table is sent as its JSON.",
    "channels": "A table for each input channel.",
    "requests": "A table for each set of requests, or one set's keys under `[requests]` itself. "
    "Metrics have the set's name in front.",
    "faults": "What the local AWS does wrong on demand, a table each: docs/how-to/faults.md. The "
    "real AWS takes none.",
    "thresholds": "A bound for each metric: a number is a minimum; else `{ min = …, max = …, "
    "published = … }`.",
}


def markdown() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_sections()])


def _sections() -> Iterator[str]:
    top = {
        name: field
        for name, field in Settings.model_fields.items()
        if _model(field) is None and name not in _FREE and name != "root"
    }
    yield from _table("", "What stands above the first table.", top)
    for name, field in Settings.model_fields.items():
        model = _model(field)
        if name in _FREE:
            title = f"[{name}]" if model is None or name == "thresholds" else f"[{name}.NAME]"
            title = "[[faults]]" if name == "faults" else title
            fields = model.model_fields if model else {}
            yield from _table(title, _FREE[name], fields)
        elif model is not None:
            yield from _table(f"[{name}]", model.__doc__ or "", model.model_fields)
            yield from _inner(name, model)


def _inner(name: str, section: type[BaseModel]) -> Iterator[str]:
    """The tables in a table."""
    for inner, field in section.model_fields.items():
        if inner in _NAMED and (model := _model(field)) is not None:
            yield from _table(f"[{name}.{inner}.NAME]", model.__doc__ or "", model.model_fields)


def _table(title: str, text: str, fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield f"\n## {title}\n" if title else ""
    yield f"{' '.join(text.split())}\n"
    if fields:
        yield "| key | value | default | meaning |\n|---|---|---|---|"
    for name, field in fields.items():
        if name in _NAMED and _model(field) is not None:
            continue
        cells = (f"`{name}`", _kind(field.annotation), _default(field), field.description or "")
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _model(field: FieldInfo) -> type[BaseModel] | None:
    """The model that is in a field: itself, or of a table's values."""
    return next(iter(_models(field.annotation)), None)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models(argument)


def _kind(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _kind(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{each}`" if each else "empty" for each in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_kind(each) for each in arguments if each is not type(None))
    if origin is list:
        return f"list of {_kind(arguments[0])}s"
    if origin is dict:
        return f"table of {_kind(arguments[1])}s"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return names.get(annotation, str(annotation))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.default
    if value in ("", [], {}, None):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
