"""What a run is measured by: scores of the answers against the truth, and a project's own."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.config.scores import problem
from harness.config.settings import metric_name
from harness.errors import ConfigError, FlowError
from harness.flow.project import sources
from harness.flow.project.payloads import TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.config.settings import Settings
    from harness.flow.project.payloads import Array
    from harness.flow.project.requests import RequestSet

OWN = "metrics.score"
_GIVEN = ("truth", "predictions", "answers", "requests", "name")
NUMBER = "biuf"
"""numpy's kinds of numbers."""


@dataclass(frozen=True)
class Answers:
    """What the endpoint has answered to a set of requests.

    `predictions`: all answers as one array, of shape (n,) or (n, k); None where no array can be
    made of their content type.
    """

    asked: RequestSet
    bodies: list[bytes]
    predictions: Array | None
    seconds: list[float] = field(default_factory=list)
    """That each request took."""


def check(settings: Settings, asked: Sequence[RequestSet]) -> None:
    """Raises `ConfigError` for what can't be measured, before anything is made."""
    if settings.metrics.score:
        _own(settings)
    for score in settings.metrics.scores:
        if score not in _BUILT_IN:
            _scorer(score)
        for each in asked:
            if each.truth is None:
                raise ConfigError(
                    f"{each.key}: {score} needs the truth: say which column is the target, or let "
                    "the function return rows and their truth."
                )


def measure(settings: Settings, answers: Sequence[Answers]) -> dict[str, float]:
    """The metrics of the answers by name.

    Raises:
        FlowError: a score can't be computed.
    """
    found: dict[str, float] = {}
    for each in answers:
        for score in settings.metrics.scores:
            found[metric_name(each.asked.name, score)] = _score(score, each)
        if settings.metrics.score:
            own = _measured(settings, each)
            found |= {metric_name(each.asked.name, name): value for name, value in own.items()}
    return found


def _score(name: str, answers: Answers) -> float:
    asked, predictions = answers.asked, answers.predictions
    assert asked.truth is not None  # noqa: S101  # see `check`
    if predictions is None:
        raise FlowError(
            f"{asked.key}: {name} takes an array of the answers, which is made of "
            f"{', '.join(TYPES)} only; ask for one of them (accept), or have an own score."
        )
    if len(predictions) != len(asked.truth):
        raise FlowError(
            f"{asked.key}: {len(asked.truth)} answers were due, and there are {len(predictions)}."
        )
    if predictions.ndim > 1 and predictions[0].size == 1:
        predictions = predictions.reshape(len(predictions))
    try:
        if built_in := _BUILT_IN.get(name):
            return built_in(asked.truth, predictions)
        return _by_scikit_learn(name, asked.truth, predictions)
    except (ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise FlowError(f"{asked.key}: {name} can't be computed: {_line(error)}.") from error


def _line(error: Exception) -> str:
    """What an error says, on one line."""
    return " ".join(str(error).split()).rstrip(".")


def r_squared(y: Array, predicted: Array) -> float:
    """The coefficient of determination, as scikit-learn's `r2_score` has it.

    It is done here since importing scikit-learn takes a second of a run that takes four.
    """
    y, predicted = np.asarray(y, float), np.asarray(predicted, float).reshape(len(y))
    if len(y) < 2:
        return math.nan
    residual, total = ((y - predicted) ** 2).sum(), ((y - y.mean()) ** 2).sum()
    if total == 0:
        return float(residual == 0)
    return float(1 - residual / total)


def accuracy(y: Array, predicted: Array) -> float:
    """The share of answers that are the truth, as scikit-learn's `accuracy_score` has it."""
    labels = Recorded(y, predicted).labels
    if (labels.dtype.kind in NUMBER) != (y.dtype.kind in NUMBER):
        raise ValueError("of the truth and the answers one is texts, and the other numbers")
    return float(np.mean(labels == y))


_BUILT_IN: dict[str, Callable[[Array, Array], float]] = {"r2": r_squared, "accuracy": accuracy}
"""Scores that need no scikit-learn, which a run may do without."""


def _scorer(name: str) -> Any:
    """scikit-learn's scorer. Raises `ConfigError` where there is none."""
    try:
        from sklearn.metrics import get_scorer

        wrong = problem(name)
    except ImportError:
        raise ConfigError(
            f"metrics.scores: {name} is computed by scikit-learn, which isn't installed here: "
            "`pip install scikit-learn`."
        ) from None
    if wrong:
        raise ConfigError(f"metrics.scores: {wrong}")
    return get_scorer(name)


def _by_scikit_learn(name: str, truth: Array, predictions: Array) -> float:
    """A score of answers that are there already: of an "estimator" that only repeats them."""
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    scorer = _scorer(name)
    about = getattr(scorer, "_score_func", None)  # which says what the score is of

    class Regressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # has no types
        def predict(self, _: Any) -> Array:
            return predictions

    if getattr(about, "__module__", "").endswith("_regression"):
        return float(scorer(Regressor(), None, truth))
    recorded = Recorded(truth, predictions)

    class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        classes_ = recorded.classes

        def predict(self, _: Any) -> Array:
            return recorded.labels

        def predict_proba(self, _: Any) -> Array:
            return recorded.probabilities

    return float(scorer(Classifier(), None, truth))


class Recorded:
    """A classifier's answers: classes, or probabilities.

    Those of shape (n, k) are probabilities of the k classes in sorted order (of 0 to k - 1 where
    the truth is such numbers). Numbers that aren't classes, where the truth is two classes, are the
    probability of the last. `probable` says whether they are probabilities.
    """

    def __init__(self, truth: Array, predictions: Array) -> None:
        self.classes = np.unique(truth)
        self._given = predictions
        number = predictions.dtype.kind in NUMBER
        self._columns = predictions.ndim == 2
        if self._columns:
            self._fit(predictions.shape[1], number)
        self.probable = self._columns or (
            number
            and len(self.classes) <= 2
            and predictions.dtype.kind == "f"
            and not set(predictions.tolist()) <= set(self.classes.tolist())
        )

    def _fit(self, columns: int, number: bool) -> None:
        """See to it that there is a class for each column."""
        if not number:
            raise ValueError("an answer has several texts, and is neither a class nor numbers")
        if self.classes.dtype.kind in NUMBER and set(self.classes.tolist()) <= set(range(columns)):
            self.classes = np.arange(columns).astype(self.classes.dtype)
        if len(self.classes) != columns:
            raise ValueError(
                f"answers are of {columns} columns, and the truth of {len(self.classes)} classes"
            )

    @property
    def labels(self) -> Array:
        if not self.probable:
            return self._given
        found: Array = self._two[self.probabilities.argmax(axis=1)]
        return found

    @property
    def probabilities(self) -> Array:
        if self._columns:
            return self._given
        # A classifier that says no more than the class is sure of it.
        given = self._given if self.probable else self._given == self.classes[-1]
        second = np.asarray(given, float)
        return np.column_stack([1 - second, second])

    @property
    def _two(self) -> Array:
        """The classes that labels are chosen of: two at least, also where the truth is one."""
        return self.classes if len(self.classes) > 1 else np.array([0, 1], self.classes.dtype)


def _own(settings: Settings) -> Callable[..., Any]:
    """The project's own score. Raises `ConfigError` where it asks for what there isn't."""
    own = sources.function(settings.root, settings.metrics.score, OWN)
    try:
        parameters = inspect.signature(own).parameters
    except ValueError:  # some of Python's own, written in C
        raise ConfigError(
            f"{OWN} = {settings.metrics.score!r}: what it takes can't be told; wrap it in a "
            "function of your own."
        ) from None
    unknown = [
        name
        for name, parameter in parameters.items()
        if name not in _GIVEN
        and parameter.default is inspect.Parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]
    if unknown:
        raise ConfigError(
            f"{OWN} = {settings.metrics.score!r}: it asks for {', '.join(unknown)}; there are "
            f"{', '.join(_GIVEN)}."
        )
    return own


def _measured(settings: Settings, answers: Answers) -> dict[str, float]:
    """What the project's own score says of the answers to one set of requests."""
    own = _own(settings)
    there = {
        "truth": answers.asked.truth,
        "predictions": answers.predictions,
        "answers": answers.bodies,
        "requests": [body.content for body in answers.asked.bodies],
        "name": answers.asked.name,
    }
    wanted = inspect.signature(own).parameters.values()
    every = any(each.kind is each.VAR_KEYWORD for each in wanted)
    names = {each.name for each in wanted}
    given = {name: value for name, value in there.items() if every or name in names}
    found = sources.call(own, f"{OWN} = {settings.metrics.score!r}", **given)
    if not isinstance(found, Mapping):
        raise FlowError(
            f"{OWN} = {settings.metrics.score!r}: it returned {type(found).__name__}; it is to "
            "return its metrics by name (dict[str, float])."
        )
    return {str(name): _number(settings, name, value) for name, value in found.items()}


def _number(settings: Settings, name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
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
