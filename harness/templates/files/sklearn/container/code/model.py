"""Trains and serves a classifier: run as a script it trains, imported by the server it gives hooks.

Hyperparameters (SageMaker passes them as strings, sagemaker-training as arguments):

    C          of LogisticRegression: less is a simpler model
    max-iter   steps of its solver, at the most

The channels `train` and `test` hold csv files with a header; the column `kind` is the target. The
accuracy on each goes to the log, where `metrics.definitions` in harness.toml finds it.
"""

import argparse
import csv
import os
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

TARGET = "kind"
MODEL_FILE = "model.joblib"


def model_fn(model_dir: str) -> Any:
    """The model that training left in `model_dir`."""
    return joblib.load(Path(model_dir) / MODEL_FILE)


def predict_fn(data: np.ndarray, model: Any) -> np.ndarray:
    """Labels (n,) for rows (n, features). A ValueError is the client's fault: status 400."""
    labels: np.ndarray = model.predict(data)
    return labels


def train(arguments: argparse.Namespace) -> None:
    """Fit on the channel `train`, score on both, and leave the model in SM_MODEL_DIR."""
    x, y = read_channel("train")
    classifier = LogisticRegression(C=arguments.C, max_iter=arguments.max_iter)
    model = make_pipeline(StandardScaler(), classifier).fit(x, y)
    print(f"Trained on {len(y)} rows of {', '.join(np.unique(y))}.")
    print(f"train:accuracy={model.score(x, y):.4f}")
    if "SM_CHANNEL_TEST" in os.environ:
        print(f"test:accuracy={model.score(*read_channel('test')):.4f}")
    save(model, Path(os.environ["SM_MODEL_DIR"]))


def read_channel(channel: str) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, k) and labels (n,) of a channel's csv files."""
    folder = os.environ.get(f"SM_CHANNEL_{channel.upper()}")
    if folder is None:
        raise SystemExit(f"The job has no channel {channel!r}.")
    rows, labels = [], []
    for path in sorted(Path(folder).glob("*.csv")):
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                if TARGET not in row:
                    raise SystemExit(f"{path.name} has no column {TARGET!r}, the target.")
                labels.append(row.pop(TARGET))
                rows.append([float(value) for value in row.values()])
    if not rows:
        raise SystemExit(f"The channel {channel!r} has no rows: it takes csv files.")
    return np.array(rows), np.array(labels)


def save(model: Any, folder: Path) -> None:
    """Write the model whole or not at all: a stopped job's files are uploaded too."""
    partial = folder / f".{MODEL_FILE}"
    joblib.dump(model, partial)
    partial.replace(folder / MODEL_FILE)


def parse() -> argparse.Namespace:
    """The hyperparameters; those that are not ours are left alone."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("-C", type=float, default=1.0)  # a name of one letter has one dash
    parser.add_argument("--max-iter", type=int, default=200)
    known, others = parser.parse_known_args()
    if others:
        print(f"Not used: {' '.join(others)}")
    return known


if __name__ == "__main__":
    train(parse())
