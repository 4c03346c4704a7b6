"""What a run has seen on its way, of which its record is made."""

from __future__ import annotations

import csv
import io
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from harness.errors import FlowError, HarnessError
from harness.flow.project import sources
from harness.flow.record.answered import answered, can_be_drawn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from harness.config.settings import Settings
    from harness.flow.progress import Log, Step
    from harness.flow.project.payloads import Array
    from harness.flow.project.scores import Answers
    from harness.flow.record.answered import Answered

MOST_BYTES = 16 << 20
"""Of a curve's file."""

GRID = 400
"""Places that a reference is drawn at."""


class Phase(NamedTuple):
    """What a job's status was, in AWS's words."""

    name: str
    start: datetime
    end: datetime


class Curve(NamedTuple):
    """A fitted curve, each of shape (n,); a band if there is one."""

    x: Array
    prediction: Array
    lower: Array | None = None
    upper: Array | None = None


@dataclass(frozen=True)
class Seen:
    """`phases` are the training job's. `notes`: what the report lacks, and why, a sentence each."""

    settings: Settings
    began: datetime
    steps: Sequence[Step]
    answers: Sequence[Answered] = ()
    phases: Sequence[Phase] = ()
    logs: Sequence[Log] = ()
    curve: Curve | None = None
    reference: Curve | None = None
    """The known answer, where there is one feature."""
    notes: list[str] = field(default_factory=list)

    @property
    def reference_name(self) -> str:
        return self.settings.report.reference_name


def check(settings: Settings) -> None:
    """Raises `ConfigError` where the reference is no function, before anything is made."""
    if settings.report.reference:
        sources.function(settings.root, settings.report.reference, "report.reference")


def see(
    settings: Settings,
    began: datetime,
    steps: Sequence[Step],
    *,
    answers: Sequence[Answers] = (),
    phases: Sequence[Phase] = (),
    logs: Sequence[Log] = (),
    output: Path | None = None,
) -> Seen:
    """All of it; `output` is the training's output.tar.gz, if it was asked for and is there.

    What can't be had is a note: a run has its verdict, whatever can be drawn of it.
    """
    notes: list[str] = []
    sets = answered(answers, settings.metrics.scores)
    curve = reference = None
    if output is not None:
        try:
            curve = read_curve(output, settings.report.curve)
        except FlowError as error:
            notes.append(str(error))
    if settings.report.reference:
        try:
            reference = _reference(settings, sets)
        except HarnessError as error:
            notes.append(str(error))
    return Seen(settings, began, steps, sets, phases, logs, curve, reference, notes)


def read_curve(archive: Path, name: str) -> Curve:
    """The curve that the training has written.

    Raises:
        FlowError: there is no such file in its output, or it is none of a curve.
    """
    key = f"report.curve = {name!r}"
    try:
        with tarfile.open(archive) as tar:
            member = tar.extractfile(f"./{name}" if f"./{name}" in tar.getnames() else name)
            content = member.read(MOST_BYTES) if member else b""
    except (KeyError, tarfile.TarError, OSError, EOFError):
        raise FlowError(f"{key}: there is no such file in the training job's output.") from None
    try:
        return _curve(content.decode("utf-8-sig"))
    except (ValueError, KeyError, csv.Error) as error:
        raise FlowError(
            f"{key}: it is no csv of numbers with the columns x and prediction, and perhaps lower "
            f"and upper: {error}."
        ) from None


def _curve(text: str) -> Curve:
    head, *rows = csv.reader(io.StringIO(text))
    table = np.array([row for row in rows if row], float).reshape(-1, len(head))
    table = table[can_be_drawn(table).all(axis=1)]
    columns = dict(zip((name.strip() for name in head), table.T, strict=True))
    order = np.argsort(columns["x"], kind="stable")
    band = (columns.get("lower"), columns.get("upper")) if "upper" in columns else (None, None)
    lower, upper = (None if each is None else each[order] for each in band)
    if (lower is None) != (upper is None) or not len(order):
        raise ValueError("a band is lower and upper" if len(order) else "it has no rows")
    return Curve(columns["x"][order], columns["prediction"][order], lower, upper)


def _reference(settings: Settings, sets: Sequence[Answered]) -> Curve | None:
    """The known answer over the range of the one feature; None where there isn't one."""
    asked = [each.feature for each in sets if each.kind == "numbers"]
    there = [each[can_be_drawn(each)] for each in asked if each is not None]
    if not there or not sum(map(len, there)):
        return None
    whole = np.concatenate(there)
    x = np.linspace(whole.min(), whole.max(), GRID)
    return Curve(x, referred(settings, x[:, np.newaxis]))


def referred(settings: Settings, features: Array) -> Array:
    """The known answer for features of shape (n, k), of shape (n,).

    Raises:
        FlowError: the project's function failed, or returned something else.
    """
    key = f"report.reference = {settings.report.reference!r}"
    known = sources.function(settings.root, settings.report.reference, "report.reference")
    found = sources.call(known, key, features)
    try:
        answer = np.asarray(found, float).reshape(-1)
    except (ValueError, TypeError) as error:
        raise FlowError(f"{key}: what it returned is no array of numbers: {error}.") from None
    if len(answer) != len(features):
        raise FlowError(
            f"{key}: it returned {len(answer)} values for {len(features)} rows of features."
        )
    return answer
