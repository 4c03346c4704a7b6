"""The program of the probe image: `train` and `serve`, each doing what PROBE says.

Standard library only; it runs inside the container.
"""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn

import reach  # type: ignore[import-not-found]  # beside it in the image

if TYPE_CHECKING:
    from types import FrameType

ML = pathlib.Path("/opt/ml")
PROBE = os.environ.get("PROBE", "")
INSTANCE = os.urandom(4).hex()


def run_out_of_memory() -> NoReturn:
    """Take memory until it is more than there is, once that has been made less."""
    files = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
    (limit,) = (path for path in map(pathlib.Path, files) if path.is_file())
    print(f"memory limit: {limit.read_text().strip()}")
    while int(limit.read_text()) > 1 << 30:
        time.sleep(0.05)
    taken = [b"x" * (1 << 20) for _ in range(2048)]
    sys.exit(f"took {len(taken)} MiB, and was not killed")


def tune() -> int:
    """Say a score an epoch, the better the nearer `x` is to 0.3, unless told to fail."""
    given = json.loads((ML / "input/config/hyperparameters.json").read_text())
    print("hyperparameters", json.dumps(given, sort_keys=True))
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    label = given.get("label", "good")
    if label == given.get("fail", "fail"):
        print("told to fail")
        return 1
    score = 1 - (float(given.get("x", 0.3)) - 0.3) ** 2 - (label == "bad")
    for epoch in range(int(given.get("epochs", 1))):
        print(f"score={score:.6f}; epoch={epoch + 1}", flush=True)
        time.sleep(float(given.get("pause", 0)))
    return 0


def train() -> int:
    """Echo what stands under /opt/ml into the model folder, then end as PROBE says."""
    if PROBE == "tune":
        return tune()
    print(f"train: PROBE={PROBE!r}")
    print("probe:r2=0.5;")
    print("probe:r2=0.75;")
    seen = {
        str(path.relative_to(ML)): path.read_text()
        for path in sorted((ML / "input").rglob("*"))
        if path.is_file()
    }
    (ML / "model/seen.json").write_text(json.dumps(seen))
    (ML / "model/environment.json").write_text(json.dumps(dict(os.environ)))
    (ML / "model/deep/er").mkdir(parents=True)
    (ML / "model/deep/er/file.txt").write_text("deep")
    if PROBE == "output":
        (ML / "output/data/extra.txt").write_text("extra")
    if PROBE == "large":
        for place in ("model", "output/data"):
            (ML / place / "large.bin").write_bytes(os.urandom(int(os.environ["BYTES"])))
    if PROBE == "hole":
        with (ML / "model/hole").open("wb") as file:
            file.truncate(1 << 40)
    if PROBE == "odd-names":
        for name in ("üñï", "x" * 200, "line\nbreak"):
            (ML / "model" / name).write_text("odd")
        os.link(ML / "model/üñï", ML / "model/härd")
        (ML / "model/söft").symlink_to("üñï")
        os.mkfifo(ML / "model/fifo")
    if PROBE == "fail-with-link":
        (ML / "output/failure").symlink_to("/dev/stderr")
        print("the last words")
        return 3
    if PROBE == "observed":
        for config in ("debughookconfig", "tensorboardoutputconfig"):
            told = json.loads(seen[f"input/config/{config}.json"])
            (pathlib.Path(told["LocalPath"]) / "events").write_text(config)
    if PROBE in ("hosts", "fail-on-algo-2"):
        return host(seen)
    if PROBE in ("checkpoint", "spot"):
        folder = pathlib.Path(os.environ["CHECKPOINTS"])
        found = {path.name: path.read_text() for path in folder.rglob("*") if path.is_file()}
        (ML / "model/checkpoints.json").write_text(json.dumps(found))
        (folder / f"step-{len(found) + 1}").write_text(f"after {len(found)}")
        if PROBE == "spot" and not found:
            signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
            print("waiting for an interruption")
            while True:
                time.sleep(0.1)
    if PROBE == "out-of-memory":
        (ML / "output/failure").write_text("what the script says")
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
        run_out_of_memory()
    if PROBE == "out-of-memory-in-a-child":
        child = os.fork()
        if not child:
            run_out_of_memory()
        os.waitpid(child, 0)
        print("the child is gone")
        return 1
    if PROBE == "fail-with-file":
        (ML / "output/failure").write_text("the reason, " + "x" * 2000)
        return 3
    if PROBE == "fail-without-file":
        print("the last words")
        return 4
    if PROBE == "until-sigterm":

        def save(number: int, frame: FrameType | None) -> NoReturn:
            (ML / "model/checkpoint.txt").write_text("saved on SIGTERM")
            sys.exit(0)

        signal.signal(signal.SIGTERM, save)
        print("waiting for SIGTERM")
        while True:  # not pause(): a signal just before it would be noticed only by the next one
            time.sleep(0.1)
    if PROBE == "reach":
        targets = json.loads(seen["input/config/hyperparameters.json"])["targets"]
        print("REACHED", json.dumps(reach.reached(*json.loads(targets))))
    if PROBE == "evil-lines":
        for _ in range(300):
            print("a" * 5_000 + "!")
    if PROBE == "long-lines":
        print("y" * 600_000)
        print("after the long line")
    return 0


def exchange(name: str, hosts: list[str]) -> dict[str, str]:
    """What the hosts say to each other over TCP: their names."""
    with socket.create_server(("", 7000)) as server:

        def say() -> None:
            for _ in hosts:
                connection, _address = server.accept()
                with connection:
                    connection.sendall(name.encode())

        speaker = threading.Thread(target=say, daemon=True)
        speaker.start()
        told = {}
        for other in hosts:
            deadline = time.monotonic() + 20
            while True:
                try:
                    with socket.create_connection((other, 7000), timeout=5) as connection:
                        told[other] = connection.makefile().read()
                        break
                except OSError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)
        speaker.join(20)
    return told


def host(seen: dict[str, str]) -> int:
    """What a host of several does: find the others, say what it has, and fail if it should."""
    resources = json.loads(seen["input/config/resourceconfig.json"])
    name = resources["current_host"]
    print(f"this is {name}")
    addresses = {other: socket.gethostbyname(other) for other in resources["hosts"]}
    if PROBE == "fail-on-algo-2":
        if name == "algo-2":
            (ML / "output/failure").write_text("algo-2 has failed")
            return 7
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
        while True:
            time.sleep(0.1)
    known = {
        "seen": seen,
        "addresses": addresses,
        "told": exchange(name, resources["hosts"]),
        "hostname": socket.gethostname(),
    }
    (ML / f"model/{name}.json").write_text(json.dumps(known))
    (ML / "model/both.txt").write_text(name)
    (ML / f"output/data/{name}.txt").write_text(name)
    return 0


def sums(body: bytes, content_type: str) -> bytes:
    """What a model answers that adds up the numbers of each record."""
    if content_type == "application/json":
        return json.dumps({"sum": sum(json.loads(body))}).encode()
    lines = [line for line in body.decode().splitlines() if line]
    if content_type == "text/csv":
        return "\n".join(str(sum(map(int, line.split(",")))) for line in lines).encode()
    return "\n".join(json.dumps({"sum": sum(json.loads(line))}) for line in lines).encode()


class Load:
    """How many requests are being answered at once, and how many have come."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = self.all = 0

    def __enter__(self) -> None:
        with self.lock:
            self.now += 1
            self.all += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.now -= 1


LOAD = Load()
TWO = threading.Barrier(2)


class Handler(http.server.BaseHTTPRequestHandler):
    """/ping and /invocations; the content type of a request tells what to do with it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if PROBE == "drips":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b".")
                time.sleep(0.1)
        if self.path == "/execution-parameters":
            parameters = os.environ.get("EXECUTION_PARAMETERS", "")
            self.answer(200 if parameters else 404, parameters.encode())
            return
        self.answer(503 if PROBE == "unhealthy" else 200, b"")

    def body(self) -> bytes:
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def do_POST(self) -> None:
        with LOAD:
            self.invoke(self.body())

    def invoke(self, body: bytes) -> None:
        match self.headers.get("Content-Type", ""):
            case content_type if PROBE == "sums":
                self.answer(200, sums(body, content_type))
            case _ if PROBE == "two-lines":
                self.answer(200, b"1\n2\n")
            case "probe/environment":
                self.answer(200, json.dumps(dict(os.environ)).encode())
            case "probe/two-at-once":
                try:
                    TWO.wait(30)
                except threading.BrokenBarrierError:
                    self.answer(400, b"the other one didn't come")
                    return
                self.answer(200, body)
            case "probe/load":
                time.sleep(0.05)
                self.answer(200, str(LOAD.most).encode())
            case "probe/fails-first":
                # As often as the body says, and then says at which request it was answered.
                failed = LOAD.all <= int(body)
                self.answer(503 if failed else 200, str(LOAD.all).encode())
            case "probe/error":
                self.answer(int(body), b"the container's own words")
            case "probe/slow":
                time.sleep(float(body))
                self.answer(200, b"slow")
            case "probe/reach":
                self.answer(200, json.dumps(reach.reached(*json.loads(body))).encode())
            case "probe/out-of-memory":
                run_out_of_memory()
            case "probe/exit":
                os._exit(6)
            case "probe/hang-up":
                self.close_connection = True
            case "probe/break-off":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b"not all")
                self.close_connection = True
            case "probe/zeros":
                self.answer(200, bytes(int(body)))
            case "probe/size":
                self.answer(200, str(len(body)).encode())
            case "probe/model":
                files = sorted(
                    str(path.relative_to(ML / "model"))
                    for path in (ML / "model").rglob("*")
                    if path.is_file()
                )
                self.answer(200, json.dumps(files).encode())
            case "probe/additional":
                folder = ML / "additional-model-data-sources"
                found = {
                    str(path.relative_to(folder)): path.read_text()
                    for path in folder.rglob("*")
                    if path.is_file()
                }
                self.answer(200, json.dumps(found).encode())
            case "probe/headers":
                self.answer(200, json.dumps(dict(self.headers)).encode())
            case "probe/instance":
                self.answer(200, INSTANCE.encode())
            case "probe/host":
                self.answer(200, os.uname().nodename.encode())
            case _:
                self.answer(200, body)

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", self.headers.get("Accept") or "text/plain")
        self.send_header("Content-Length", str(len(body)))
        custom = self.headers.get("X-Amzn-SageMaker-Custom-Attributes")
        if custom:
            self.send_header("X-Amzn-SageMaker-Custom-Attributes", custom)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        print(format % args)


def serve() -> int:
    print(f"serve: PROBE={PROBE!r}")
    if PROBE == "crash":
        print("no model here")
        return 5
    if PROBE == "out-of-memory":
        run_out_of_memory()
    if PROBE == "never-answers":
        signal.pause()
    if PROBE == "slow-start":
        time.sleep(3)

    def on_sigterm(number: int, frame: FrameType | None) -> NoReturn:
        sys.exit(0)

    signal.signal(signal.SIGTERM, on_sigterm)
    host, port = {"port-5000": ("", 5000), "loopback": ("127.0.0.1", 8080)}.get(PROBE, ("", 8080))
    if PROBE in ("port-5000", "unhealthy"):
        print("2026 ERROR the bucket can't be read\nstarting all the same")
    http.server.ThreadingHTTPServer((host, port), Handler).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit({"train": train, "serve": serve}[sys.argv[1]]())
