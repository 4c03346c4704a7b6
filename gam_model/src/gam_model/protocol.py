"""scikit-learn's estimator protocol, without importing scikit-learn before it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import ArrayLike


class LazyEstimator:
    """What ``BaseEstimator`` gives to an estimator, imported when called.

    Inheriting from it and from a mixin makes every process that loads a saved model import
    scikit-learn, scipy and pandas: 1.3 s and 100 MB, where numpy alone takes 0.2 s and predicts as
    well. A subclass names its parameters in ``_parameters`` and stores each under its own name.
    """

    _parameters: ClassVar[tuple[str, ...]] = ()

    def predict(self, X: ArrayLike) -> Any:
        raise NotImplementedError

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 - theirs
        """The parameters by name. ``deep`` makes no difference: none of them is an estimator."""
        return {name: getattr(self, name) for name in self._parameters}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name.

        Raises:
            ValueError: there is no parameter of that name; then none is set.
        """
        for name in params:
            if name not in self._parameters:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self!r}. "
                    f"Valid parameters are: {list(self._parameters)!r}."
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def get_metadata_routing(self) -> Any:
        """A ``MetadataRequest``: ``fit`` and ``score`` can take ``sample_weight``."""
        from sklearn.utils.metadata_routing import MetadataRequest

        request = MetadataRequest(owner=self)
        request.fit.add_request(param="sample_weight", alias=None)
        request.score.add_request(param="sample_weight", alias=None)
        return request

    def __repr__(self) -> str:
        defaults = type(self)().get_params()
        changed = (
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if repr(value) != repr(defaults[name])
        )
        return f"{type(self).__name__}({', '.join(changed)})"

    def _repr_html_(self) -> str:
        from sklearn.utils import estimator_html_repr

        return str(estimator_html_repr(self))


class LazyRegressor(LazyEstimator):
    """What ``RegressorMixin`` gives to a regressor besides."""

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The coefficient of determination R² of ``predict(X)`` against ``y``."""
        from sklearn.metrics import r2_score

        return float(r2_score(y, self.predict(X), sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import RegressorTags, Tags, TargetTags

        return Tags(
            estimator_type="regressor",
            target_tags=TargetTags(required=True),
            transformer_tags=None,
            classifier_tags=None,
            regressor_tags=RegressorTags(),
        )


class LazyClassifier(LazyEstimator):
    """What ``ClassifierMixin`` gives to a classifier of two classes besides."""

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The share of rows whose class ``predict(X)`` tells, from 0 to 1."""
        from sklearn.metrics import accuracy_score

        return float(accuracy_score(y, self.predict(X), sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            transformer_tags=None,
            classifier_tags=ClassifierTags(multi_class=False),
            regressor_tags=None,
        )
