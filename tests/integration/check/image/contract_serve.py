"""`serve`: lines of one number each in, the number times the model's mean out."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import json
import math
import os
import pickle
import signal
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from contract import BREAK

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = Path("/opt/ml/model")

active = 0
"""Requests that are being answered."""
count = 0
"""Requests that there have been."""
changed = threading.Lock()
invoking = threading.Lock()
kept: list[bytes] = []


class Refusal(Exception):
    """A status, and a sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def main() -> None:
    if BREAK == "serving/starts":
        sys.exit(3)
    # Where nothing leads out, the engine's own name server stands in for the machine's.
    if BREAK == "serving/no-network" and "127.0.0.11" in Path("/etc/resolv.conf").read_text():
        sys.exit("no network")
    if BREAK == "batch/environment" and os.environ.get("SAGEMAKER_BATCH"):
        sys.exit("no batch transform")
    if BREAK == "serving/read-only-model":
        (MODEL / "cache").write_text("")
    Handler.mean = load()
    host, port = "", int(os.environ.get("SAGEMAKER_BIND_TO_PORT") or 8080)
    if BREAK == "serving/port":
        port = 9090
    if BREAK == "serving/port local":
        host = "127.0.0.1"
    if BREAK == "serving/bind-to-port":
        port = 8080
    if BREAK == "serving/port v6":
        Server.address_family, host = socket.AF_INET6, "::"
    server = Server((host, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if BREAK != "serving/logs":
        print(f"serving on {port}", flush=True)
    end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: end.set())
    end.wait()
    if BREAK == "serving/sigterm":
        end.clear()
        end.wait()
    if BREAK != "serving/sigterm drops":
        server.shutdown()
        while active:
            time.sleep(0.01)
    os._exit(0)


def load() -> float:
    try:
        return float(json.loads((MODEL / "model.json").read_text())["mean"])
    except FileNotFoundError:
        if BREAK != "serving/missing-model":
            raise
    except ValueError:
        if BREAK != "serving/corrupt-model":
            raise
    return 0.0


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        super().server_bind()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mean = 0.0

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/ping":
            self.ping()
        elif self.path == "/execution-parameters" and BREAK == "batch/execution-parameters":
            self.answer(200, b"as many as you like")
        else:
            self.answer(404, b"no such path")

    def ping(self) -> None:
        if BREAK == "serving/ping-time":
            time.sleep(2.3)
        if BREAK in {"serving/ping-busy", "hostile/slow-bodies"}:
            with invoking:
                pass
        status = int(BREAK.rpartition(" ")[2]) if BREAK.startswith("serving/ping ") else 200
        self.answer(status, b"")

    def do_POST(self) -> None:
        global active, count
        with invoking if BREAK == "hostile/slow-bodies" else contextlib.nullcontext():
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        with changed:
            active, count = active + 1, count + 1
        try:
            with self.alone():
                result = self.invoke(body, self.headers["Content-Type"])
            self.answer(200, result)
        except Refusal as refusal:
            self.answer(refusal.status, str(refusal).encode())
        finally:
            with changed:
                active -= 1
        if BREAK == "requests/keep-alive":
            self.close_connection = True

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """In the way of others, where that is the rule to break."""
        if BREAK not in {"serving/ping-busy", "requests/concurrent"}:
            yield
            return
        if not invoking.acquire(blocking=BREAK == "serving/ping-busy"):
            raise Refusal(503, "one at a time")
        try:
            if BREAK == "requests/concurrent":
                time.sleep(0.2)
            yield
        finally:
            invoking.release()

    def invoke(self, body: bytes, content_type: str) -> bytes:
        broken(body, content_type)
        if BREAK == "hostile/zip-bomb" and self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        if content_type != "text/csv":
            if BREAK == "hostile/stack-trace":
                raise Refusal(
                    415, f"Traceback (most recent call last):\n{traceback.format_stack()}"
                )
            if BREAK != "hostile/content-type":
                raise Refusal(415, "text/csv, please")
        lines = body.split(b"\n")
        if BREAK == "batch/records":
            lines = lines[:1]
        return b"".join(b"%f\n" % (number(line) * self.mean) for line in lines if line)

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def number(line: bytes) -> float:
    if BREAK == "hostile/wrong-shape":
        line = line.partition(b",")[0]
    try:
        value = float(line)
    except ValueError:
        raise Refusal(400, "one number a line, please") from None
    if not math.isfinite(value):
        raise Refusal(400, "finite numbers, please")
    return value


def broken(body: bytes, content_type: str) -> None:
    """Break the rule that BREAK names, where the request is one that it is about."""
    large = len(body) > 10_000
    bomb, malformed, nan = body[:2] == b"\x1f\x8b", body[:2] == b"\xff\xfe", b"NaN" in body
    ordinary = not (bomb or malformed or b"cbuiltins" in body)
    fails = {
        "requests/invocation": content_type == "text/csv",
        "hostile/empty-body": not body,
        "hostile/malformed-body": malformed,
        "hostile/not-a-number": nan,
        "hostile/random-bytes": ordinary and not body.isascii(),
    }
    if fails.get(BREAK):
        raise Refusal(500, "something is wrong with me")
    if BREAK == "serving/model-loaded" and count == 1:
        time.sleep(2.5)
    if BREAK in {"serving/ping-busy", "serving/sigterm drops"} and large:
        time.sleep(2.6)
    if BREAK == "requests/large-body" and len(body) > 5 << 20:
        raise Refusal(413, "too large")
    if BREAK == "requests/memory":
        kept.append(os.urandom(20_000))
    if BREAK == "hostile/pickle" and content_type == "application/x-pickle":
        pickle.loads(body)
    if BREAK == "hostile/costly-body" and body[:4] == b'["aa':
        kept.extend(b"a" * len(body) for _ in range(2000))
    if BREAK == "hostile/deep-json" and body[:4] == b"[[[[":
        os._exit(1)
