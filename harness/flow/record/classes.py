"""Answers that are classes, against the truth: the confusion matrix and the ROC curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.flow.project.scores import Recorded

if TYPE_CHECKING:
    from harness.flow.project.payloads import Array

MOST_CLASSES = 100
"""Classes of a confusion matrix; the rarest beyond are one, called `OTHER`."""

OTHER = "others"


@dataclass(frozen=True)
class Roc:
    """How one class is told from all others at every threshold of its probability.

    `false` and `true` are the rates of false and of true positives, from 0 to 1.
    """

    label: str
    false: Array
    true: Array

    @property
    def area(self) -> float:
        """The area under the curve: scikit-learn's `roc_auc_score` of that class."""
        return float(np.trapezoid(self.true, self.false))


@dataclass(frozen=True)
class Classes:
    """`matrix[i, j]` is how often class `i` was called `j`. `curves` need probabilities."""

    labels: list[str]
    matrix: Array
    curves: list[Roc]

    @property
    def right(self) -> float:
        """The share of rows whose class was told."""
        return float(np.trace(self.matrix) / max(1, self.matrix.sum()))


def classes(truth: Array, predictions: Array) -> Classes | None:
    """What can be said of such answers, of shape (n,) or (n, k); None if they aren't classes."""
    try:
        recorded = Recorded(truth, predictions)
        told = recorded.labels
    except ValueError:
        return None
    if told.ndim != 1 or len(told) != len(truth):
        return None
    names, actual, called = _numbered(_named(truth), _named(told))
    matrix = np.zeros((len(names), len(names)), int)
    np.add.at(matrix, (actual, called), 1)
    return Classes(names, matrix, _curves(recorded, truth) if recorded.probable else [])


def _named(values: Array) -> Array:
    """Classes as texts: 1.0 and 1 are one class."""
    if (
        values.dtype.kind == "f"
        and (values == np.floor(values)).all()
        and np.abs(values).max(initial=0) < 2**53
    ) or values.dtype.kind == "b":
        values = values.astype(np.int64)
    return values.astype(str)


def _numbered(truth: Array, told: Array) -> tuple[list[str], Array, Array]:
    """The classes' names in order, and which of them each row is and was called."""
    names, counts = np.unique(np.concatenate([truth, told]), return_counts=True)
    names_in_order = sorted(names.tolist(), key=_order)
    if len(names) > MOST_CLASSES:
        frequent = set(names[np.argsort(-counts, kind="stable")[: MOST_CLASSES - 1]].tolist())
        names_in_order = [name for name in names_in_order if name in frequent] + [OTHER]
    place = {name: number for number, name in enumerate(names_in_order)}
    other = len(names_in_order) - 1
    actual, called = (
        np.array([place.get(name, other) for name in each.tolist()], int) for each in (truth, told)
    )
    return names_in_order, actual, called


def _order(name: str) -> tuple[bool, float, str]:
    """Numbers as numbers, before texts."""
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name


def _curves(recorded: Recorded, truth: Array) -> list[Roc]:
    """A curve for each class; of two, for the second."""
    labels = recorded.classes
    names = _named(labels).tolist()
    found = []
    for number in range(len(labels)):
        if len(labels) == 2 and number == 0:
            continue
        score = recorded.probabilities[:, number] if recorded.probabilities.shape[1] > number else 0
        curve = _curve(truth == labels[number], np.broadcast_to(np.asarray(score), truth.shape))
        if curve:
            found.append(Roc(names[number], *curve))
    return found


def _curve(positive: Array, score: Array) -> tuple[Array, Array] | None:
    """The rates of false and true positives, of the highest threshold first.

    There is none where the truth is all of one kind.
    """
    ones = int(positive.sum())
    if not 0 < ones < len(positive):
        return None
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    true = np.cumsum(positive[order])[ends]
    false = ends + 1 - true
    start = np.zeros(1)
    return (
        np.concatenate([start, false / (len(positive) - ones)]),
        np.concatenate([start, true / ones]),
    )
