"""Content of somebody else's as the page shows it: a table, JSON, text, or just its size."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

from harness.figures import size

ROWS = 100
"""Of a table, that are shown."""

COLUMNS = 40

CHARACTERS = 100_000
"""Of a text, that are shown."""


@dataclass(frozen=True)
class Shown:
    """`rows` are a table's, `text` is what isn't one; `note` says what isn't shown."""

    rows: list[list[str]]
    text: str
    note: str = ""
    heads: tuple[str, ...] = ()


def shown(content: bytes, content_type: str, *, is_whole: bool = True) -> Shown:
    """How to show it; `is_whole`: it isn't only the beginning."""
    note = "" if is_whole else f"Its first {size(len(content))}."
    try:
        text = content.decode("utf-8", "strict" if is_whole else "ignore")
    except UnicodeDecodeError:
        return Shown([], "", f"{size(len(content))} that are no text.")
    if "\0" in text[:1000]:
        return Shown([], "", f"{size(len(content))} that are no text." if is_whole else "No text.")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/csv":
        return _csv(text, note)
    if kind.endswith("json") and is_whole:
        return _json(text, note)
    return _text(text, note)


def _text(text: str, note: str) -> Shown:
    if len(text) > CHARACTERS:
        return Shown([], text[:CHARACTERS], f"Its first {CHARACTERS:,} characters.")
    return Shown([], text, note)


def _csv(text: str, note: str) -> Shown:
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except csv.Error:  # a field that is too long
        return _text(text, note)
    return _table(rows, (), note)


def _table(rows: list[list[str]], heads: tuple[str, ...], note: str) -> Shown:
    widest = max((len(row) for row in rows), default=0)
    notes = [note]
    if len(rows) > ROWS:
        notes.append(f"{ROWS} of {len(rows):,} rows.")
    if widest > COLUMNS:
        notes.append(f"{COLUMNS} of {widest:,} columns.")
    cut = [row[:COLUMNS] for row in rows[:ROWS]]
    return Shown(cut, "", " ".join(each for each in notes if each), heads[:COLUMNS])


def _json(text: str, note: str) -> Shown:
    """A list of rows, or of objects with the same members, as a table; also the one in an object,

    such as `{"predictions": […]}`.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _text(text, note)
    found = value
    if isinstance(value, dict) and len(value) == 1:
        (found,) = value.values()
    if isinstance(found, list) and found:
        if all(_is_row(each) for each in found):
            return _table([[_cell(cell) for cell in each] for each in found], (), note)
        if all(not isinstance(each, list | dict) for each in found):
            return _table([[_cell(each)] for each in found], (), note)
        first = found[0]
        if isinstance(first, dict) and all(
            isinstance(each, dict) and each.keys() == first.keys() for each in found
        ):
            rows = [[_cell(each[name]) for name in first] for each in found]
            return _table(rows, tuple(first), note)
    return _text(json.dumps(value, indent=2, ensure_ascii=False), note)


def _is_row(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(each, list | dict) for each in value)


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
