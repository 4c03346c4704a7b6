"""``GAMRegressor``: scikit-learn's estimator interface on statsmodels' GAM."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

import numpy as np

from gam_model.base import GAM
from gam_model.families import Poisson
from gam_model.protocol import LazyRegressor

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import ArrayLike

    from gam_model.curves import Floats

FAMILIES = ("gaussian", "poisson")


class GAMRegressor(LazyRegressor, GAM):
    """A generalized additive model: a constant plus one function per feature.

    The functions are penalised B-splines, those of statsmodels' ``GLMGam`` on ``BSplines`` with
    knots at the quantiles of the training rows, or straight lines, or a value for each level. The
    memory that a fit takes beyond the rows themselves does not depend on their number. A fitted
    model keeps the functions as polynomials, the coefficients' covariance and the summary as text,
    never the training rows, so its size does not depend on their number.

    It is a scikit-learn regressor in all but ancestry: loading a saved model and predicting import
    numpy alone (see :class:`~gam_model.protocol.LazyRegressor`).

    Args:
        df: basis functions of a feature's spline; a number, or one per feature. Curves of more
            ``df`` can follow finer detail.
        alpha: weight of the penalty on the curves' second derivatives, 0 or more; a number, or
            one per feature. Curves of more ``alpha`` are closer to straight lines. As in
            statsmodels it weighs the integral of f''(x)² in x's own unit: in a unit a tenth as
            large, the same ``alpha`` is a thousandth of the penalty. ``"gcv"`` and ``"reml"``
            select it from the data, by generalized cross-validation or by restricted maximum
            likelihood as mgcv does, in whatever unit.
        degree: degree of the splines, from 2 to 5; a number, or one per feature.
        extrapolation: what ``predict`` does outside the range of a feature in training:
            ``"linear"`` continues the boundary's value and slope, ``"clip"`` holds the
            boundary's value, ``"error"`` raises a ``ValueError``.
        terms: ``"spline"``, ``"linear"`` (a straight line, without a penalty) or ``"factor"`` (a
            value for each level, that is, each distinct number); one for all, or one per feature.
        family: distribution of the target: ``"gaussian"``, or ``"poisson"`` for counts, whose
            logarithm of the mean is then the sum of the curves.

    Attributes:
        intercept_: the model's constant, a float in the target's unit (of counts, its logarithm):
            the prediction where every feature has its smallest value.
        curves_: a tuple of one :class:`~gam_model.curves.Curve` per feature, each 0 at the
            feature's smallest value.
        alpha_: weight of each feature's penalty, as given or as selected, shape (n_features_in_,);
            NaN for linear and factor terms.
        edf_: effective degrees of freedom of each feature, shape (n_features_in_,): 1 is a line.
        scale_: variance of the target about the fit, in the square of the target's unit; 1 of
            counts, whose variance is their mean.
        n_features_in_: the number of features in training.
        feature_names_in_: their names, if ``X`` had string column names.
    """

    _parameters: ClassVar[tuple[str, ...]] = (*GAM._parameters, "family")

    def __init__(
        self,
        df: int | ArrayLike = 15,
        alpha: float | ArrayLike | Literal["gcv", "reml"] = 1.0,
        degree: int | ArrayLike = 3,
        extrapolation: Literal["linear", "clip", "error"] = "linear",
        terms: str | ArrayLike = "spline",
        family: Literal["gaussian", "poisson"] = "gaussian",
    ) -> None:
        super().__init__(df, alpha, degree, extrapolation, terms)
        self.family = family

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model.

        Args:
            X: features, shape (rows, features).
            y: target, shape (rows,).
            sample_weight: how many rows each row counts as, 0 or more, shape (rows,); by default 1.
                As statsmodels' ``freq_weights``, it need not be a whole number.

        Raises:
            ValueError: the data are not finite numbers of that shape, a parameter makes no sense,
                a feature is constant, or there are too few rows.
        """
        from sklearn.utils.validation import validate_data

        if self.family not in FAMILIES:
            raise ValueError(
                f"family={self.family!r} is unknown: choose one of "
                f"{', '.join(map(repr, FAMILIES))}; of two classes, fit a GAMClassifier."
            )
        rows, observed = validate_data(
            self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2
        )
        if self.family == "poisson" and (observed.min() < 0 or observed.max() == 0):
            raise ValueError(
                f"The target goes from {observed.min():g} to {observed.max():g}: family='poisson' "
                "needs counts of 0 or more, and one above 0."
            )
        self._fit(rows, observed, sample_weight, y, Poisson() if self._counts else None)
        return self

    @overload
    def predict(self, X: ArrayLike, return_std: Literal[False] = False) -> Floats: ...

    @overload
    def predict(self, X: ArrayLike, return_std: Literal[True]) -> tuple[Floats, Floats]: ...

    def predict(self, X: ArrayLike, return_std: bool = False) -> Floats | tuple[Floats, Floats]:
        """Predict the target of ``X``, shape (rows, features).

        Args:
            X: features, in their units in training.
            return_std: return the standard error as well: that of the mean, which a large number of
                rows makes small. The target itself scatters about it by ``scale_``.

        Returns:
            The prediction in the target's unit, shape (rows,), or it and its standard error in the
            same unit, shape (rows,).

        Raises:
            ValueError: ``X`` is not of finite numbers or not of the training's width, has a level
                that a factor had not in training, or, with ``extrapolation="error"``, lies outside
                the training's range.
            sklearn.exceptions.NotFittedError: ``fit`` was not called.
        """
        rows = self._rows(X)
        prediction = self._predictor(rows)
        if self._counts:
            prediction = Poisson().mean(prediction)
        if not return_std:
            return prediction
        std = self._uncertainty.of_rows(rows)
        return prediction, (std * prediction if self._counts else std)

    def predict_interval(
        self, X: ArrayLike, level: float = 0.95, of: Literal["mean", "observation"] = "mean"
    ) -> tuple[Floats, Floats]:
        """The band about the prediction for ``X``, shape (rows, features).

        Args:
            X: features, in their units in training.
            level: the probability of the band, between 0 and 1.
            of: ``"mean"`` for a band of the predicted mean, ``"observation"`` for one of the target
                of a single row, which is wider by ``scale_``.

        Returns:
            Lower and upper end, in the target's unit, each of shape (rows,).

        Raises:
            ValueError: see :meth:`predict`; or ``level`` or ``of`` makes no sense.
            sklearn.exceptions.NotFittedError: ``fit`` was not called.
        """
        if not 0 < level < 1:
            raise ValueError(f"level={level!r} is no probability: it must be between 0 and 1.")
        if of not in ("mean", "observation"):
            raise ValueError(f"of={of!r} is unknown: choose 'mean' or 'observation'.")
        if of == "observation" and self._counts:
            raise ValueError("of='observation' is for family='gaussian'; counts are Poisson's.")
        rows = self._rows(X)
        middle, std = self._predictor(rows), self._uncertainty.of_rows(rows)
        if of == "observation":
            std = np.hypot(std, np.sqrt(self.scale_))
        half = NormalDist().inv_cdf((1 + level) / 2) * std
        ends = middle - half, middle + half
        return (Poisson().mean(ends[0]), Poisson().mean(ends[1])) if self._counts else ends

    @property
    def _counts(self) -> bool:
        return self.family == "poisson"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self._counts
        return tags
