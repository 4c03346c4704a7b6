"""report.json: what it holds, and how it is made of a run.

The descriptions here are its reference: docs/reference/report.md and its JSON schema are made of
them. They are plain dictionaries, so that a run needn't make classes of them.
"""

from __future__ import annotations

import re
import statistics
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from typing_extensions import TypedDict

from harness.errors import HarnessError
from harness.flow.project.payloads import CSV, NPY, decode, encode, plain
from harness.flow.project.scores import NUMBER, r_squared
from harness.flow.record.figures import Bounds  # noqa: TC001  # pydantic reads the annotation
from harness.flow.record.seen import referred

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.flow.project.payloads import Array
    from harness.flow.record.answered import Answered
    from harness.flow.record.classes import Classes
    from harness.flow.record.seen import Seen
    from harness.flow.report import Report

VERSION = 1
"""Of the document's form: higher where a member changes its meaning or goes."""

SAMPLE = 600
"""Characters of a request or an answer that are shown."""

SAMPLES = 3
"""Requests of a set that are shown."""

_UNPRINTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_ESCAPES = re.compile("\x1b\\[[0-9;?]*[ -/]*[@-~]")

Number = float | None


class PhaseMembers(TypedDict):
    """What a job's status was for a time."""

    name: Annotated[str, Field(description="AWS's word for it: `Downloading`, `Training`, ….")]
    start: Annotated[float, Field(description="Seconds since the run's start.")]
    seconds: float


class StepMembers(TypedDict):
    """A step of the run."""

    name: str
    start: Annotated[float, Field(description="Seconds since the run's start.")]
    seconds: float
    phases: Annotated[list[PhaseMembers], Field(description="The training job's, of `train`.")]


class ResidualsMembers(TypedDict):
    """The truth less the prediction, over all rows; in the target's unit."""

    mean: float
    std: Annotated[float, Field(description="Standard deviation.")]
    min: float
    max: float
    mean_absolute: float
    root_mean_square: float


class CurveMembers(TypedDict):
    """How one class is told from all others."""

    label: str
    area: Annotated[float, Field(description="Under the ROC curve: 0.5 is chance, 1 perfect.")]


class ClassesMembers(TypedDict):
    """Answers that are classes."""

    labels: list[str]
    confusion: Annotated[
        list[list[int]], Field(description="Row: the true class. Column: what it was called.")
    ]
    accuracy: float
    roc: Annotated[list[CurveMembers], Field(description="Of probabilities; else empty.")]


class SampleMembers(TypedDict):
    """A request and its answer, as text; npy is shown as csv."""

    request: str
    request_bytes: int
    answer: str
    answer_bytes: int
    seconds: Annotated[Number, Field(description="Until the answer was there.")]


class LatencyMembers(TypedDict):
    """Seconds from a request to its answer."""

    first: float
    median: float
    max: float


class AnswersMembers(TypedDict):
    """A set of requests and its answers."""

    name: str
    requests: int
    rows: Annotated[int | None, Field(description="Answers, where an array was made of them.")]
    content_type: str
    accept: str
    kind: Annotated[str, Field(description="`numbers`, `classes` or `other`.")]
    latency: LatencyMembers | None
    residuals: ResidualsMembers | None
    classes: ClassesMembers | None
    reference_r2: Annotated[Number, Field(description="R² of `report.reference` on these rows.")]
    samples: list[SampleMembers]


class LogMembers(TypedDict):
    """What containers have written."""

    group: Annotated[str, Field(description="Its group in CloudWatch Logs.")]
    file: Annotated[str, Field(description="In the run's folder.")]
    lines: Annotated[int, Field(description="That there were; the file has the last 5000.")]


class LocalMembers(TypedDict):
    """The same artifact served locally; of a run on AWS."""

    metrics: dict[str, Number]
    difference: Number


class Document(TypedDict):
    """report.json, which a run leaves in `build/runs/RUN/`."""

    version: Annotated[int, Field(description="Of this form: 1.")]
    run: Annotated[str, Field(description="The run's name; whatever it made begins so.")]
    project: str
    began: Annotated[str, Field(description="When, in UTC, as ISO 8601.")]
    passed: Annotated[bool, Field(description="Whether every step and every threshold held.")]
    error: Annotated[str, Field(description="What ended the run before its end; empty if nothing.")]
    target: Annotated[str, Field(description="`local` or `aws`.")]
    region: str
    image: str
    hyperparameters: dict[str, str]
    training_job: str
    model_data: Annotated[str, Field(description="The model's URI in S3 while the run lasted.")]
    endpoint: str
    metrics: Annotated[dict[str, Number], Field(description="null: it is no finite number.")]
    thresholds: dict[str, Bounds]
    local: LocalMembers | None
    seconds: Annotated[dict[str, float], Field(description="By step, and `total`.")]
    steps: Annotated[list[StepMembers], Field(description="In the order in which they ended.")]
    answers: list[AnswersMembers]
    logs: list[LogMembers]
    notes: Annotated[list[str], Field(description="What the report lacks, and why.")]
    output: Annotated[str, Field(description="The run's folder.")]
    model: Annotated[str, Field(description="The file of the model there.")]
    report: Annotated[str, Field(description="The page for people there, report.html.")]


def make(report: Report, seen: Seen) -> Document:
    """The document of a run."""
    settings = seen.settings
    found: dict[str, Any] = {
        "version": VERSION,
        "project": settings.project.name,
        "began": seen.began.isoformat(timespec="seconds"),
        "hyperparameters": dict(settings.hyperparameters),
        "steps": _steps(seen),
        "answers": [_answers(each, seen) for each in seen.answers],
        "logs": [
            {"group": each.group, "file": log_file(each.group, seen), "lines": each.count}
            for each in seen.logs
            if each.count
        ],
        "notes": seen.notes,
    }
    whole = report.as_dict() | found
    document: Document = {name: whole[name] for name in Document.__annotations__}  # type: ignore[assignment]
    return document


def log_file(group: str, seen: Seen) -> str:
    """Where in the run's folder a log is: `logs/TrainingJobs.log`."""
    kind = _kind_of_log(group)
    alike = [each.group for each in seen.logs if _kind_of_log(each.group) == kind]
    number = alike.index(group) + 1
    return f"logs/{kind}.log" if number == 1 else f"logs/{kind}-{number}.log"


def _kind_of_log(group: str) -> str:
    """Of SageMaker's groups, /aws/sagemaker/KIND/…, the kind."""
    parts = group.split("/")
    return parts[3] if parts[:3] == ["", "aws", "sagemaker"] and len(parts) > 3 else "containers"


def printable(text: str) -> str:
    """A text as every format takes it: without colours, and without what can't be printed."""
    return _UNPRINTED.sub("\N{REPLACEMENT CHARACTER}", _ESCAPES.sub("", text))


def _steps(seen: Seen) -> list[StepMembers]:
    phases: list[PhaseMembers] = [
        {
            "name": each.name,
            "start": round((each.start - seen.began).total_seconds(), 3),
            "seconds": round((each.end - each.start).total_seconds(), 3),
        }
        for each in seen.phases
    ]
    return [
        {
            "name": step.name,
            "start": step.start,
            "seconds": step.seconds,
            "phases": phases if step.name == "train" else [],
        }
        for step in seen.steps
    ]


def _answers(each: Answered, seen: Seen) -> AnswersMembers:
    answers, asked = each.answers, each.answers.asked
    return {
        "name": asked.name,
        "requests": len(asked.bodies),
        "rows": None if answers.predictions is None else len(answers.predictions),
        "content_type": asked.bodies[0].content_type if asked.bodies else "",
        "accept": asked.accept,
        "kind": each.kind,
        "latency": _latency(answers.seconds),
        "residuals": _residuals(each.residuals) if each.kind == "numbers" else None,
        "classes": _classes(each.classes) if each.kind == "classes" else None,
        "reference_r2": _reference(each, seen),
        "samples": [
            {
                "request": text_of(body.content, body.content_type),
                "request_bytes": len(body.content),
                "answer": text_of(answer, asked.accept),
                "answer_bytes": len(answer),
                "seconds": round(seconds, 6) if seconds is not None else None,
            }
            for body, answer, seconds in zip(
                asked.bodies[:SAMPLES],
                answers.bodies,
                [*answers.seconds, *[None] * SAMPLES],
                strict=False,
            )
        ],
    }


def _latency(seconds: Sequence[float]) -> LatencyMembers | None:
    if not seconds:
        return None
    return {
        "first": round(seconds[0], 6),
        "median": round(statistics.median(seconds), 6),
        "max": round(max(seconds), 6),
    }


def _residuals(found: Array) -> ResidualsMembers | None:
    if not len(found):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        figures = _figures(found)
    if not np.isfinite(list(figures.values())).all():  # of numbers too large for their squares
        return None
    return {name: float(value) for name, value in figures.items()}  # type: ignore[return-value]


def _figures(found: Array) -> dict[str, Any]:
    return {
        "mean": found.mean(),
        "std": found.std(),
        "min": found.min(),
        "max": found.max(),
        "mean_absolute": np.abs(found).mean(),
        "root_mean_square": np.sqrt((found**2).mean()),
    }


def _classes(found: Classes | None) -> ClassesMembers | None:
    if found is None:
        return None
    return {
        "labels": found.labels,
        "confusion": found.matrix.tolist(),
        "accuracy": found.right,
        "roc": [{"label": each.label, "area": each.area} for each in found.curves],
    }


def _reference(each: Answered, seen: Seen) -> float | None:
    """R² of the known answer on these rows."""
    if not seen.settings.report.reference or each.kind != "numbers" or each.features is None:
        return None
    try:
        score = r_squared(each.truth, referred(seen.settings, each.features))
    except HarnessError as error:
        if str(error) not in seen.notes:
            seen.notes.append(str(error))
        return None
    return score if np.isfinite(score) else None


def text_of(body: bytes, content_type: str) -> str:
    """The beginning of a body as text; of npy, as csv. Empty if it is none."""
    kind = plain(content_type)
    if kind == NPY or body.startswith(b"\x93NUMPY"):
        try:
            array = decode(body, NPY)
            rows = array[: SAMPLE // 2] if array.ndim else array.reshape(1)
            body = encode(rows, CSV) if rows.ndim <= 2 and rows.dtype.kind in NUMBER else b""
        except HarnessError:
            return ""
    try:
        text = body[: 4 * SAMPLE].decode("utf-8", "strict" if len(body) <= 4 * SAMPLE else "ignore")
    except UnicodeDecodeError:
        return ""
    if "\x00" in text:
        return ""
    text = printable(text)
    return text if len(text) <= SAMPLE else f"{text[: SAMPLE - 1]}…"
