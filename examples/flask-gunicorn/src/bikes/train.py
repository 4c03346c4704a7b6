"""`python3 -m bikes.train`: what SageMaker's `train` is."""

from __future__ import annotations

import csv
import json
import signal
import sys
import traceback
from pathlib import Path

# Process 1 of a container ignores signals that it has no handler for; the imports below take time.
signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))

from bikes import model  # noqa: E402

ML = Path("/opt/ml")


def main() -> int:
    try:
        train()
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        failure = ML / "output" / "failure"
        failure.parent.mkdir(parents=True, exist_ok=True)
        failure.write_text(f"{type(error).__name__}: {error}")  # the job's FailureReason
        return 1
    return 0


def train() -> None:
    file = ML / "input" / "config" / "hyperparameters.json"
    given = json.loads(file.read_text()) if file.is_file() else {}
    rows = read(ML / "input" / "data" / "train")
    forest = model.fit(
        rows,
        trees=int(given.get("trees", 100)),
        leaf=int(given.get("leaf", 1)),
        seed=int(given.get("seed", 0)),
    )
    print(f"Trained on {len(rows)} rows.")
    print(f"oob:r2={forest.oob_score_:.4f}")
    model.save(forest, ML / "model")


def read(folder: Path) -> list[dict[str, float]]:
    """The rows of the csv files, which have a header."""
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise FileNotFoundError("the channel 'train' has no csv file")
    rows = []
    for path in files:
        with path.open(newline="") as file:
            table = csv.DictReader(file)
            rows += [{name: float(value) for name, value in row.items()} for row in table]
    return rows


if __name__ == "__main__":
    sys.exit(main())
