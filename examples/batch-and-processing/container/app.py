"""The web app that `serve` runs: for an endpoint, and for batch transform."""

import io
import os
from pathlib import Path

import joblib
import numpy as np
from flask import Flask, Response, jsonify, request

# A model that isn't there, or can't be read, ends the server: SageMaker then says so.
model = joblib.load(Path("/opt/ml/model/model.joblib"))

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 100 << 20  # the most that batch transform sends


@app.get("/ping")
def ping() -> Response:
    return Response(status=200)


@app.get("/execution-parameters")
def execution_parameters() -> Response:
    """What batch transform asks before it starts: how it is to send its records."""
    workers = len(os.sched_getaffinity(0))
    return jsonify(MaxConcurrentTransforms=workers, BatchStrategy="MULTI_RECORD", MaxPayloadInMB=6)


@app.post("/invocations")
def invocations() -> Response:
    """A line for each csv row: the probability that the pump fails."""
    if request.mimetype != "text/csv":
        return refusal(415, "This model reads text/csv.")
    try:
        rows = np.loadtxt(io.StringIO(request.get_data().decode()), delimiter=",", ndmin=2)
    except ValueError as error:
        return refusal(400, f"The body must be rows of numbers: {error}.")
    if rows.shape[1:] != (model.n_features_in_,) or not rows.size or not np.isfinite(rows).all():
        return refusal(400, f"A row has {model.n_features_in_} finite numbers.")
    lines = [f"{probability:.6f}\n" for probability in model.predict_proba(rows)[:, 1]]
    return Response("".join(lines), mimetype="text/csv")


def refusal(status: int, sentence: str) -> Response:
    return Response(f"{sentence}\n", status, mimetype="text/plain")
