"""``df``, ``degree``, ``alpha`` and ``terms`` as given, made into one checked term per feature."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gam_model.curves import Floats

MIN_DEGREE = 2  # BSplines takes second derivatives of the basis for its penalty
MAX_DEGREE = 5  # FITPACK, which evaluates the basis, writes past its buffers above 5
MIN_SPAN, MAX_SPAN = 1e-50, 1e50  # the fifth power of a feature's range has to be a number

T = TypeVar("T")


KINDS = ("spline", "linear", "factor")
METHODS = ("gcv", "reml")


@dataclass(frozen=True, slots=True)
class Term:
    """What one feature adds to the model.

    Attributes:
        df: basis functions of a spline.
        degree: of a spline.
        alpha: weight of a spline's penalty; ``None`` where the data select it.
        kind: ``"spline"``, ``"linear"`` or ``"factor"``; the last two have none of the above.
    """

    df: int
    degree: int
    alpha: float | None
    kind: str = "spline"

    @property
    def inner_knots(self) -> int:
        return self.df - self.degree - 1

    @property
    def free_coefficients(self) -> int:
        """How many coefficients the penalty leaves free: all without one, else the slope.

        At least; a factor has one less than it has levels.
        """
        return self.df - 1 if self.alpha == 0 and self.kind == "spline" else 1


def selection(alpha: Any) -> Literal["gcv", "reml"] | None:
    """How the data select ``alpha``, where it names a way to do so.

    Raises:
        ValueError: it names another.
    """
    if not isinstance(alpha, str):
        return None
    if alpha == "gcv":
        return "gcv"
    if alpha == "reml":
        return "reml"
    raise ValueError(
        f"alpha must be a number, or one per feature, or {' or '.join(map(repr, METHODS))}, "
        f"not {alpha!r}."
    )


def make_terms(
    df: Any, degree: Any, alpha: Any, features: int, kinds: Any = "spline"
) -> list[Term]:
    """One term per feature.

    Raises:
        ValueError: a value is of the wrong type or out of range, or there is not one per feature.
    """
    terms = [
        Term(*values)
        for values in zip(
            _per_feature("df", df, features, _integer),
            _per_feature("degree", degree, features, _integer),
            [None] * features
            if selection(alpha)
            else _per_feature("alpha", alpha, features, _number),
            _per_feature("terms", kinds, features, _kind),
            strict=True,
        )
    ]
    for term in terms:
        if term.kind != "spline":
            continue
        if not MIN_DEGREE <= term.degree <= MAX_DEGREE:
            raise ValueError(
                f"degree={term.degree} is not supported: statsmodels' penalised B-splines need "
                f"a degree from {MIN_DEGREE} to {MAX_DEGREE}; 3 is the usual choice."
            )
        if term.df <= term.degree:
            raise ValueError(
                f"df={term.df} is too small for degree={term.degree}: a spline has at least "
                f"degree + 1 basis functions; set df to {term.degree + 1} or more, "
                "or lower degree."
            )
        if term.alpha is not None and not (term.alpha >= 0 and math.isfinite(term.alpha)):
            raise ValueError(
                f"alpha={term.alpha} is not a penalty: it must be a finite number, 0 or more."
            )
    return terms


def check_data(
    X: Floats, terms: Sequence[Term], names: Sequence[str], weights: Floats | None = None
) -> None:
    """See that the rows can determine the terms, and warn where they determine less than all.

    Raises:
        ValueError: a feature is constant, its range is no sensible number, or there are too few
            rows for its spline.
    """
    # A row counts as often as its weight says, unless the weights are small as a whole.
    rows = len(X) if weights is None else max(len(X), int(weights.sum()))
    for name, column, term in zip(names, X.T, terms, strict=True):
        if column.min() == column.max():
            raise ValueError(
                f"Feature {name!r} is constant ({column[0]:g} in every row), so no curve can be "
                "fitted to it: leave the feature out."
            )
        span = float(column.max()) - float(column.min())
        if not MIN_SPAN <= span <= MAX_SPAN:
            raise ValueError(
                f"Feature {name!r} has a range of {span:g}, whose powers are no floating-point "
                "numbers: give it in a unit that makes its range a number like 1."
            )
        # Knots stand at quantiles of the rows. With a penalty there may be fewer rows than basis
        # functions (scikit-learn's own checks fit 10 rows with df=15, which has 11 inner knots),
        # but where knots outnumber the rows by more, the data no longer shape the curve.
        most = rows + 1 + term.degree + 1
        if term.kind == "spline" and term.df > most:
            raise ValueError(
                f"{rows} rows are too few for df={term.df} of feature {name!r}: lower df to at "
                f"most {most}, or fit on at least {term.inner_knots - 1} rows."
            )
    free = 1 + sum(term.free_coefficients for term in terms)
    if rows < free:
        warnings.warn(
            f"{rows} rows are too few for the {free} coefficients that no penalty holds: of the "
            "fits that are equally good, the one with the smallest coefficients is taken. Fit on "
            f"at least {free} rows, leave features out, or, where alpha is 0, set it above 0.",
            stacklevel=4,
        )


def _per_feature(name: str, given: Any, features: int, parse: Callable[[str, Any], T]) -> list[T]:
    if isinstance(given, (list, tuple, np.ndarray)) and np.ndim(given) > 0:
        if len(given) != features:
            raise ValueError(
                f"{name} has {len(given)} values for {features} feature(s): give one number for "
                "all features, or one per feature."
            )
        return [parse(name, value) for value in given]
    return [parse(name, given)] * features


def _integer(name: str, value: Any) -> int:
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value)
    raise ValueError(f"{name} must be an integer, or one per feature, not {value!r}.")


def _number(name: str, value: Any) -> float:
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        return float(value)
    raise ValueError(f"{name} must be a number, or one per feature, not {value!r}.")


def _kind(name: str, value: Any) -> str:
    if isinstance(value, str) and value in KINDS:
        return value
    raise ValueError(
        f"{name} must be one of {', '.join(map(repr, KINDS))}, or one per feature, not {value!r}."
    )
