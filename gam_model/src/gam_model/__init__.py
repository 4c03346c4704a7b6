"""Generalized additive models (GAMs) on statsmodels with scikit-learn's estimator interface."""

from gam_model.classifier import GAMClassifier
from gam_model.estimator import GAMRegressor

__all__ = ["GAMClassifier", "GAMRegressor"]
__version__ = "0.2.0"
