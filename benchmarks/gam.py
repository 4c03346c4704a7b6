"""GAMRegressor beside statsmodels' own GLMGam and beside pyGAM, all in one run.

    python benchmarks/gam.py [--json] [--rounds 5] [--full]

The peers are statsmodels' `GLMGam` on `BSplines`, with the same splines and penalty, and pyGAM's
`LinearGAM` with as many splines and its default penalty. pyGAM needs an older scipy than ours, so
it gets an environment of its own, made by uv from PyPI and kept in the cache folder; where it can't
be had, its figures are left out and the reason is said.

Each fit runs in a process of its own, the models in turns, with one thread for linear algebra:
seconds of the fit (ours and statsmodels' with the summary; `bare_fit_seconds` is without), peak
memory above that of the data and the imports, bytes of the pickled model, R² on 20,000 other rows,
and milliseconds of predicting 1, 1,000 and as many rows as there were in training. Where a peer
would take minutes or tens of gigabytes, it isn't tried; the table says so.

`--full` takes the whole grid, 10³ to 10⁶ rows with 1 to 10 features, and more of the peers: more
than half an hour.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from shared import peers
from shared.command import argument_parser, tell

from gam_model import GAMRegressor

PYGAM = "pygam==0.12.0"
GRID = [(1_000, 1), (1_000, 10), (100_000, 1), (1_000_000, 1)]
FULL = [(rows, features) for rows in (10**3, 10**4, 10**5, 10**6) for features in (1, 3, 10)]
# Values of the design matrix beyond which a model's fit is not tried: it takes minutes, or more
# memory than there may be (statsmodels 2 GB for 10⁶ rows and one feature, and 20 for ten).
MOST = {"ours": 10**9, "statsmodels": 5_000_000, "pygam": 50_000_000}
MOST_FULL = {"ours": 10**9, "statsmodels": 25_000_000, "pygam": 250_000_000}
LIMIT = 900  # seconds for one process
MODELS = ("ours", "statsmodels", "pygam")
PREDICTED = ("1", "1000", "all")

# Runs in each model's own environment, so it needs nothing but numpy and the model. The target is
# the same function of each feature, shifted, with noise.
PROGRAM = """
import gc, json, pickle, sys, time
import numpy as np

model, rows, features, again = sys.argv[1], *map(int, sys.argv[2:])
DF, ALPHA = 20, 1e-3


def data(count, seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(0, 1, (count, features))
    signal = sum(np.sin(5 * X[:, j] + j) for j in range(features))
    return X, signal + rng.normal(0, 0.5, count)


if model == "ours":
    from gam_model import GAMRegressor

    def fit(X, y):
        return GAMRegressor(df=DF, alpha=ALPHA).fit(X, y)

    def predict(fitted, X):
        return fitted.predict(X)

elif model == "statsmodels":
    from statsmodels.gam.api import BSplines, GLMGam

    def fit(X, y):
        smoother = BSplines(X, df=[DF] * features, degree=[3] * features)
        constant = np.ones((len(y), 1))
        return GLMGam(y, exog=constant, smoother=smoother, alpha=[ALPHA] * features).fit()

    def predict(fitted, X):
        return fitted.predict(exog=np.ones((len(X), 1)), exog_smooth=X)

else:
    from pygam import LinearGAM

    def fit(X, y):
        return LinearGAM(n_splines=DF).fit(X, y)

    def predict(fitted, X):
        return fitted.predict(X)


def peak():
    # getrusage() would count the memory of the process that started this one.
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status["VmHWM"].split()[0]) / 1024


def seconds(call, times):
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        spent.append(time.perf_counter() - start)
    return sorted(spent)[len(spent) // 2]


predict(fit(*data(200, 1)), data(2, 2)[0])  # imports what is imported late
X, y = data(rows, 0)
inside, target = data(20_000, 3)
inside = inside.clip(X.min(axis=0), X.max(axis=0))  # statsmodels can't predict beyond its knots
gc.collect()
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # forget the peak of making the data
before = peak()
start = time.perf_counter()
fitted = fit(X, y)
bare = time.perf_counter() - start
if model == "statsmodels":
    str(fitted.summary())
spent = time.perf_counter() - start
memory = peak() - before
residual = target - predict(fitted, inside)
print(json.dumps({
    "fit_seconds": spent,
    "bare_fit_seconds": bare,
    "peak_mb": memory,
    "bytes": len(pickle.dumps(fitted)) if rows * features <= 1_000_000 or model == "ours" else None,
    "r2": 1 - residual.var() / target.var(),
    "predict_ms": {
        "1": 1e3 * seconds(lambda: predict(fitted, inside[:1]), 101),
        "1000": 1e3 * seconds(lambda: predict(fitted, inside[:1000]), 21),
        "all": 1e3 * seconds(lambda: predict(fitted, X), again),
    },
    "difference": None,
    "predictions": predict(fitted, inside[:1000]).tolist(),
}))
"""

LOAD = """
import sys, time
start = time.perf_counter()
import joblib, numpy
joblib.load(sys.argv[1]).predict(numpy.array([[0.5]]))
seconds = time.perf_counter() - start
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(seconds, int(status["VmHWM"].split()[0]) / 1024)
"""


def run(python: Path | str, program: Path, model: str, rows: int, features: int) -> dict[str, Any]:
    again = 3 if rows >= 100_000 else 11
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    # Threads that wait for each other on a busy machine would be all that is measured.
    environment |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    environment["PYTHONWARNINGS"] = "ignore"
    try:
        done = subprocess.run(
            [str(python), str(program), model, str(rows), str(features), str(again)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return {"left_out": f"took more than {LIMIT} s"}
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or [f"ended with {done.returncode}"]
        return {"left_out": last[0]}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def loading(rounds: int) -> dict[str, float]:
    """Seconds and megabytes of a fresh process that loads our model and predicts one row."""
    x = np.random.default_rng(0).uniform(0, 1, (1000, 1))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.joblib"
        joblib.dump(GAMRegressor(df=20).fit(x, np.sin(5 * x[:, 0])), path)
        # The first run leaves compiled modules for the others, as a container's image has them.
        found = [
            subprocess.run(
                [sys.executable, "-c", LOAD, str(path)],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            ).stdout.split()
            for _ in range(rounds + 1)
        ][1:]
    seconds, megabytes = zip(*((float(s), float(mb)) for s, mb in found), strict=True)
    return {
        "seconds": round(statistics.median(seconds), 3),
        "peak_mb": round(statistics.median(megabytes), 1),
    }


def median(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure; the predictions of the first."""
    first = rounds[0]
    if any("left_out" in each for each in rounds):
        return next(each for each in rounds if "left_out" in each)
    found: dict[str, Any] = {
        key: statistics.median(each[key] for each in rounds)
        for key in ("fit_seconds", "bare_fit_seconds", "peak_mb")
    }
    found["predict_ms"] = {
        count: statistics.median(each["predict_ms"][count] for each in rounds)
        for count in PREDICTED
    }
    return found | {key: first[key] for key in ("bytes", "r2", "predictions")}


def measure(
    grid: list[tuple[int, int]], most: dict[str, int], rounds: int, peer: Path | str
) -> list[dict[str, Any]]:
    pythons: dict[str, Path | str] = {"ours": sys.executable, "statsmodels": sys.executable}
    if isinstance(peer, Path):
        pythons["pygam"] = peer
    cells = []
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "measure.py"
        program.write_text(PROGRAM)
        for rows, features in grid:
            size = rows * 20 * features
            models = [model for model in MODELS if model in pythons and size <= most[model]]
            # In a large fit, the models differ by much more than one round from the next.
            turns = rounds if size <= 5_000_000 else max(1, rounds // 5)
            found: dict[str, list[dict[str, Any]]] = {model: [] for model in models}
            for _ in range(turns):
                for model in models:
                    found[model].append(run(pythons[model], program, model, rows, features))
            cells.append(compared(rows, features, {m: median(found[m]) for m in models}))
    return cells


def compared(rows: int, features: int, models: dict[str, dict[str, Any]]) -> dict[str, Any]:
    cell: dict[str, Any] = {"rows": rows, "features": features, "models": models, "faster": {}}
    ours = models["ours"]
    if "left_out" in ours:
        raise SystemExit(f"{rows} rows, {features} features: {ours['left_out']}")
    predictions = ours.pop("predictions")
    for name in ("statsmodels", "pygam"):
        theirs = models.get(name, {"left_out": "not tried"})
        if "left_out" in theirs:
            continue
        others = theirs.pop("predictions")
        if name == "statsmodels":
            pairs = zip(predictions, others, strict=True)
            cell["difference"] = max(abs(a - b) for a, b in pairs)
        cell["faster"][name] = {
            "fit": round(theirs["fit_seconds"] / ours["fit_seconds"], 2),
            "predict": {
                count: round(theirs["predict_ms"][count] / ours["predict_ms"][count], 1)
                for count in PREDICTED
            },
            "r2_ours_less_theirs": round(ours["r2"] - theirs["r2"], 6),
        }
    return cell


def passed(cell: dict[str, Any]) -> bool:
    """Whether the cell is as it should be.

    Predictions are faster than both and statsmodels' own; a fit is never slower than statsmodels'
    and, of a million rows, faster than pyGAM's with the same R² to four decimals.
    """
    faster = cell["faster"]
    large = cell["rows"] >= 1_000_000
    return (
        cell.get("difference", 0.0) <= 1e-9
        and all(min(each["predict"].values()) > 1 for each in faster.values())
        and all(each["fit"] >= 1 for name, each in faster.items() if large or name == "statsmodels")
        and all(abs(each["r2_ours_less_theirs"]) < 5e-5 for each in faster.values() if large)
    )


def times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.1f}x"


def table(cells: list[dict[str, Any]], peer: Path | str) -> str:
    lines = [
        f"{'rows':>9} {'features':>8}  {'model':12}{'fit s':>9}{'faster':>8}{'peak MB':>9}"
        f"{'bytes':>13}{'R²':>9}" + "".join(f"{f'predict {c} ms':>17}{'':>8}" for c in PREDICTED)
    ]
    for cell in cells:
        for name in MODELS:
            figures = cell["models"].get(name, {"left_out": "not tried: too large for it"})
            start = f"{cell['rows']:>9,} {cell['features']:>8}  {name:12}"
            if "left_out" in figures:
                if name != "pygam" or isinstance(peer, Path):
                    lines.append(f"{start}  {figures['left_out']}")
                continue
            faster = cell["faster"].get(name)
            size = "" if figures["bytes"] is None else f"{figures['bytes']:,}"
            lines.append(
                f"{start}{figures['fit_seconds']:>9.3f}"
                f"{times(faster and faster['fit']):>8}"
                f"{figures['peak_mb']:>9.0f}{size:>13}{figures['r2']:>9.5f}"
                + "".join(
                    f"{figures['predict_ms'][count]:>17.3f}"
                    f"{times(faster and faster['predict'][count]):>8}"
                    for count in PREDICTED
                )
            )
    if not isinstance(peer, Path):
        lines.append(f"pyGAM is left out: {peer}")
    differences = [cell["difference"] for cell in cells if "difference" in cell]
    lines.append(
        "faster: how many times as fast ours is; largest difference from statsmodels' "
        f"predictions: {max(differences, default=0.0):.1e} (at most 1e-9)"
    )
    return "\n".join(lines)


def main() -> int:
    parser = argument_parser(__doc__)
    parser.add_argument("--full", action="store_true", help="10³ to 10⁶ rows, 1 to 10 features")
    arguments = parser.parse_args()
    peer: Path | str
    try:
        peer = peers.interpreter("pygam", PYGAM)
    except peers.PeerError as error:
        peer = str(error)
    grid, most = (FULL, MOST_FULL) if arguments.full else (GRID, MOST)
    cells = measure(grid, most, arguments.rounds, peer)
    load = loading(arguments.rounds)
    lines = (
        f"{table(cells, peer)}\nload ours in a fresh process and predict a row: "
        f"{load['seconds']} s, {load['peak_mb']} MB in all"
    )
    result = {
        "rounds": arguments.rounds,
        "pygam": PYGAM if isinstance(peer, Path) else f"left out: {peer}",
        "cells": cells,
        "load": load,
        "passed": all(passed(cell) for cell in cells),
    }
    tell(result, lines, as_json=arguments.json)
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
