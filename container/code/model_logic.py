"""Trains and serves a GAM: run as a script it trains, imported by the server it gives the hooks.

Hyperparameters (SageMaker passes them as strings, sagemaker-training as arguments):

    train-file     csv file in the channel `train`; no header, the target in the last column
    test-file      csv file in the channel `test`, of the same form; optional
    df, alpha, …   GAMRegressor's parameters; a list where it takes one value a feature: [10, 12]
    family         `binomial` besides GAMRegressor's: two classes, 0 and 1 say, for a GAMClassifier

R² goes to the log, for a training job's `MetricDefinitions` (of classes the share told rightly, as
`train:accuracy` and `test:accuracy`):

    {"Name": "train:r2", "Regex": "train:r2=([-+.0-9e]+)"}
    {"Name": "test:r2", "Regex": "test:r2=([-+.0-9e]+)"}
"""

import argparse
import ast
import itertools
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist
from typing import Any, NoReturn

import joblib
import numpy as np

from gam_model import GAMClassifier, GAMRegressor
from serving.rows import rows, wrong

MODEL_FILE = "model.joblib"
CURVE_FILE = "curve.csv"
CURVE_POINTS = 401
Model = GAMRegressor | GAMClassifier


def model_fn(model_dir: str) -> Model:
    """The model that training left in `model_dir`."""
    model: Model = joblib.load(Path(model_dir) / MODEL_FILE)
    return model


def predict_fn(data: np.ndarray, model: Model) -> np.ndarray:
    """Predictions (n,) for rows (n, features); of classes, which one."""
    return model.predict(data)


def train(arguments: argparse.Namespace) -> None:
    """Fit on the train file, score on both, and leave the model in SM_MODEL_DIR."""
    parameters = {name: getattr(arguments, name) for name in GAMRegressor().get_params()}
    train_x, train_y = read_csv("train", arguments.train_file)
    test = read_csv("test", arguments.test_file) if arguments.test_file else None
    if test is not None and test[0].shape[1] != train_x.shape[1]:
        raise SystemExit(
            f"The test file has {test[0].shape[1]} feature(s), the train file {train_x.shape[1]}."
        )

    model = make_model(parameters).fit(train_x, train_y)
    print(f"Trained on {len(train_y)} rows: {model}")
    tell_score("train", model, train_x, train_y)
    if test is not None:
        tell_score("test", model, *test)
    save(model, Path(os.environ["SM_MODEL_DIR"]))
    output = os.environ.get("SM_OUTPUT_DATA_DIR")
    if output and isinstance(model, GAMRegressor) and train_x.shape[1] == 1:
        save_curve(model, train_x, Path(output))


def make_model(parameters: dict[str, Any]) -> Model:
    """The estimator of these parameters, not fitted yet."""
    if parameters["family"] != "binomial":
        return GAMRegressor(**parameters)
    return GAMClassifier(**{name: parameters[name] for name in GAMClassifier().get_params()})


def tell_score(data: str, model: Model, x: np.ndarray, y: np.ndarray) -> None:
    """Print the score, and warn where the mean would have had a better one."""
    score, name = model.score(x, y), "r2" if isinstance(model, GAMRegressor) else "accuracy"
    print(f"{data}:{name}={score:.6f}")
    if name == "r2" and not score >= 0:
        warnings.warn(
            f"{data}:r2 is {score:.6f}: the mean of the {data} file's target predicts it better "
            "than the model does.",
            stacklevel=2,
        )


def read_csv(channel: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, k) and target (n,) of a csv file in a channel."""
    folder = os.environ.get(f"SM_CHANNEL_{channel.upper()}")
    if folder is None:
        raise SystemExit(f"{channel}-file is {name}, but the job has no channel {channel!r}.")
    path = Path(folder) / name
    if not path.is_file():
        there = ", ".join(sorted(file.name for file in Path(folder).glob("*"))) or "nothing"
        raise SystemExit(f"No file {name} in the channel {channel!r}; it holds {there}.")
    try:
        table = np.loadtxt(path, delimiter=",", ndmin=2, comments=None, encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SystemExit(
            f"{name} in the channel {channel!r} is not a csv in UTF-8: {error}."
        ) from None
    except ValueError as error:
        with path.open(encoding="utf-8-sig") as lines:
            reason = wrong(lines) or error
        raise SystemExit(
            f"{name} in the channel {channel!r} must hold numbers only, as many in each line, "
            f"and no header: {reason}."
        ) from None
    if table.size == 0 or table.shape[1] < 2:
        raise SystemExit(
            f"{name} in the channel {channel!r} has {table.shape[1] if table.size else 0} "
            "column(s); it needs at least one feature, then the target."
        )
    bad = np.argwhere(~np.isfinite(table))
    if len(bad):
        at, column = bad[0]
        with path.open(encoding="utf-8-sig") as lines:
            row, _ = next(itertools.islice(rows(lines), at, None))
        raise SystemExit(
            f"{name} in the channel {channel!r} holds {table[at, column]} at row {row}, "
            f"column {column + 1}; values must be finite."
        )
    return table[:, :-1], table[:, -1]


def save(model: Model, folder: Path) -> None:
    """Write the model whole or not at all: a stopped job's files are uploaded too."""
    partial = folder / f".{MODEL_FILE}"
    joblib.dump(model, partial)
    partial.replace(folder / MODEL_FILE)


def save_curve(model: GAMRegressor, x: np.ndarray, folder: Path) -> None:
    """Write the curve over the one feature's range, with the 95 % band of the mean, to draw it."""
    grid = np.linspace(x.min(), x.max(), CURVE_POINTS)[:, np.newaxis]
    mean, error = model.predict(grid, return_std=True)
    half = NormalDist().inv_cdf(0.975) * error
    table = np.column_stack([grid, mean, mean - half, mean + half])
    header = "x,prediction,lower,upper"
    np.savetxt(folder / CURVE_FILE, table, "%.9g", ",", header=header, comments="")


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence about hyperparameters."""

    def error(self, message: str) -> NoReturn:
        names = [action.option_strings[-1].removeprefix("--") for action in self._actions]
        raise SystemExit(f"Hyperparameters: {message}. There are {', '.join(names)}.")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The hyperparameters, in the types of GAMRegressor's parameters."""
    parser = Parser(allow_abbrev=False, add_help=False)
    parser.add_argument("--train-file", required=True)
    parser.add_argument("--test-file")
    for name, default in GAMRegressor().get_params().items():
        parser.add_argument(f"--{name}", type=_parameter(default), default=default)
    return parser.parse_args(arguments)


def _parameter(default: Any) -> Callable[[str], Any]:
    """A reader of one parameter, of the type of its default; one a feature is a list of them."""
    if isinstance(default, str):
        return _words
    kind = "a whole number" if isinstance(default, int) else "a number"

    def number(value: Any) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError
        if isinstance(default, float):
            return float(value)
        if value != int(value):
            raise ValueError
        return int(value)

    def read(text: str) -> Any:
        if isinstance(default, float) and text.isalpha():  # "reml" selects it
            return text
        try:
            value = json.loads(text)
            return [number(item) for item in value] if isinstance(value, list) else number(value)
        except (ValueError, TypeError, OverflowError):
            raise argparse.ArgumentTypeError(
                f"{text!r} is not {kind}, nor a list of one a feature"
            ) from None

    return read


def _words(text: str) -> Any:
    """A word, or a list of them as JSON or, as sagemaker-training writes it, as Python has it."""
    if not text.startswith("["):
        return text
    try:
        return [str(word) for word in ast.literal_eval(text)]
    except (ValueError, SyntaxError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of words") from None


if __name__ == "__main__":
    train(parse())
