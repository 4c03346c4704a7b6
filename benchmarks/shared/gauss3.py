"""Gauss3 as jobs and endpoints get it: the files of channels, and bodies of requests."""

from __future__ import annotations

import io
import json
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from examples.gauss3 import gauss3 as dataset

if TYPE_CHECKING:
    from pathlib import Path

NPY, CSV, JSON = "application/x-npy", "text/csv", "application/json"

_split = cache(dataset.split)  # what reads it is timed


def channels(above: float = 0.0) -> dict[str, bytes]:
    """The one file of each channel, with the target so much higher."""
    data = _split()
    return {
        "train": dataset.csv(data.x_train, data.y_train + above),
        "test": dataset.csv(data.x_test, data.y_test + above),
    }


def write_channels(folder: Path) -> None:
    """Each channel's file in a folder of its own."""
    for channel, rows in channels().items():
        (folder / channel).mkdir(exist_ok=True)
        (folder / channel / f"{channel}.csv").write_bytes(rows)


def encoded_rows(content_type: str, count: int) -> bytes:
    """The body of a request: rows of the one feature, across its range."""
    rows = np.linspace(1.0, 250.0, count).reshape(-1, 1)
    if content_type == JSON:
        return json.dumps(rows.tolist()).encode()
    if content_type == CSV:
        return "".join(f"{value!r}\n" for value in rows[:, 0].tolist()).encode()
    file = io.BytesIO()
    np.save(file, rows)
    return file.getvalue()
