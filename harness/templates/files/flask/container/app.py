"""The web app: GET /ping says that it serves, POST /invocations predicts. `serve` runs it."""

import io
from pathlib import Path

import joblib
import numpy as np
from flask import Flask, Response, request

# A model that isn't there, or can't be read, ends the server: SageMaker then says so.
model = joblib.load(Path("/opt/ml/model/model.joblib"))

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 100 * 1024 * 1024  # the most that batch transform sends


@app.get("/ping")
def ping() -> Response:
    return Response(status=200)


@app.post("/invocations")
def invocations() -> Response:
    """One prediction a line for csv rows without a header."""
    if request.mimetype != "text/csv":
        return refusal(415, f"This model reads text/csv, not {request.mimetype or 'nothing'}.")
    try:
        rows = read(request.get_data())
    except ValueError as error:
        return refusal(400, f"The body must be csv without a header: {error}")
    lines = [f"{prediction!r}\n" for prediction in model.predict(rows).tolist()]
    return Response("".join(lines), mimetype="text/csv")


def read(body: bytes) -> np.ndarray:
    """Rows (n, features). Raises `ValueError`, which tells the client what is wrong."""
    text = body.decode()
    if not text.strip():
        raise ValueError("it is empty.")
    rows = np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2, comments=None)
    if rows.shape[1] != model.n_features_in_:
        raise ValueError(f"a row has {model.n_features_in_} values, not {rows.shape[1]}.")
    if not np.isfinite(rows.astype(np.float32)).all():  # which is what trees are made of
        raise ValueError("its values must be finite numbers.")
    return rows


def refusal(status: int, sentence: str) -> Response:
    return Response(f"{sentence}\n", status, mimetype="text/plain")
