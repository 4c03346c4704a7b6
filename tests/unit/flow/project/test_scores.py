"""Scores are scikit-learn's, of answers that are there already; own scores are what they say."""

from __future__ import annotations

import builtins
import itertools
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics

from harness.config.settings import Metrics, Settings
from harness.errors import ConfigError, FlowError
from harness.flow.project import scores
from harness.flow.project.requests import Body, RequestSet
from harness.flow.project.scores import Answers, accuracy, difference, measure, r_squared

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = itertools.count()
floats = st.floats(-1e6, 1e6, allow_subnormal=False)
pairs = st.integers(2, 20).flatmap(
    lambda n: st.tuples(*[st.lists(floats, min_size=n, max_size=n)] * 2)
)


def answers(truth: Any, predictions: Any, name: str = "test") -> Answers:
    bodies = [Body(b"1,2\n", "text/csv", 1)]
    asked = RequestSet(name, bodies, "text/csv", None if truth is None else np.asarray(truth))
    given = None if predictions is None else np.asarray(predictions)
    return Answers(asked, [b"3\n"], given)


def score(name: str, truth: Any, predictions: Any) -> float:
    settings = Settings(metrics=Metrics(scores=[name]))
    (found,) = measure(settings, [answers(truth, predictions)]).items()
    assert found[0] == f"test_{name}"
    return found[1]


@pytest.mark.parametrize(
    ("predicted", "r2"), [([1, 2, 3], 1.0), ([1, 2, 4], 0.5), ([2, 2, 2], 0.0), ([3, 2, 1], -3.0)]
)
def test_r_squared(predicted: list[int], r2: float) -> None:
    assert r_squared(np.array([1.0, 2.0, 3.0]), np.array(predicted)) == r2


@given(pair=pairs)
def test_r2_is_scikit_learns(pair: tuple[list[float], list[float]]) -> None:
    truth, predicted = map(np.array, pair)
    assume(truth.std() > 1e-3 or truth.std() == 0)

    assert r_squared(truth, predicted) == pytest.approx(
        metrics.r2_score(truth, predicted), rel=1e-9, abs=1e-9
    )


@pytest.mark.parametrize(
    ("truth", "predicted"), [([1.0, 1.0], [1.0, 1.0]), ([1.0, 1.0], [1.0, 2.0]), ([1.0], [1.0])]
)
def test_r2_of_nothing_to_explain_is_scikit_learns(
    truth: list[float], predicted: list[float]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = metrics.r2_score(truth, predicted)
    ours = r_squared(np.array(truth), np.array(predicted))
    assert ours == theirs or (math.isnan(ours) and math.isnan(theirs))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1))
def test_accuracy_is_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    truth, predicted = (np.array(each) for each in zip(*pairs, strict=True))

    assert accuracy(truth, predicted) == pytest.approx(metrics.accuracy_score(truth, predicted))


LABELS = [0, 1, 1, 0, 1, 0]
SCORES = [0.1, 0.8, 0.4, 0.6, 0.9, 0.2]
BOTH = [[1 - each, each] for each in SCORES]
TEXTS = ["no", "yes", "yes", "no", "yes", "no"]
AUC = 8 / 9


@pytest.mark.parametrize(
    ("name", "truth", "predictions", "value"),
    [
        ("r2", [1.0, 2.0, 3.0], [[1.0], [2.0], [4.0]], 0.5),
        ("r2", [1, 2, 3], [1, 2, 4], 0.5),
        ("accuracy", LABELS, [0, 1, 0, 0, 1, 1], 4 / 6),
        ("accuracy", LABELS, [0.0, 1.0, 0.0, 0.0, 1.0, 1.0], 4 / 6),
        ("accuracy", [float(each) for each in LABELS], [0, 1, 0, 0, 1, 1], 4 / 6),
        ("accuracy", LABELS, [True] * 6, 0.5),
        ("accuracy", LABELS, SCORES, 4 / 6),
        ("accuracy", LABELS, [[each] for each in SCORES], 4 / 6),
        ("accuracy", LABELS, BOTH, 4 / 6),
        ("accuracy", TEXTS, BOTH, 4 / 6),
        ("accuracy", TEXTS, SCORES, 4 / 6),
        ("accuracy", TEXTS, ["no", "yes", "no", "no", "yes", "maybe"], 4 / 6),
        ("accuracy", [1, 1], [0.9, 0.1], 0.5),
        ("accuracy", [0, 2], [[0.6, 0.3, 0.1], [0.2, 0.7, 0.1]], 0.5),
        ("accuracy", ["a", "b", "c"], np.eye(3), 1.0),
        ("roc_auc", LABELS, SCORES, AUC),
        ("roc_auc", LABELS, BOTH, AUC),
        ("roc_auc", TEXTS, SCORES, AUC),
        ("roc_auc", TEXTS, BOTH, AUC),
        ("roc_auc", [bool(each) for each in LABELS], SCORES, AUC),
        ("roc_auc", LABELS, [-2.0, 3.0, 0.5, 1.0, 5.0, -1.0], AUC),
        ("roc_auc", LABELS, [0, 1, 0, 0, 1, 1], 2 / 3),
        ("roc_auc", TEXTS, ["no", "yes", "no", "no", "yes", "yes"], 2 / 3),
        ("roc_auc_ovr", [0, 1, 2], np.eye(3), 1.0),
        ("f1", LABELS, [0, 1, 0, 0, 1, 1], 2 / 3),
        ("f1", LABELS, SCORES, 2 / 3),
        ("f1_macro", TEXTS, ["no", "yes", "no", "no", "yes", "yes"], 2 / 3),
        ("f1_macro", ["a", "b", "c"], ["a", "b", "b"], 5 / 9),
        ("precision", LABELS, SCORES, 2 / 3),
        ("balanced_accuracy", ["a", "a", "b"], ["a", "b", "b"], 0.75),
        ("neg_log_loss", [0, 1], [0.5, 0.5], -math.log(2)),
        ("neg_log_loss", [0, 1, 2], np.full((3, 3), 1 / 3), -math.log(3)),
        ("neg_brier_score", [0, 1], [0.5, 0.5], -0.25),
        ("neg_mean_absolute_error", [1.0, 2.0], [1.5, 2.5], -0.5),
        # Whole numbers, and of two values only, are no classes to a score of numbers.
        ("neg_mean_absolute_error", [0, 1], [0.25, 0.5], -0.375),
        ("neg_root_mean_squared_error", [1, 2, 3], [[1.0], [2.0], [3.0]], 0.0),
        ("neg_max_error", [1, 2], [1.0, 2.25], -0.25),
    ],
)  # fmt: skip
def test_scores_are_scikit_learns(name: str, truth: Any, predictions: Any, value: float) -> None:
    assert score(name, truth, predictions) == pytest.approx(value)


@pytest.mark.parametrize(
    ("name", "truth", "predictions", "says"),
    [
        ("r2", ["a", "b"], [1.0, 2.0], "r2 can't be computed: could not convert string to float"),
        ("r2", [1.0, 2.0], ["a", "b"], "r2 can't be computed: could not convert string to float"),
        ("r2", [1.0, 2.0], np.ones((2, 2)), "r2 can't be computed: cannot reshape array"),
        ("r2", [1.0, 2.0], [1.0], "2 answers were due, and there are 1."),
        ("r2", [1.0], None, "r2 takes an array of the answers, which is made of text/csv, "),
        ("accuracy", ["a", "b"], [1, 2], "accuracy can't be computed: of the truth and the "),
        ("accuracy", [0, 1], [["a", "b"], ["c", "d"]], "accuracy can't be computed: an answer has"),
        ("accuracy", ["a", "b"], np.ones((2, 3)), "accuracy can't be computed: answers are of 3"),
        ("roc_auc", [0, 1, 2], [0.1, 0.2, 0.3], "roc_auc can't be computed: "),
        ("roc_auc", [0.5, 1.5, 2.5], [0.1, 0.2, 0.3], "roc_auc can't be computed: "),
        ("f1", ["a", "b"], ["a", "b"], "f1 can't be computed: "),
        ("neg_mean_absolute_error", ["a", "b"], [1, 2], "neg_mean_absolute_error can"),
        ("r2", [10**400, 1], [1, 2], "r2 can't be computed: int too large to convert to float"),
    ],
)  # fmt: skip
def test_a_score_that_cannot_be_computed(
    name: str, truth: Any, predictions: Any, says: str
) -> None:
    with pytest.raises(FlowError) as refusal:
        score(name, truth, predictions)

    assert str(refusal.value).startswith(f"requests.test: {says}")
    assert str(refusal.value).endswith(".")
    assert "\n" not in str(refusal.value)


def test_metrics_are_named_after_their_requests() -> None:
    settings = Settings(metrics=Metrics(scores=["r2", "accuracy"]))
    sets = [answers([1, 2], [1, 2], name) for name in ("train", "")]

    assert measure(settings, sets) == {
        "train_r2": 1.0,
        "train_accuracy": 1.0,
        "r2": 1.0,
        "accuracy": 1.0,
    }


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("roc_auk", "scikit-learn has no score 'roc_auk' (did you mean roc_auc?); see sklearn."),
        ("R2", "scikit-learn has no score 'R2'"),
        ("mse", "scikit-learn has no score 'mse'"),
    ],
)
def test_a_score_that_there_is_not_is_refused_before(name: str, says: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        scores.check(Settings(metrics=Metrics(scores=["r2", name])), [])

    assert str(refusal.value).startswith(f"metrics.scores: {says}")


def test_a_score_without_the_truth_is_refused_before() -> None:
    settings = Settings(metrics=Metrics(scores=["r2"]))

    with pytest.raises(ConfigError, match=r"^requests\.test: r2 needs the truth: say which column"):
        scores.check(settings, [answers(None, [1.0]).asked])
    scores.check(settings, [answers([1.0], None).asked])


def test_without_scikit_learn_the_usual_scores_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "sklearn":
            raise ModuleNotFoundError(name)
        return imported(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)

    scores.check(Settings(metrics=Metrics(scores=["r2", "accuracy"])), [])
    assert score("accuracy", TEXTS, SCORES) == pytest.approx(4 / 6)
    with pytest.raises(ConfigError, match=r"roc_auc is computed by scikit-learn, which isn't inst"):
        scores.check(Settings(metrics=Metrics(scores=["roc_auc"])), [])


@pytest.fixture
def own(tmp_path: Path) -> Callable[[str, str], Settings]:
    """Settings with an own score of such parameters, that returns so."""

    def own(parameters: str, returned: str) -> Settings:
        name = f"own{next(NAMES)}.py"
        (tmp_path / name).write_text(f"def score({parameters}):\n    return {returned}\n")
        return Settings(root=tmp_path, metrics=Metrics(score=f"{name}:score"))

    return own


@pytest.mark.parametrize(
    ("parameters", "returned"),
    [
        ("truth", "{'x': truth.sum()}"),
        ("predictions", "{'x': predictions.max() - 1}"),
        ("answers", "{'x': len(answers) + 2}"),
        ("requests", "{'x': int(requests[0][:1]) + 2}"),
        ("name", "{'x': len(name) - 1}"),
        ("truth, predictions", "{'x': (predictions - truth).sum()}"),
        ("predictions, bonus=2", "{'x': bonus + 1}"),
        ("**given", "{'x': len(given) - 2}"),
        ("truth, **given", "{'x': len(given) - 1}"),
        ("", "{'x': 3}"),
        ("*, truth", "__import__('types').MappingProxyType({'x': truth.sum()})"),
    ],
)
def test_an_own_score_is_given_what_it_names(
    own: Callable[[str, str], Settings], parameters: str, returned: str
) -> None:
    settings = own(parameters, returned)

    scores.check(settings, [])
    assert measure(settings, [answers([1, 2], [2, 4])]) == {"test_x": 3.0}


def test_an_own_score_measures_answers_of_any_type_and_without_a_truth(
    own: Callable[[str, str], Settings],
) -> None:
    settings = own("truth, predictions, answers", "{'x': truth is predictions is None}")

    assert measure(settings, [answers(None, None, "")]) == {"x": 1.0}


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        ("0.5", "it returned float; it is to return its metrics by name (dict[str, float])."),
        ("None", "it returned NoneType; it is to return its metrics by name"),
        ("{'x': 'high'}", "its x is 'high', which is no number."),
        ("{'x': None}", "its x is None, which is no number."),
        ("{'x': 10**400}", "its x is 10000"),
        ("1 / 0", "it raised ZeroDivisionError: division by zero."),
    ],
)
def test_an_own_score_that_returns_no_metrics(
    own: Callable[[str, str], Settings], returned: str, says: str
) -> None:
    settings = own("truth", returned)

    with pytest.raises(FlowError) as refusal:
        measure(settings, [answers([1], [1])])

    assert str(refusal.value).startswith(f"metrics.score = {settings.metrics.score!r}: {says}")


def test_an_own_score_that_asks_for_more_is_refused_before(
    own: Callable[[str, str], Settings],
) -> None:
    with pytest.raises(ConfigError) as refusal:
        scores.check(own("y_true, predictions, y_pred", "{}"), [])

    assert str(refusal.value).endswith(
        ".py:score': it asks for y_true, y_pred; there are truth, predictions, answers, requests, "
        "name."
    )


def test_an_own_score_that_says_not_what_it_takes_is_refused_before(tmp_path: Path) -> None:
    (tmp_path / "builtin.py").write_text("score = min")
    settings = Settings(root=tmp_path, metrics=Metrics(score="builtin.py:score"))

    with pytest.raises(ConfigError, match=r"what it takes can't be told; wrap it in a function"):
        scores.check(settings, [])


def test_an_own_score_that_is_not_there_is_refused_before(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, metrics=Metrics(score="none.py:score"))

    with pytest.raises(ConfigError, match=r"^metrics\.score = 'none\.py:score': there is no file"):
        scores.check(settings, [])


@pytest.mark.parametrize(
    ("ours", "theirs", "apart"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 4.0], [1.0, 2.0], 0.5),
        ([0.0, 0.5], [0.0, 0.25], 0.25),
        ([[1.0, 2.0]], [[1.0, 2.0]], 0.0),
        ([1.0, 2.0], [1.0], math.inf),
        (["a", "b"], ["a", "b"], 0.0),
        (["a", "b"], ["a", "c"], math.inf),
        (["1"], [1.0], math.inf),
        (None, [1.0], math.inf),
    ],
)
def test_how_far_predictions_are_apart(ours: Any, theirs: Any, apart: float) -> None:
    one, other = (None if each is None else np.asarray(each) for each in (ours, theirs))

    assert difference(one, other) == apart
