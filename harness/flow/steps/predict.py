"""Predict: ask an endpoint what the project asks, and make arrays of its answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from botocore.exceptions import ClientError

from harness.errors import FlowError
from harness.flow.project.payloads import TYPES, decode, plain
from harness.flow.project.scores import Answers
from harness.flow.steps.deploy import log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker.core.resources import Endpoint

    from harness.flow.context import Run
    from harness.flow.project.payloads import Array
    from harness.flow.project.requests import Body, RequestSet

_LOOK = "look at what answers POST /invocations in the container: its predict_fn, if it has hooks"


def predict(endpoint: Endpoint, sets: Sequence[RequestSet]) -> list[Answers]:
    """The endpoint's answers to all requests.

    Raises:
        FlowError: it refuses one, or answers another number of rows than it was asked.
    """
    return [_answers(endpoint, each) for each in sets]


def predict_aloud(this: Run, endpoint: Endpoint, sets: Sequence[RequestSet]) -> list[Answers]:
    """The same; where it fails, with what the container has written, which nobody could read later.

    Raises:
        FlowError: as `predict` does; and that the endpoint refuses one, with its last words.
    """
    try:
        return predict(endpoint, sets)
    except (ClientError, FlowError) as error:
        written = log(this)
        written.show_last()
        if isinstance(error, FlowError):
            written.with_last_lines(error)
            raise
        if not written.said:
            raise
        told = " ".join(str(error).split()).rstrip(".")
        raise written.with_last_lines(FlowError(f"predict: {told}; {written.said}")) from error


def _answers(endpoint: Endpoint, asked: RequestSet) -> Answers:
    bodies: list[bytes] = []
    parts: list[Array] = []
    seconds: list[float] = []
    for body in asked.bodies:
        asked_at = time.perf_counter()
        answer = endpoint.invoke(
            body=body.content, content_type=body.content_type, accept=asked.accept
        )
        content = answer.body.read()
        seconds.append(time.perf_counter() - asked_at)
        bodies.append(content)
        content_type = _text(getattr(answer, "content_type", "")) or asked.accept
        if plain(content_type) in TYPES:
            parts.append(_part(endpoint, content, content_type, body))
    whole = _whole(endpoint, parts) if len(parts) == len(bodies) else None
    return Answers(asked, bodies, whole, seconds)


def _whole(endpoint: Endpoint, parts: list[Array]) -> Array:
    if len({part.shape[1:] for part in parts}) > 1:
        shapes = ", ".join(str(part.shape) for part in parts)
        raise FlowError(
            f"endpoint {endpoint.endpoint_name} answered arrays of shapes that are not one "
            f"({shapes}); {_LOOK}."
        )
    return np.concatenate(parts)


def _amount(part: Array) -> str:
    """How many rows there are, and of what shape where one is more than a value."""
    rows = f"{len(part)} row{'' if len(part) == 1 else 's'}"
    return rows if part.ndim == 1 else f"{rows} (an array of shape {part.shape})"


def _beginning(content: bytes, most: int = 60) -> str:
    """The first characters of an answer, as Python writes them."""
    text = content[: 4 * most].decode(errors="replace")
    return repr(text if len(text) <= most else f"{text[:most]}…")


def _text(value: object) -> str:
    """Empty where the SDK has a value of its own for what wasn't said."""
    return value if isinstance(value, str) else ""


def _part(endpoint: Endpoint, content: bytes, content_type: str, body: Body) -> Array:
    part = np.atleast_1d(decode(content, content_type))
    if body.rows == 1 and part.shape[0] != 1:  # one row of several values, in a list of its own
        part = part[np.newaxis]
    if body.rows is not None and len(part) == 1 and part.ndim == 2 and part.shape[1] == body.rows:
        part = part[0]  # all answers in one line of csv
    numbers = part.dtype.kind in "biuf"
    if body.rows is not None and len(part) != body.rows:
        raise FlowError(
            f"endpoint {endpoint.endpoint_name} answered {_amount(part)} where {body.rows} rows "
            f"were due, one for each that was sent: {_beginning(content)}; {_LOOK}."
        )
    if numbers and not np.isfinite(part).all():
        raise FlowError(
            f"endpoint {endpoint.endpoint_name} answered values that are no finite numbers; "
            f"{_LOOK}."
        )
    return part
