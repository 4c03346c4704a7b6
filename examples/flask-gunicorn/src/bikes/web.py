"""The Flask app. Two of its routes are SageMaker's: GET /ping and POST /invocations."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response, jsonify, request

from bikes import model

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 100 * 1024 * 1024
# A model that isn't there, or can't be read, ends the server: SageMaker then says so.
forest = model.load(Path("/opt/ml/model"))


@app.get("/ping")
def ping() -> Response:
    return Response(status=200)


@app.post("/invocations")
def invocations() -> tuple[Response, int]:
    """`{"instances": [{"hour": 8, …}, …]}` to `{"predictions": [212.5, …]}`."""
    try:
        body = request.get_json(silent=True)
    except RecursionError:  # lists in lists in lists
        body = None
    rows = body.get("instances") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not rows:
        return jsonify(error="the body must be JSON, an object with a list of instances"), 400
    try:
        table = model.features(rows)
    except ValueError as error:
        return jsonify(error=str(error)), 400
    return jsonify(predictions=forest.predict(table).tolist()), 200
