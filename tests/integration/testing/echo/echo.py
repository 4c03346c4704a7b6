"""Trains by writing down what it was given, serves sums of rows, processes into capitals.

Standard library only; it runs inside the container.
"""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import signal
import sys

ML = pathlib.Path("/opt/ml")


def train() -> None:
    hyperparameters = json.loads((ML / "input/config/hyperparameters.json").read_text())
    if "fail" in hyperparameters:
        (ML / "output/failure").write_text(hyperparameters["fail"])
        sys.exit(f"failing: {hyperparameters['fail']}")
    data = ML / "input/data"
    files = {
        str(path.relative_to(data)): path.read_text()
        for path in sorted(data.rglob("*"))
        if path.is_file()
    }
    print(f"rows={sum(text.count(chr(10)) for text in files.values())}")
    seen = {"hyperparameters": hyperparameters, "files": files, "colour": os.environ.get("COLOUR")}
    (ML / "model/seen.json").write_text(json.dumps(seen))


def process() -> None:
    for path in pathlib.Path("/opt/ml/processing/input/raw").iterdir():
        out = pathlib.Path("/opt/ml/processing/output/made", path.name)
        out.write_text(path.read_text().upper())


def sums(body: bytes, content_type: str) -> str:
    """The sum of each row, in the content type that the rows came in."""
    if content_type == "application/json":
        return json.dumps([sum(row) for row in json.loads(body)])
    lines = body.decode().splitlines()
    if content_type == "application/jsonlines":
        return "".join(f"{json.dumps(sum(json.loads(line)))}\n" for line in lines)
    return "".join(f"{sum(map(float, line.split(',')))}\n" for line in lines)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer(200, "", "text/plain")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        content_type = self.headers["Content-Type"]
        try:
            self.answer(200, sums(body, content_type), content_type)
        except ValueError as error:
            self.answer(400, str(error), "text/plain")

    def answer(self, status: int, text: str, content_type: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if sys.argv[1] == "serve":
        http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
    {"train": train, "process": process}[sys.argv[1]]()
