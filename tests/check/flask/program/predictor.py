"""The Flask app: lines of one number each in, the number times the model's mean out."""

import json
import math
from pathlib import Path

import flask

MODEL = json.loads(Path("/opt/ml/model/model.json").read_text())

app = flask.Flask(__name__)


@app.get("/ping")
def ping():
    return flask.Response(status=200)


@app.post("/invocations")
def invocations():
    if flask.request.content_type != "text/csv":
        return "This predictor only supports CSV data", 415
    try:
        values = [float(line) for line in flask.request.data.decode().splitlines() if line]
    except ValueError:
        return "one number a line, please", 400
    if not values or not all(map(math.isfinite, values)):
        return "finite numbers, please", 400
    answer = "".join(f"{value * MODEL['mean']}\n" for value in values)
    return flask.Response(answer, mimetype="text/csv")
