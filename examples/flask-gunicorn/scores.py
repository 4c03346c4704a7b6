"""What harness.toml names: what the endpoint is asked, and what its answers are measured by."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np


def requests() -> tuple[list[bytes], list[float]]:
    """Bodies in the app's own form, one row each, and the truth."""
    with (Path(__file__).parent / "data" / "test.csv").open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    truth = [row.pop("rentals") for row in rows]
    return [json.dumps({"instances": [row]}).encode() for row in rows], truth


def score(truth: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """What counts for who moves the bikes: how many are missing, and how often it is too few."""
    error = predictions - truth
    return {
        "mean_error": float(np.abs(error).mean()),
        "share_within_20": float((np.abs(error) <= 20).mean()),
    }
