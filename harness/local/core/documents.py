"""What the local AWS keeps of its own resources, as JSON and back: times and bytes included."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

_TIME, _BYTES, _PAIRS = "$time", "$bytes", "$pairs"


def plain(value: Any) -> Any:
    """The value as JSON has it. Raises `TypeError` for what no document is made of."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime):
        return {_TIME: value.isoformat()}
    if isinstance(value, bytes | bytearray):
        return {_BYTES: base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        if all(isinstance(name, str) and not name.startswith("$") for name in value):
            return {name: plain(each) for name, each in value.items()}
        return {_PAIRS: [[plain(name), plain(each)] for name, each in value.items()]}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    raise TypeError(f"{type(value).__name__} can't be part of a document")


def value_of(document: Any) -> Any:
    """The value that `plain` made a document of. Raises `ValueError` if it made none such."""
    if isinstance(document, list):
        return [value_of(each) for each in document]
    if not isinstance(document, dict):
        return document
    match document:
        case {"$time": str(text)}:
            return datetime.fromisoformat(text)
        case {"$bytes": str(text)}:
            return base64.b64decode(text, validate=True)
        case {"$pairs": list(pairs)}:
            return {value_of(name): value_of(each) for name, each in pairs}
    return {name: value_of(each) for name, each in document.items()}
