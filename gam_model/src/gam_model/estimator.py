"""``GAMRegressor``: scikit-learn's estimator interface on statsmodels' GAM."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from gam_model.parameters import check_data, make_terms
from gam_model.protocol import LazyRegressor
from gam_model.validation import check_rows, is_plain_array

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import ArrayLike, NDArray

    from gam_model.curves import Curves, Floats

EXTRAPOLATIONS = ("linear", "clip", "error")


class GAMRegressor(LazyRegressor):
    """A generalized additive model: a constant plus one smooth curve per feature.

    The curves are penalised B-splines, fitted by statsmodels' ``GLMGam`` on ``BSplines`` with
    knots at the quantiles of the training rows; the memory that takes beyond the rows themselves
    does not depend on their number. A fitted model keeps the curves as polynomials
    and the summary as text, never the training rows, so its size does not depend on their number.

    It is a scikit-learn regressor in all but ancestry: loading a saved model and predicting import
    numpy alone (see :class:`~gam_model.protocol.LazyRegressor`).

    Args:
        df: basis functions of a feature's spline; a number, or one per feature. Curves of more
            ``df`` can follow finer detail.
        alpha: weight of the penalty on the curves' second derivatives, 0 or more; a number, or
            one per feature. Curves of more ``alpha`` are closer to straight lines.
        degree: degree of the splines, from 2 to 5; a number, or one per feature.
        extrapolation: what ``predict`` does outside the range of a feature in training:
            ``"linear"`` continues the boundary's value and slope, ``"clip"`` holds the
            boundary's value, ``"error"`` raises a ``ValueError``.

    Attributes:
        intercept_: the model's constant, a float.
        curves_: a tuple of one :class:`~gam_model.curves.Curve` per feature.
        n_features_in_: the number of features in training.
        feature_names_in_: their names, if ``X`` had string column names.
    """

    _parameters: ClassVar = ("alpha", "degree", "df", "extrapolation")

    intercept_: float
    curves_: Curves
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    def __init__(
        self,
        df: int | ArrayLike = 15,
        alpha: float | ArrayLike = 1.0,
        degree: int | ArrayLike = 3,
        extrapolation: Literal["linear", "clip", "error"] = "linear",
    ) -> None:
        self.df = df
        self.alpha = alpha
        self.degree = degree
        self.extrapolation = extrapolation

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit the model.

        Args:
            X: features, shape (rows, features).
            y: target, shape (rows,).

        Raises:
            ValueError: the data are not finite numbers of that shape, a parameter makes no sense,
                a feature is constant, or there are too few rows.
        """
        from sklearn.utils.validation import validate_data

        from gam_model.fitting import fit_gam

        target = getattr(y, "name", None)
        rows, observed = validate_data(
            self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2
        )
        self._check_extrapolation()
        terms = make_terms(self.df, self.degree, self.alpha, self.n_features_in_)
        names = self._feature_names()
        check_data(rows, terms, names)

        fit = fit_gam(rows, observed, terms, names, target if isinstance(target, str) else "y")
        self.intercept_ = fit.intercept
        self.curves_ = fit.curves
        self._summary = fit.summary
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Predict the target of ``X``, shape (rows, features); returns shape (rows,).

        Raises:
            ValueError: ``X`` is not of finite numbers or not of the training's width, or, with
                ``extrapolation="error"``, lies outside the training's range.
            sklearn.exceptions.NotFittedError: ``fit`` was not called.
        """
        self._check_fitted()
        rows = self._validate(X)
        self._check_extrapolation()
        if self.extrapolation == "error":
            self._check_range(rows)
        elif self.extrapolation == "clip":
            rows = rows.clip(self.curves_.lower, self.curves_.upper)
        prediction = self.curves_(rows)
        prediction += self.intercept_
        return prediction

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
