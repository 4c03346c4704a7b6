"""Made-up journeys of lorries: litres of fuel by kilometres, tonnes of load and headwind."""

from __future__ import annotations

import random
from pathlib import Path

TRAIN, TEST = 200, 50


def journeys(count: int, seed: int) -> list[tuple[float, ...]]:
    """Rows of numbers, the litres first; the same for the same seed."""
    chance = random.Random(seed)
    rows = []
    for _ in range(count):
        km, tonnes = chance.uniform(20, 400), chance.uniform(0, 24)
        wind = chance.gauss(0, 4)
        litres = 3 + 0.22 * km + 0.9 * tonnes + 0.6 * wind + chance.gauss(0, 2)
        rows.append(tuple(round(value, 2) for value in (litres, km, tonnes, wind)))
    return rows


def train(folder: Path) -> None:
    """The channel's file."""
    lines = [",".join(map(str, row)) for row in journeys(TRAIN, seed=1)]
    (folder / "journeys.csv").write_text("\n".join(lines) + "\n")


def test() -> tuple[list[tuple[float, ...]], list[float]]:
    """What the endpoint is asked, and the truth."""
    rows = journeys(TEST, seed=2)
    return [row[1:] for row in rows], [row[0] for row in rows]
