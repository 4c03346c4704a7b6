"""Trains a classifier as a job's script, and serves it: the server imports it for its hooks.

Hyperparameters (SageMaker passes them as strings, sagemaker-training as arguments):

    n-estimators   trees
    max-depth      of each
    seed           what random choices begin with

The channel `train` holds csv files with a header; the column `left` is the target, 0 or 1. Other
modules may stand beside this file: all of the folder goes with the job, and with its model.
"""

import argparse
import os
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import roc_auc_score

TARGET = "left"
MODEL_FILE = "model.joblib"


def model_fn(model_dir: str) -> Any:
    """The model that training left in `model_dir`."""
    return joblib.load(Path(model_dir) / MODEL_FILE)


def predict_fn(data: np.ndarray, model: Any) -> np.ndarray:
    """Probabilities (n,) for rows (n, features). A ValueError is the client's fault: status 400."""
    probabilities: np.ndarray = model.predict_proba(data)[:, 1]
    return probabilities


def train(arguments: argparse.Namespace) -> None:
    """Fit on the channel `train`, and leave the model in SM_MODEL_DIR."""
    x, y = read(Path(os.environ["SM_CHANNEL_TRAIN"]))
    model = GradientBoostingClassifier(
        n_estimators=arguments.n_estimators,
        max_depth=arguments.max_depth,
        random_state=arguments.seed,
    ).fit(x, y)
    print(f"train:auc={roc_auc_score(y, model.predict_proba(x)[:, 1]):.4f}")
    joblib.dump(model, Path(os.environ["SM_MODEL_DIR"]) / MODEL_FILE)


def read(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, k) and target (n,) of a folder's csv files."""
    tables = []
    for path in sorted(folder.glob("*.csv")):
        table = np.genfromtxt(path, delimiter=",", names=True)
        names = [name for name in table.dtype.names or () if name != TARGET]
        tables.append(np.column_stack([table[name] for name in [*names, TARGET]]))
    whole = np.concatenate(tables)
    return whole[:, :-1], whole[:, -1]


def parse() -> argparse.Namespace:
    """The hyperparameters; those that are not ours are left alone."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--n-estimators", type=int, default=50)
    parser.add_argument("--max-depth", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_known_args()[0]


if __name__ == "__main__":
    train(parse())
