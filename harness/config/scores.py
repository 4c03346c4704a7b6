"""The names that scores may have."""

from __future__ import annotations

from harness.suggestions import meant

OURS = frozenset({"r2", "accuracy"})
"""Scores that need no scikit-learn, which a run may do without."""


def problem(name: str) -> str:
    """What is wrong with a score's name; "" if nothing is.

    Raises:
        ImportError: scikit-learn would know, and isn't installed here.
    """
    if name in OURS:
        return ""
    from sklearn.metrics import get_scorer_names  # slow: only where it has to be asked

    if name in (names := get_scorer_names()):
        return ""
    close = meant(name, names)
    return f"scikit-learn has no score {name!r}{close}; see sklearn.metrics.get_scorer_names()."
