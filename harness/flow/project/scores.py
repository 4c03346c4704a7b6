"""What a run is measured by: scores of the answers against the truth, and a project's own."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.config.settings import metric_name
from harness.errors import ConfigError, FlowError
from harness.flow.project import sources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.config.settings import Settings
    from harness.flow.payloads import Array
    from harness.flow.project.requests import RequestSet

OWN = "metrics.score"


@dataclass(frozen=True)
class Answers:
    """What the endpoint has answered to a set of requests.

    `predictions`: all answers as one array, of shape (n,) or (n, k); None where no array can be
    made of their content type.
    """

    asked: RequestSet
    bodies: list[bytes]
    predictions: Array | None


def check(settings: Settings) -> None:
    """Raises `ConfigError` for scores that there aren't, before anything is made."""
    if settings.metrics.score:
        sources.function(settings.root, settings.metrics.score, OWN)
    # r2 is known to be there, and to look would import scikit-learn.
    names = [name for name in settings.metrics.scores if name != "r2"]
    if not names:
        return
    import difflib

    from sklearn.metrics import get_scorer_names

    for name in names:
        if name not in get_scorer_names():
            close = difflib.get_close_matches(name, get_scorer_names(), n=1)
            meant = f" (did you mean {close[0]}?)" if close else ""
            raise ConfigError(
                f"metrics.scores: scikit-learn has no score {name!r}{meant}; see "
                "sklearn.metrics.get_scorer_names()."
            )


def measure(settings: Settings, answers: Sequence[Answers]) -> dict[str, float]:
    """The metrics of the answers by name.

    Raises:
        FlowError: there is no truth to measure by, or a score can't be computed.
    """
    found: dict[str, float] = {}
    for each in answers:
        for score in settings.metrics.scores:
            found[metric_name(each.asked.name, score)] = _score(score, each)
        if settings.metrics.score:
            own = _own(settings, each)
            found |= {metric_name(each.asked.name, name): value for name, value in own.items()}
    return found


def _score(name: str, answers: Answers) -> float:
    asked, predictions = answers.asked, answers.predictions
    if asked.truth is None:
        raise FlowError(
            f"{asked.key}: {name} needs the truth: say which column is the target, or let the "
            "function return rows and their truth."
        )
    if predictions is None or len(predictions) != len(asked.truth):
        count = "no array" if predictions is None else f"{len(predictions)} answers"
        raise FlowError(f"{asked.key}: {len(asked.truth)} answers were due, and there is {count}.")
    if name == "r2":
        return r_squared(asked.truth, predictions)
    from sklearn.metrics import get_scorer

    try:
        return float(get_scorer(name)(_recorded(asked.truth, predictions), None, asked.truth))
    except (ValueError, TypeError, AttributeError) as error:
        raise FlowError(f"{asked.key}: {name} can't be computed: {error}") from error


def r_squared(y: Array, predicted: Array) -> float:
    """The coefficient of determination, as scikit-learn's `r2_score` has it.

    It is done here since importing scikit-learn takes a second of a run that takes four.
    """
    y, predicted = np.asarray(y, float), np.asarray(predicted, float).reshape(len(y))
    return float(1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def _recorded(truth: Array, predictions: Array) -> Any:
    """An estimator that has answered already, which is what scikit-learn's scorers take.

    Predictions of shape (n, k) are probabilities of the k classes in sorted order; numbers where
    the truth is classes, and that aren't classes themselves, are the probability of the last.
    """
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    classes = np.unique(truth)
    labels = np.unique(predictions)
    is_probability = predictions.ndim == 2 or (
        len(classes) == 2
        and predictions.dtype.kind == "f"
        and not set(labels.tolist()) <= set(classes.tolist())
    )

    class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # has no types
        classes_ = classes

        def predict(self, _: Any) -> Array:
            if not is_probability:
                return predictions
            whole: Array = classes[self.predict_proba(None).argmax(axis=1)]
            return whole

        def predict_proba(self, _: Any) -> Array:
            if predictions.ndim == 2:
                return predictions
            second = np.asarray(predictions, float)
            if not is_probability:  # of a classifier that says no more than the class
                second = (predictions == classes[-1]).astype(float)
            return np.column_stack([1 - second, second])

    class Regressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
        def predict(self, _: Any) -> Array:
            return predictions

    # A continuous truth is a regressor's; whole numbers may be either's, as may the score.
    continuous = truth.dtype.kind == "f" and not np.all(truth == np.floor(truth))
    if continuous or (predictions.ndim == 1 and len(classes) > 2 and truth.dtype.kind == "f"):
        return Regressor()
    return Classifier()


def _own(settings: Settings, answers: Answers) -> dict[str, float]:
    """What the project's own function says of the answers to one set of requests."""
    own = sources.function(settings.root, settings.metrics.score, OWN)
    there = {
        "truth": answers.asked.truth,
        "predictions": answers.predictions,
        "answers": answers.bodies,
        "requests": [body.content for body in answers.asked.bodies],
        "name": answers.asked.name,
    }
    wanted = inspect.signature(own).parameters
    unknown = [
        name
        for name, parameter in wanted.items()
        if name not in there
        and parameter.default is inspect.Parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]
    if unknown:
        raise ConfigError(
            f"{OWN} = {settings.metrics.score!r}: it asks for {', '.join(unknown)}; there are "
            f"{', '.join(there)}."
        )
    given = {name: value for name, value in there.items() if name in wanted}
    found = sources.call(own, f"{OWN} = {settings.metrics.score!r}", **given)
    if not isinstance(found, dict):
        raise FlowError(
            f"{OWN} = {settings.metrics.score!r}: it returned {type(found).__name__}; it is to "
            "return its metrics by name (dict[str, float])."
        )
    return {str(name): _number(settings, name, value) for name, value in found.items()}


def _number(settings: Settings, name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise FlowError(
            f"{OWN} = {settings.metrics.score!r}: its {name} is {value!r}, which is no number."
        ) from None


def difference(ours: Array | None, theirs: Array | None) -> float:
    """How far predictions are apart, relative to the largest; texts are equal or not."""
    if ours is None or theirs is None or ours.shape != theirs.shape:
        return math.inf
    if ours.dtype.kind not in "biuf" or theirs.dtype.kind not in "biuf":
        return 0.0 if np.array_equal(ours, theirs) else math.inf
    largest = float(np.abs(ours).max(initial=1.0))
    return float(np.abs(np.asarray(ours, float) - theirs).max(initial=0.0) / largest)


def reached(metrics: Mapping[str, float], settings: Settings) -> bool:
    """Whether every threshold holds; a metric that isn't there holds none."""
    return all(
        threshold.holds(metrics.get(name, math.nan))
        for name, threshold in settings.thresholds.items()
    )
