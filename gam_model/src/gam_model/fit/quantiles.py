"""Quantiles of weighted values: those of the values with each as often as its weight says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gam_model.curves import Floats


def quantiles(values: Floats, shares: Floats, weights: Floats | None) -> Floats:
    """``numpy.percentile`` of the values, or, with whole numbers as weights, of repeated values.

    Weights of which some are below 1 count as multiples of the smallest.

    Args:
        values: shape (n,).
        shares: from 0 to 1, shape (k,).
        weights: above 0, shape (n,).
    """
    if weights is None:
        # All quantiles at once take a tenth of the time that statsmodels needs for one by one.
        found: Floats = np.percentile(values, 100 * shares)
        return found
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    counts = weights / min(1.0, float(weights.min()))
    ends = np.cumsum(counts)
    # As repeated values stand in a sorted list: each from one place to another.
    places = np.column_stack((ends - counts, ends - 1)).ravel()
    at: Floats = np.interp(shares * (ends[-1] - 1), places, values.repeat(2))
    return at
