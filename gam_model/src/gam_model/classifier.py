"""``GAMClassifier``: scikit-learn's interface of a classifier on a binomial GAM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gam_model.base import GAM, check_weights
from gam_model.families import Binomial
from gam_model.protocol import LazyClassifier

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import ArrayLike, NDArray

    from gam_model.curves import Floats


class GAMClassifier(LazyClassifier, GAM):
    """A generalized additive model of two classes: curves whose sum is the log-odds of the second.

    Args:
        df: see :class:`~gam_model.estimator.GAMRegressor`, as for all parameters.
        alpha: weight of the penalty on the curves' second derivatives.
        degree: degree of the splines.
        extrapolation: what predictions do outside the range of a feature in training.
        terms: what each feature adds: ``"spline"``, ``"linear"`` or ``"factor"``.

    Attributes:
        classes_: the two classes, ascending, shape (2,).
        intercept_: the log-odds of the second where every feature has its smallest value.
        curves_: a tuple of one :class:`~gam_model.curves.Curve` per feature, in log-odds.
        alpha_: weight of each feature's penalty, shape (n_features_in_,).
        edf_: effective degrees of freedom of each feature, shape (n_features_in_,).
        scale_: 1.
        n_features_in_: the number of features in training.
        feature_names_in_: their names, if ``X`` had string column names.
    """

    classes_: NDArray[Any]

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model.

        Args:
            X: features, shape (rows, features).
            y: the class of each row, of two, shape (rows,).
            sample_weight: how many rows each row counts as, 0 or more, shape (rows,); by default 1.

        Raises:
            ValueError: see :meth:`GAMRegressor.fit`; or there are not two classes.
        """
        from sklearn.utils.multiclass import check_classification_targets, type_of_target
        from sklearn.utils.validation import column_or_1d, validate_data

        rows, given = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        given = column_or_1d(given, warn=True)
        check_classification_targets(given)
        # Rows of weight 0 are no rows, so what they have is no class.
        counted = slice(None) if sample_weight is None else check_weights(sample_weight, rows) > 0
        classes = np.unique(given[counted])
        if len(classes) > 2:
            raise ValueError(
                f"Only binary classification is supported. The type of the target is "
                f"{type_of_target(given)}: {len(classes)} classes; wrap the classifier in "
                "sklearn.multiclass.OneVsRestClassifier."
            )
        if len(classes) < 2:
            raise ValueError(f"The target has one class only, {classes[0]}: a fit needs two.")
        self._fit(
            rows,
            (given == classes[1]).astype(np.float64),
            sample_weight,
            y,
            Binomial(),
        )
        self.classes_ = classes
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """The log-odds of the second class for ``X``, shape (rows, features); returns (rows,).

        Raises:
            ValueError: see :meth:`GAMRegressor.predict`.
            sklearn.exceptions.NotFittedError: ``fit`` was not called.
        """
        return self._predictor(self._rows(X))

    def predict_proba(self, X: ArrayLike) -> Floats:
        """The probability of each class for ``X``, shape (rows, features); returns (rows, 2)."""
        odds = self.decision_function(X)
        return np.column_stack((Binomial().mean(-odds), Binomial().mean(odds)))

    def predict_log_proba(self, X: ArrayLike) -> Floats:
        """The logarithms of :meth:`predict_proba`, shape (rows, 2)."""
        odds = self.decision_function(X)
        return -np.column_stack((np.logaddexp(0, odds), np.logaddexp(0, -odds)))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The likelier class for ``X``, shape (rows, features); returns shape (rows,)."""
        second = self.decision_function(X) > 0
        classes: NDArray[Any] = self.classes_.take(second)
        return classes
