"""A newcomer's program: `train` and `serve`, each with the mistake that WRONG names.

Standard library only; it runs inside the container.
"""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import signal
import sys
import time

ML = pathlib.Path("/opt/ml")
WRONG = os.environ.get("WRONG", "")


def train() -> None:
    """Learn the mean of a column, unless something is wrong."""
    given = json.loads((ML / "input/config/hyperparameters.json").read_text())
    print("reading the data", flush=True)
    if WRONG == "channel":
        pathlib.Path("/opt/ml/input/data/training/rows.csv").read_text()
    if WRONG == "module":
        import lightgbm  # type: ignore[import-not-found]  # noqa: F401
    if WRONG == "hyperparameter":
        print("learning rate", 2 * given["learning_rate"])
    if WRONG == "string":
        print("epochs", list(range(given["trees"])))
    if WRONG == "traceback":
        rows = [line.split(",") for line in ["1,2", "3,x"]]
        print("sum", sum(float(value) for row in rows for value in row))
    if WRONG == "no-model":
        print("done")
        return
    if WRONG == "elsewhere":
        pathlib.Path("/home/model").mkdir(parents=True)
        pathlib.Path("/home/model/model.json").write_text("{}")
        print("saved the model to /home/model")
        return
    if WRONG == "train-forever":
        while True:
            time.sleep(0.1)
    (ML / "model/model.json").write_text(json.dumps({"mean": 1.0}))
    print("loss=0.5")


class Handler(http.server.BaseHTTPRequestHandler):
    """/ping and /invocations, each right but for what is wrong."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        statuses = {"ping-404": 404, "ping-500": 500}
        self.answer(statuses.get(WRONG, 200), b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.headers["Content-Type"] != "text/csv":
            self.answer(415, b"this model takes text/csv only")
            return
        rows = body.splitlines()
        if WRONG == "invocation":
            try:
                [json.loads(row)["age"] for row in rows]
            except Exception as error:  # noqa: BLE001 - as a newcomer's server does
                import traceback

                traceback.print_exc()
                self.answer(500, f"{type(error).__name__}: {error}".encode())
                return
        if WRONG == "slow":
            time.sleep(3)
        if WRONG == "one-answer":
            rows = rows[:1]
        answer = "".join("1.0\n" for _ in rows)
        self.answer(200, b"<html>it works!</html>" if WRONG == "html" else answer.encode())

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve() -> None:
    """Answer on port 8080, unless something is wrong."""
    if WRONG == "exits":
        print("model loaded, the server runs in the background")
        return
    if WRONG == "serve-traceback":
        json.loads((ML / "model/weights.json").read_text())
    where = {"loopback": ("127.0.0.1", 8080), "port": ("", 5000)}.get(WRONG, ("", 8080))
    print(f"listening on {where[0] or '0.0.0.0'}:{where[1]}")
    http.server.ThreadingHTTPServer(where, Handler).serve_forever()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    {"train": train, "serve": serve}[sys.argv[1]]()
