"""csv as XGBoost takes it: numbers without a header, where an empty field is a missing value."""

import math

import numpy as np


def read(text: str, columns: int = 0) -> np.ndarray:
    """Rows (n, columns); 0 columns: as many as the first row has.

    Raises:
        ValueError: it is no such table; the text says where.
    """
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = [float(field) if field.strip() else math.nan for field in line.split(",")]
        except ValueError:
            raise ValueError(f"line {number}: it has something that is no number") from None
        columns = columns or len(row)
        if len(row) != columns:
            raise ValueError(f"line {number}: it has {len(row)} values, not {columns}")
        if any(map(math.isinf, row)):
            raise ValueError(f"line {number}: it has a number that is too large")
        rows.append(row)
    if not rows:
        raise ValueError("there are no rows")
    return np.array(rows, dtype=np.float32)
