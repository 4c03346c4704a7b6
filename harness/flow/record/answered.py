"""A set of requests and its answers, as far as something can be drawn or said of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.errors import FlowError
from harness.flow.project.payloads import TYPES, decode, plain
from harness.flow.project.scores import NUMBER
from harness.flow.record.classes import classes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.flow.project.payloads import Array
    from harness.flow.project.requests import Body
    from harness.flow.project.scores import Answers
    from harness.flow.record.classes import Classes

Kind = Literal["numbers", "classes", "other"]

FEW = 20
"""Whole numbers that the truth may have and be classes, where no score says what they are."""

LARGEST = 1e300
"""What is drawn: beyond, differences are no numbers any more."""

_OF_CLASSES = {
    "neg_log_loss", "neg_brier_score", "neg_negative_likelihood_ratio", "d2_log_loss_score",
    "d2_brier_score",
}  # fmt: skip
"""scikit-learn's scores of classes that are called as those of numbers are."""


@dataclass(frozen=True)
class Answered:
    """`scores`: the names of the settings' scores, which say what the answers are."""

    answers: Answers
    scores: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.answers.asked.name or "all"

    @cached_property
    def kind(self) -> Kind:
        """`numbers`: one for each row, and so is the truth. `other`: nothing can be drawn."""
        truth, predictions = self.answers.asked.truth, self.answers.predictions
        if (
            truth is None or predictions is None or truth.ndim != 1 or not len(truth)
            or len(truth) != len(predictions) or predictions.ndim > 2
        ):  # fmt: skip
            return "other"
        if _are_classes(truth, predictions, self.scores):
            return "classes" if self.classes else "other"
        numbers = truth.dtype.kind in NUMBER and self.predictions.dtype.kind in NUMBER
        return "numbers" if numbers and self.predictions.ndim == 1 else "other"

    @property
    def truth(self) -> Array:
        truth = self.answers.asked.truth
        assert truth is not None  # noqa: S101  # the kind isn't `other`
        return truth.astype(float) if self.kind == "numbers" else truth

    @property
    def predictions(self) -> Array:
        """Of shape (n,) where each row has one."""
        predictions = self.answers.predictions
        assert predictions is not None  # noqa: S101  # the same
        return predictions[:, 0] if predictions.shape[1:] == (1,) else predictions

    @cached_property
    def apart(self) -> Array:
        """Truth less prediction, of all rows; not finite where it can't be."""
        with np.errstate(over="ignore", invalid="ignore"):
            found: Array = self.truth - self.predictions.astype(float)
        return found

    @property
    def residuals(self) -> Array:
        """The same of those rows where it can be drawn."""
        return self.apart[can_be_drawn(self.apart)]

    @cached_property
    def classes(self) -> Classes | None:
        truth = self.answers.asked.truth
        assert truth is not None  # noqa: S101  # the kind needs it
        return classes(truth, self.predictions)

    @cached_property
    def features(self) -> Array | None:
        """What was asked, of shape (n, k), if it is numbers, and as many rows as the answers."""
        parts = [_rows(body) for body in self.answers.asked.bodies]
        there = [part for part in parts if part is not None]
        if not there or len(there) < len(parts) or len({part.shape[1] for part in there}) > 1:
            return None
        rows = np.concatenate(there)
        answers = self.answers.predictions
        return rows if answers is not None and len(rows) == len(answers) else None

    @property
    def feature(self) -> Array | None:
        """The one feature, of shape (n,), if there is but one."""
        features = self.features
        return features[:, 0] if features is not None and features.shape[1] == 1 else None


def answered(answers: Iterable[Answers], scores: Iterable[str]) -> list[Answered]:
    names = tuple(scores)
    return [Answered(each, names) for each in answers]


def can_be_drawn(*values: Array) -> Array:
    """Where all of the values of one shape are numbers that can be drawn."""
    found: Array = np.logical_and.reduce([np.abs(each) < LARGEST for each in values])
    return found


def _rows(body: Body) -> Array | None:
    """The rows of a request as numbers of shape (n, k), if it has such."""
    if body.rows is None or plain(body.content_type) not in TYPES:
        return None
    try:
        rows = decode(body.content, body.content_type)
    except FlowError:
        return None
    if rows.dtype.kind not in NUMBER or rows.ndim > 2:
        return None
    return rows.reshape(body.rows, -1).astype(float) if len(rows) == body.rows else None


def _are_classes(truth: Array, predictions: Array, scores: tuple[str, ...]) -> bool:
    if truth.dtype.kind not in NUMBER or predictions.dtype.kind not in NUMBER:
        return True
    if scores:
        return not any(_is_of_numbers(score) for score in scores)
    found = np.unique(truth)
    if len(found) > FEW or not (found == np.floor(found)).all():
        return False
    if predictions.ndim == 2 and predictions.shape[1] > 1:
        return True
    within = len(found) <= 2 and predictions.min() >= 0 and predictions.max() <= 1
    return bool(within or np.isin(predictions, found).all())


def _is_of_numbers(score: str) -> bool:
    """Whether scikit-learn's score is one of numbers, and not of classes."""
    return score in ("r2", "max_error", "explained_variance") or (
        score.startswith(("neg_", "d2_")) and score not in _OF_CLASSES
    )
