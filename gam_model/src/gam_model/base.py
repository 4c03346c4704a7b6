"""What all estimators of a GAM have: their parameters, the fit, the curves and the summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np

from gam_model.bases import FactorBasis
from gam_model.parameters import check_data, make_terms, selection
from gam_model.protocol import LazyEstimator
from gam_model.validation import check_rows, is_plain_array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from gam_model.curves import Curves, Floats
    from gam_model.families import Family
    from gam_model.uncertainty import Uncertainty

EXTRAPOLATIONS = ("linear", "clip", "error")


class PartialDependence(NamedTuple):
    """How the prediction depends on one feature, the others as they were in training.

    Attributes:
        values: of the feature, in its unit, shape (n,).
        average: mean over the training rows of the linear predictor with the feature at each of
            the values, shape (n,). Of a Gaussian model that is the prediction, in the target's
            unit, of a Poisson model its logarithm, of a classifier ``decision_function``.
        std: standard error of that mean, shape (n,).
    """

    values: Floats
    average: Floats
    std: Floats


class GAM(LazyEstimator):
    """A constant plus one function per feature; see its subclasses."""

    _parameters: ClassVar[tuple[str, ...]] = ("alpha", "degree", "df", "extrapolation", "terms")

    intercept_: float
    curves_: Curves
    alpha_: Floats
    edf_: Floats
    scale_: float
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]
    _centres: Floats
    _uncertainty: Uncertainty
    _summary: str

    def __init__(
        self,
        df: int | ArrayLike = 15,
        alpha: float | ArrayLike | Literal["gcv", "reml"] = 1.0,
        degree: int | ArrayLike = 3,
        extrapolation: Literal["linear", "clip", "error"] = "linear",
        terms: str | ArrayLike = "spline",
    ) -> None:
        self.df = df
        self.alpha = alpha
        self.degree = degree
        self.extrapolation = extrapolation
        self.terms = terms

    def _fit(
        self, rows: Floats, y: Floats, sample_weight: Any, named: Any, family: Family | None
    ) -> None:
        """Fit to rows and a target that are checked already, and keep what it finds.

        ``named`` is the target as it was given: a pandas Series knows its name.

        Raises:
            ValueError: weights are not one number of 0 or more a row, a parameter makes no sense, a
                feature is constant, or there are too few rows.
        """
        from gam_model.fit.fitting import Data, fit_gam

        weights = None
        if sample_weight is not None:
            weights = check_weights(sample_weight, rows)
            counted = weights > 0
            rows, y, weights = rows[counted], y[counted], weights[counted]
        self._check_extrapolation()
        name = getattr(named, "name", None)
        target = name if isinstance(name, str) else "y"
        terms = make_terms(self.df, self.degree, self.alpha, self.n_features_in_, self.terms)
        names = self._feature_names()
        check_data(rows, terms, names, weights)

        fit = fit_gam(Data(rows, y, weights, names, target), terms, selection(self.alpha), family)
        self.intercept_ = fit.intercept
        self.curves_ = fit.curves
        self.alpha_ = fit.alpha
        self.edf_ = fit.edf
        self.scale_ = fit.scale
        self._centres = fit.centres
        self._uncertainty = fit.uncertainty
        self._summary = fit.summary

    def _predictor(self, rows: Floats) -> Floats:
        """The linear predictor at rows from :meth:`_rows`; a new array, shape (rows,)."""
        predictor = self.curves_(rows)
        predictor += self.intercept_
        return predictor

    def _rows(self, X: ArrayLike) -> Floats:
        """``X`` as rows at which the curves can be evaluated."""
        self._check_fitted()
        rows = self._validate(X)
        self._check_extrapolation()
        for index, basis in enumerate(self._uncertainty.bases):
            if isinstance(basis, FactorBasis):
                self._check_levels(index, basis, rows[:, index])
        if self.extrapolation == "error":
            self._check_range(rows)
        elif self.extrapolation == "clip":
            rows = rows.clip(self.curves_.lower, self.curves_.upper)
        return rows

    def partial_dependence(
        self, feature: int | str, values: ArrayLike | None = None
    ) -> PartialDependence:
        """How the prediction depends on one feature, with the band's standard error.

        It is what ``sklearn.inspection.partial_dependence`` computes on the training rows (with
        ``response_method="decision_function"`` for a classifier), without them: in an additive
        model the others' mean is a constant.

        Args:
            feature: its number, from 0, or its name.
            values: of the feature, in its unit, shape (n,); by default 100 over its range in
                training, or a factor's levels.

        Raises:
            ValueError: there is no such feature, or values are not finite or not levels.
            sklearn.exceptions.NotFittedError: ``fit`` was not called.
        """
        self._check_fitted()
        index = self._feature_index(feature)
        basis = self._uncertainty.bases[index]
        if values is not None:
            at = check_rows(np.array(values, dtype=float, ndmin=1)[:, None], 1)[:, 0]
        elif isinstance(basis, FactorBasis):
            at = basis.levels
        else:
            at = np.linspace(basis.lower, basis.upper, 100)
        if isinstance(basis, FactorBasis):
            self._check_levels(index, basis, at)
        average = self.curves_[index](at) - self._centres[index]
        average += self.intercept_ + self._centres.sum()
        return PartialDependence(at, average, self._uncertainty.of_feature(index, at))

    @property
    def summary(self) -> str:
        """statsmodels' summary table of the fit, as text; its date is the fit's.

        Raises:
            sklearn.exceptions.NotFittedError: ``fit`` was not called.
        """
        self._check_fitted()
        return self._summary

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "curves_")

    def _check_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            from sklearn.utils.validation import check_is_fitted

            check_is_fitted(self)

    def _check_extrapolation(self) -> None:
        if self.extrapolation not in EXTRAPOLATIONS:
            raise ValueError(
                f"extrapolation={self.extrapolation!r} is unknown: "
                f"choose one of {', '.join(map(repr, EXTRAPOLATIONS))}."
            )

    def _validate(self, X: ArrayLike) -> Floats:
        if is_plain_array(X) and not hasattr(self, "feature_names_in_"):
            return check_rows(np.asarray(X), self.n_features_in_)
        # Frames, lists, objects, sparse matrices: scikit-learn converts them, or says what is
        # wrong, and compares the names of the columns.
        from sklearn.utils.validation import validate_data

        checked: Floats = validate_data(self, X, reset=False, dtype=np.float64)
        return checked

    def _check_range(self, rows: Floats) -> None:
        for name, curve, column in zip(self._feature_names(), self.curves_, rows.T, strict=True):
            low, high = float(column.min()), float(column.max())
            if low < curve.lower or high > curve.upper:
                raise ValueError(
                    f"Feature {name!r} has values from {low} to {high}, outside its range in "
                    f"training, {curve.lower} to {curve.upper}: keep to that range, or set "
                    "extrapolation to 'linear' or 'clip'."
                )

    def _feature_names(self) -> list[str]:
        """The features' names, or those that statsmodels gives to nameless ones."""
        if hasattr(self, "feature_names_in_"):
            return [str(name) for name in self.feature_names_in_]
        return [f"x{index}" for index in range(self.n_features_in_)]

    def _check_levels(self, index: int, basis: FactorBasis, column: Floats) -> None:
        unknown = np.setdiff1d(column, basis.levels)
        if len(unknown):
            known = ", ".join(f"{level:g}" for level in basis.levels[:10])
            raise ValueError(
                f"Feature {self._feature_names()[index]!r} has the level {unknown[0]:g}, which it "
                f"had not in training: there it has {known}{', …' * (len(basis.levels) > 10)}."
            )

    def _feature_index(self, feature: int | str) -> int:
        names = self._feature_names()
        if isinstance(feature, str) and feature in names:
            return names.index(feature)
        if isinstance(feature, (int, np.integer)) and 0 <= feature < len(names):
            return int(feature)
        raise ValueError(
            f"There is no feature {feature!r}: give a number from 0 to {len(names) - 1}, or one of "
            f"{', '.join(names[:10])}{', …' * (len(names) > 10)}."
        )


def check_weights(sample_weight: Any, rows: Floats) -> Floats:
    """The weights as an array, shape (rows,).

    Raises:
        ValueError: they are not one finite number of 0 or more a row, or fewer than 2 are above 0.
    """
    from sklearn.utils.validation import _check_sample_weight

    weights: Floats = _check_sample_weight(
        sample_weight, rows, dtype=np.float64, ensure_non_negative=True
    )
    if (weights > 0).sum() < 2:
        raise ValueError(
            f"{(weights > 0).sum()} row(s) have a sample_weight above 0: a fit needs 2 or more."
        )
    return weights
