"""``df``, ``degree`` and ``alpha`` as given, made into one checked term per feature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gam_model.curves import Floats

MIN_DEGREE = 2  # BSplines takes second derivatives of the basis for its penalty
MAX_DEGREE = 5  # FITPACK, which evaluates the basis, writes past its buffers above 5
MIN_SPAN, MAX_SPAN = 1e-50, 1e50  # the fifth power of a feature's range has to be a number

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Term:
    """The spline of one feature: ``df`` basis functions, their degree and the penalty's weight."""

    df: int
    degree: int
    alpha: float

    @property
    def inner_knots(self) -> int:
        return self.df - self.degree - 1

    @property
    def free_coefficients(self) -> int:
        """How many coefficients the penalty leaves free: all without one, else the slope."""
        return self.df - 1 if self.alpha == 0 else 1


def make_terms(df: Any, degree: Any, alpha: Any, features: int) -> list[Term]:
    """One term per feature.

    Raises:
        ValueError: a value is of the wrong type or out of range, or there is not one per feature.
    """
    terms = [
        Term(*values)
        for values in zip(
            _per_feature("df", df, features, _integer),
            _per_feature("degree", degree, features, _integer),
            _per_feature("alpha", alpha, features, _number),
            strict=True,
        )
    ]
    for term in terms:
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
        if not (term.alpha >= 0 and math.isfinite(term.alpha)):
            raise ValueError(
                f"alpha={term.alpha} is not a penalty: it must be a finite number, 0 or more."
            )
    return terms


def check_data(X: Floats, terms: Sequence[Term], names: Sequence[str]) -> None:
    """See that the rows can determine the terms.

    Raises:
        ValueError: a feature is constant, or there are too few rows.
    """
    rows = len(X)
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
        if term.df > most:
            raise ValueError(
                f"{rows} rows are too few for df={term.df} of feature {name!r}: lower df to at "
                f"most {most}, or fit on at least {term.inner_knots - 1} rows."
            )
    free = 1 + sum(term.free_coefficients for term in terms)
    if rows < free:
        raise ValueError(
            f"{rows} rows are too few for the {free} coefficients that no penalty holds: fit on "
            f"at least {free} rows, leave features out, or, where alpha is 0, lower df or set "
            "alpha above 0."
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
