"""`harness compare`: what differs between two runs."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import FlowError
from harness.flow.project.payloads import table_of
from harness.flow.project.scores import difference
from harness.flow.record import history
from harness.flow.record.figures import title

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.flow.project.payloads import Array

MOST_BYTES = 256 << 20
"""Of predictions that are compared."""

SHOWN = 60
"""Characters of a setting that are shown."""

Pair = tuple[float | None, float | None]


@dataclass(frozen=True)
class Difference:
    """`first` and `second` are the runs' reports. `predictions`: by set, how far they are apart,

    relative to the largest; infinite where they aren't of one shape.
    """

    first: Mapping[str, Any]
    second: Mapping[str, Any]
    metrics: dict[str, Pair]
    seconds: dict[str, Pair]
    settings: dict[str, tuple[str, str]]
    predictions: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        def members(pairs: Mapping[str, Pair]) -> dict[str, Any]:
            return {
                name: {"first": first, "second": second, "change": _change(first, second)}
                for name, (first, second) in pairs.items()
            }

        return {
            "first": {key: self.first.get(key) for key in ("run", "began", "passed")},
            "second": {key: self.second.get(key) for key in ("run", "began", "passed")},
            "metrics": members(self.metrics),
            "seconds": members(self.seconds),
            "settings": {
                name: {"first": first, "second": second}
                for name, (first, second) in self.settings.items()
            },
            "predictions": {
                name: value if math.isfinite(value) else None
                for name, value in self.predictions.items()
            },
        }

    def as_table(self) -> str:
        """The table, without a line break at its end."""
        parts = [self._runs()]
        if self.settings:
            parts.append(list(_texts("differs", self.settings)))
        for head, pairs in (("metric", self.metrics), ("seconds", self.seconds)):
            if pairs:
                parts.append(list(_figures(head, pairs, 5 if head == "metric" else 2)))
        if self.predictions:
            width = max(len(name) for name in ("predictions", *self.predictions)) + 2
            parts.append(
                [
                    f"{'predictions':<{width}}{'largest difference, relative':>30}",
                    *(f"{name:<{width}}{_apart(v):>30}" for name, v in self.predictions.items()),
                ]
            )
        return "\n\n".join("\n".join(line.rstrip() for line in part) for part in parts)

    def _runs(self) -> list[str]:
        return [
            f"{name:<8}{run.get('run', ''):<34}{run.get('began', ''):<27}"
            f"{'passed' if run.get('passed') else 'failed'}"
            for name, run in (("first", self.first), ("second", self.second))
        ]


def compare(first: Path, second: Path) -> Difference:
    """What differs between the runs of two folders.

    Raises:
        FlowError: a report can't be read.
    """
    one, other = _report(first), _report(second)
    metrics = {
        title(name): (_number(one["metrics"].get(name)), _number(other["metrics"].get(name)))
        for name in {**one["metrics"], **other["metrics"]}
    }
    taken = _members(one, "seconds"), _members(other, "seconds")
    seconds = {
        name.replace("_", " "): (_number(taken[0].get(name)), _number(taken[1].get(name)))
        for name in sorted({**taken[0], **taken[1]}, key=lambda name: name == "total")
    }
    return Difference(
        one,
        other,
        metrics,
        seconds,
        dict(_settings(one, other)),
        dict(_apart_by_set(first, second)),
    )


def _report(folder: Path) -> dict[str, Any]:
    found = history.read(folder)
    if found is None:
        raise FlowError(f"{folder / history.REPORT} can't be read: it is no report of a run.")
    return found


def _members(report: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = report.get(key)
    return found if isinstance(found, dict) else {}


def _number(value: Any) -> float | None:
    ok = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if ok else None


def _settings(
    one: Mapping[str, Any], other: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[str, str]]]:
    """What was set differently: hyperparameters, thresholds, where it ran, of which image."""
    for key in ("project", "target", "region", "image", "error"):
        pair = str(one.get(key, "")), str(other.get(key, ""))
        if pair[0] != pair[1]:
            yield key, pair
    ended = one.get("error") or other.get("error")  # and had no thresholds to hold
    for key in ("hyperparameters", *(() if ended else ("thresholds",))):
        first, second = _members(one, key), _members(other, key)
        for name in {**first, **second}:
            if first.get(name) != second.get(name):
                yield f"{key}.{name}", (_said(first.get(name)), _said(second.get(name)))


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return "" if value is None else str(value)


def _apart_by_set(first: Path, second: Path) -> Iterator[tuple[str, float]]:
    """How far the answers to each set that both have are apart."""
    here, there = first / "predictions", second / "predictions"
    names = sorted(path.name for path in here.glob("*") if (there / path.name).is_file())
    for name in names:
        one, other = here / name, there / name
        if max(one.stat().st_size, other.stat().st_size) > MOST_BYTES:
            continue
        if name.endswith(".csv"):
            yield name.removesuffix(".csv"), difference(_table(one), _table(other))
        else:
            yield name, 0.0 if one.read_bytes() == other.read_bytes() else math.inf


def _table(path: Path) -> Array | None:
    try:
        found = table_of(list(csv.reader(io.StringIO(path.read_text(encoding="utf-8")))))
    except (ValueError, csv.Error):
        return None
    return np.atleast_1d(found)


def _change(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else second - first


def _texts(head: str, pairs: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    width = max(len(name) for name in (head, *pairs)) + 2
    shown = {name: (_short(first), _short(second)) for name, (first, second) in pairs.items()}
    column = max(len(first) for first, _ in (("first", ""), *shown.values())) + 2
    yield f"{head:<{width}}{'first':<{column}}second"
    for name, (first, second) in shown.items():
        yield f"{name:<{width}}{first:<{column}}{second}"


def _short(text: str) -> str:
    """A setting on one line, or an error's beginning."""
    line = " ".join(text.split())
    return (line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…") or "—"


def _figures(head: str, pairs: Mapping[str, Pair], digits: int) -> Iterator[str]:
    width = max(len(name) for name in (head, *pairs)) + 2
    yield f"{head:<{width}}{'first':>12}{'second':>12}{'change':>12}"
    for name, (first, second) in pairs.items():
        change = _change(first, second)
        told = "" if change is None else "=" if change == 0 else f"{change:+.{digits}f}"
        yield f"{name:<{width}}{_figure(first, digits):>12}{_figure(second, digits):>12}{told:>12}"


def _figure(value: float | None, digits: int) -> str:
    return "—" if value is None else f"{value:.{digits}f}"


def _apart(value: float) -> str:
    if not math.isfinite(value):
        return "not of one shape"
    return "the same" if value == 0 else f"{value:.1e}"
