"""GAMRegressor beside statsmodels' own GLMGam, measured in turns in one process.

    python benchmarks/gam.py [--json] [--rows 250 100000 1000000]

`--json` puts one JSON object on stdout and the table on stderr. A million rows take a minute and
2.5 GB of memory, nearly all of it statsmodels' fit.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import pickle
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from statsmodels.gam.api import BSplines, GLMGam

from gam_model import GAMRegressor
from harness import dataset

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

DF, ALPHA, DEGREE = 20, 1.0, 3
LIMITS = {"1": 0.1, "1000": 0.5}  # milliseconds that a prediction of so many rows may take
MAX_BYTES = 64 * 1024
LOAD = """
import sys, time
start = time.perf_counter()
import joblib, numpy
joblib.load(sys.argv[1]).predict(numpy.array([[2.0]]))
seconds = time.perf_counter() - start
# getrusage() would count the memory of the process that started this one.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(seconds, int(status["VmHWM"].split()[0]) / 1024)
"""


def fit_ours(x: Array, y: Array) -> GAMRegressor:
    return GAMRegressor(df=DF, alpha=ALPHA, degree=DEGREE).fit(x, y)


def fit_theirs(x: Array, y: Array) -> Any:
    smoother = BSplines(x, df=[DF], degree=[DEGREE])
    return GLMGam(y, exog=np.ones((len(y), 1)), smoother=smoother, alpha=[ALPHA]).fit()


def predict_theirs(results: Any, x: Array) -> Array:
    predicted: Array = results.predict(exog=np.ones((len(x), 1)), exog_smooth=x)
    return predicted


def rows(count: int) -> tuple[Array, Array]:
    """Gauss3's formula with Gauss3's noise, at any number of rows; Gauss3 itself at 250."""
    if count == 250:
        return dataset.gauss3()
    rng = np.random.default_rng(count)
    x = rng.uniform(1, 250, (count, 1))
    return x, dataset.certified_model(x) + rng.normal(0, 2.5, count)


def in_turns(ours: Callable[[], object], theirs: Callable[[], object], turns: int) -> list[float]:
    """Median seconds of each, called alternately, so that both meet the same machine."""
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(turns):
        for call, seconds in zip((ours, theirs), spent, strict=True):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds) for seconds in spent]


def compared(
    ours: Callable[[], object], theirs: Callable[[], object], turns: int
) -> dict[str, Any]:
    ours_s, theirs_s = in_turns(ours, theirs, turns)
    return {
        "ms": round(ours_s * 1e3, 4),
        "statsmodels_ms": round(theirs_s * 1e3, 4),
        "times_faster": round(theirs_s / ours_s, 2),
    }


def predictions() -> dict[str, Any]:
    """Predictions inside the training range, which is all that statsmodels can do."""
    x, y = dataset.gauss3()
    ours, theirs = fit_ours(x, y), fit_theirs(x, y)
    many = np.random.default_rng(0).uniform(1, 250, (1000, 1))
    one = many[:1]
    difference = np.abs(ours.predict(many) - predict_theirs(theirs, many)).max()
    return {
        "1": compared(lambda: ours.predict(one), lambda: predict_theirs(theirs, one), 2000),
        "1000": compared(lambda: ours.predict(many), lambda: predict_theirs(theirs, many), 500),
        "largest_difference": float(difference),
    }


def artifacts(counts: list[int]) -> dict[str, Any]:
    """Bytes that joblib saves, beside a pickle of statsmodels' result (below a million rows)."""
    sizes: dict[str, Any] = {}
    for count in counts:
        x, y = rows(count)
        buffer = io.BytesIO()
        joblib.dump(fit_ours(x, y), buffer)
        theirs = len(pickle.dumps(fit_theirs(x, y))) if count < 1_000_000 else None
        sizes[str(count)] = {"bytes": buffer.tell(), "statsmodels_bytes": theirs}
    return sizes


def loading() -> dict[str, float]:
    """Seconds and megabytes of a fresh process that loads a model and predicts one row."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.joblib"
        joblib.dump(fit_ours(*dataset.gauss3()), path)
        # Without the variable, the first run leaves compiled modules for the others, as a
        # container's image has them.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        found = [
            subprocess.run(
                [sys.executable, "-c", LOAD, str(path)],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            ).stdout.split()
            for _ in range(6)
        ][1:]
    seconds, megabytes = zip(*((float(s), float(mb)) for s, mb in found), strict=True)
    return {
        "seconds": round(statistics.median(seconds), 3),
        "peak_mb": round(statistics.median(megabytes), 1),
    }


def measure(counts: list[int]) -> dict[str, Any]:
    x, y = dataset.gauss3()
    fit_ours(x, y)  # imports scikit-learn's validation
    found: dict[str, Any] = {
        "predict": predictions(),
        "fit": compared(lambda: fit_ours(x, y), lambda: str(fit_theirs(x, y).summary()), 50),
        "load": loading(),
        "artifact": artifacts(counts),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    found["passed"] = (
        all(found["predict"][count]["ms"] <= limit for count, limit in LIMITS.items())
        and found["predict"]["largest_difference"] <= 1e-9
        and all(size["bytes"] <= MAX_BYTES for size in found["artifact"].values())
    )
    return found


def table(found: dict[str, Any]) -> str:
    lines = [f"{'':28}{'ours':>12}{'statsmodels':>14}{'faster':>9}{'limit':>10}"]

    def timed(name: str, figures: dict[str, Any], limit: str = "") -> None:
        ours, theirs = (f"{figures[key]:.3f} ms" for key in ("ms", "statsmodels_ms"))
        lines.append(f"{name:28}{ours:>12}{theirs:>14}{figures['times_faster']:>8}x{limit:>10}")

    for count, limit in LIMITS.items():
        timed(f"predict, rows: {count}", found["predict"][count], f"{limit} ms")
    timed("fit and summary, Gauss3", found["fit"])
    for count, size in found["artifact"].items():
        theirs = "" if size["statsmodels_bytes"] is None else f"{size['statsmodels_bytes']:,} B"
        name = f"artifact, rows: {int(count):,}"
        lines.append(f"{name:28}{size['bytes']:>10,} B{theirs:>14}{'':9}{MAX_BYTES:>8,} B")
    load = found["load"]
    lines.append(f"load and predict a row: {load['seconds']} s, {load['peak_mb']} MB in all")
    lines.append(f"largest difference: {found['predict']['largest_difference']:.1e} (limit 1e-9)")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--rows", type=int, nargs="+", default=[250, 100_000, 1_000_000])
    arguments = parser.parse_args()
    found = measure(arguments.rows)
    print(table(found), file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(found))
    return 0 if found["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
