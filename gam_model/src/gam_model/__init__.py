"""A generalized additive model (GAM) on statsmodels with scikit-learn's estimator interface."""

from gam_model.estimator import GAMRegressor

__all__ = ["GAMRegressor"]
__version__ = "0.1.0"
