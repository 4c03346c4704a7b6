"""The model of the app: rentals of bikes in an hour, by the hour and the weather."""

from __future__ import annotations

import math
from pathlib import Path

import joblib
from sklearn.ensemble import RandomForestRegressor

COLUMNS = ("hour", "temperature", "humidity", "wind", "workday")
TARGET = "rentals"
FILE = "bikes.joblib"


def fit(rows: list[dict[str, float]], trees: int, leaf: int, seed: int) -> RandomForestRegressor:
    model = RandomForestRegressor(trees, min_samples_leaf=leaf, oob_score=True, random_state=seed)
    return model.fit(features(rows), [row[TARGET] for row in rows])


def features(rows: list[dict[str, float]]) -> list[list[float]]:
    """The columns of each row in the model's order.

    Raises:
        ValueError: one isn't there, or is no number; the text says which.
    """
    table = []
    for number, row in enumerate(rows, start=1):
        values = [row.get(name) for name in COLUMNS] if isinstance(row, dict) else [None]
        for name, value in zip(COLUMNS, values, strict=False):
            if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > 1e30:
                raise ValueError(f"row {number}: {name} must be a number")
        table.append(values)
    return table


def save(model: RandomForestRegressor, folder: Path) -> None:
    """Whole or not at all: what a stopped job has written is uploaded, too."""
    partial = folder / f".{FILE}"
    joblib.dump(model, partial)
    partial.replace(folder / FILE)


def load(folder: Path) -> RandomForestRegressor:
    return joblib.load(folder / FILE)
