"""Made-up measurements of pumps, with what real ones have: another unit, gaps, unknown outcomes."""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path

HEADER = ("id", "fahrenheit", "vibration", "hours", "failed")


def pumps(count: int, seed: int) -> list[tuple[str, float, float, int, str]]:
    """Rows as in `HEADER`, whole ones; the same for the same seed."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        celsius, vibration = chance.gauss(60, 12), chance.expovariate(1 / 3)
        hours = chance.randrange(20_000)
        pull = 0.12 * (celsius - 65) + 0.5 * (vibration - 4) + hours / 6000 - 1
        failed = "yes" if chance.random() < 1 / (1 + math.exp(-pull)) else "no"
        fahrenheit = round(32 + 1.8 * celsius, 1)
        rows.append((f"P{seed}{number:04}", fahrenheit, round(vibration, 2), hours, failed))
    return rows


def raw(folder: Path) -> None:
    """What the processing job gets."""
    chance = random.Random(0)
    with (folder / "raw.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(HEADER)
        for row in pumps(1000, seed=1):
            fields: list[object] = list(row)
            if chance.random() < 0.05:
                fields[chance.randrange(1, 4)] = "n/a"
            if chance.random() < 0.1:
                fields[4] = ""  # still running
            table.writerow(fields)


def test() -> tuple[list[tuple[float, ...]], list[int]]:
    """What the endpoint is asked, in the model's units, and the truth."""
    rows = pumps(300, seed=2)
    asked = [(round((row[1] - 32) / 1.8, 2), row[2], float(row[3])) for row in rows]
    return asked, [int(row[4] == "yes") for row in rows]
