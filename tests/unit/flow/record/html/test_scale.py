"""Axes: round values, in the range, whatever it is."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.flow.record.figures import figure
from harness.flow.record.html.scale import Scale, label, scale

FINITE = st.floats(-9e299, 9e299)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0, 250, [0, 50, 100, 150, 200, 250]),
        (-6, 5, [-5, -2.5, 0, 2.5, 5]),
        (0.011, 0.019, [0.012, 0.014, 0.016, 0.018]),
    ],
)
def test_ticks_are_round(low, high, ticks):
    assert Scale(low, high, 0, 100).ticks(5) == pytest.approx(ticks)


@given(st.lists(FINITE, min_size=1), st.booleans(), st.integers(2, 10))
def test_ticks_are_few_and_within(values, zero, most):
    found = scale([np.array(values)], 0, 100, zero=zero)
    ticks = found.ticks(most)

    assert math.isfinite(found.low)
    assert found.low < found.high
    assert len(ticks) <= most + 2
    assert all(-0.5 <= found(each) <= 100.5 for each in (*ticks, *values))
    assert found.all(np.array(values)) == pytest.approx([found(each) for each in values], abs=0.11)


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [(0.0, 1.0, "0"), (0.25, 0.25, "0.25"), (0.5, 0.5, "0.5"), (20.0, 10.0, "20"),
     (-5.0, 5.0, "−5"), (1e9, 1e8, "1e+09"), (1e-17, 0.5, "0"), (2.5, 2.5, "2.5")],  # noqa: RUF001
)  # fmt: skip
def test_labels_have_the_digits_that_tell_them_apart(value, step, text):
    assert label(value, step) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.996724, "0.99672"), (12.3456789, "12.3457"), (-0.5, "−0.50000"), (0.0, "0"),  # noqa: RUF001
     (1.5e-9, "1.5e−09"), (None, "—"), (math.nan, "—"), (123456.789, "123457"), (math.inf, "—")],  # noqa: RUF001
)  # fmt: skip
def test_figures(value, text):
    assert figure(value) == text
