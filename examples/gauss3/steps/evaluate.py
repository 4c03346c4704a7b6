"""Score the trained model on the rows held out: runs in a processing job."""

import io
import json
import pathlib
import tarfile

import joblib
import numpy as np

ROOT = pathlib.Path("/opt/ml/processing")

with tarfile.open(ROOT / "model" / "model.tar.gz") as archive:
    packed = archive.extractfile("model.joblib")
    assert packed is not None
    model = joblib.load(io.BytesIO(packed.read()))
rows = np.loadtxt(ROOT / "test" / "test.csv", delimiter=",")
x, y = rows[:, :1], rows[:, 1]
r2 = 1 - ((y - model.predict(x)) ** 2).sum() / ((y - y.mean()) ** 2).sum()
report = {"regression_metrics": {"r2": {"value": r2}}}
(ROOT / "evaluation" / "evaluation.json").write_text(json.dumps(report))
print(f"R² of {len(y)} rows: {r2:.5f}")
