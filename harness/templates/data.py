"""The data of a new project: small csv files, made up, and always the same."""

from __future__ import annotations

import csv
import io
import math
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TRAIN, TEST, UNLABELLED = 240, 80, 40
"""Rows of each file."""


def fruit() -> dict[str, str]:
    """Weight, diameter, sweetness and firmness of fruit; the label, a word, is the last column."""
    chance = _chance(1)
    names = ("weight_g", "diameter_mm", "sweetness", "firmness", "kind")
    middles = {
        "apple": (150, 72, 13, 7.0),
        "pear": (180, 66, 14, 5.0),
        "quince": (300, 88, 10, 9.0),
    }

    def row() -> list[Any]:
        kind = chance.choice(sorted(middles))
        weight, diameter, sweetness, firmness = middles[kind]
        return [
            round(chance.gauss(weight, 25)),
            round(chance.gauss(diameter, 4)),
            round(chance.gauss(sweetness, 1.2), 1),
            round(chance.gauss(firmness, 0.8), 1),
            kind,
        ]

    rows = [row() for _ in range(TRAIN + TEST + UNLABELLED)]
    without = [each[:-1] for each in rows[TRAIN + TEST :]]
    return {
        "train.csv": _csv(rows[:TRAIN], names),
        "test.csv": _csv(rows[TRAIN : TRAIN + TEST], names),
        "unlabelled.csv": _csv(without),
    }


def deliveries() -> dict[str, str]:
    """Minutes that deliveries took, then kilometres, parcels and the floor; no header."""
    chance = _chance(2)

    def row() -> list[Any]:
        km = round(chance.uniform(0.5, 20), 1)
        parcels, floor = chance.randint(1, 6), chance.randint(0, 5)
        minutes = 4 + 2.2 * km + 1.5 * parcels + 0.8 * floor + chance.gauss(0, 1.5)
        return [round(minutes, 1), km, parcels, floor]

    rows = [row() for _ in range(TRAIN + TEST)]
    return {"train.csv": _csv(rows[:TRAIN]), "test.csv": _csv(rows[TRAIN:])}


def customers() -> dict[str, str]:
    """Months, complaints, bill and late payments of customers, and whether they left (1) or not."""
    chance = _chance(3)
    names = ("months", "complaints", "bill", "late_payments", "left")

    def row() -> list[Any]:
        months, complaints = chance.randint(1, 72), chance.randint(0, 9)
        bill, late = round(chance.uniform(15, 90), 2), chance.randint(0, 4)
        pull = 0.5 * complaints + 0.6 * late + 0.02 * bill - 0.06 * months - 2
        return [months, complaints, bill, late, int(chance.random() < 1 / (1 + math.exp(-pull)))]

    rows = [row() for _ in range(TRAIN + TEST)]
    return {"train.csv": _csv(rows[:TRAIN], names), "test.csv": _csv(rows[TRAIN:], names)}


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  # nobody's secrets


def _csv(rows: Iterable[Sequence[Any]], names: Sequence[str] = ()) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if names:
        writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue()
