"""Split the rows into those to learn from and those held out: runs in a processing job."""

import pathlib

import numpy as np

ROOT = pathlib.Path("/opt/ml/processing")

rows = np.loadtxt(ROOT / "in" / "gauss3.csv", delimiter=",")
order = np.random.RandomState(42).permutation(len(rows))
held_out = int(np.ceil(0.25 * len(rows)))
for name, part in (("train", order[held_out:]), ("test", order[:held_out])):
    np.savetxt(ROOT / name / f"{name}.csv", rows[part], delimiter=",", fmt="%.17g")
    print(f"{name}: {len(part)} rows")
