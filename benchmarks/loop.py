"""`harness run`, warm, beside the same containers run by hand and SDK v2's local mode, in turns.

    python benchmarks/loop.py [--json] [--rounds 5] [--no-peer]

By hand is the floor: `docker run IMAGE train`, `docker run IMAGE serve` until `/ping` answers 200,
one request and `docker stop`, with the files already in place. `harness run` is the whole command,
from the process's start to its end, when nothing of it is left. Both use the Docker engine that
answers, through its API, and the image as it is built.

The peer is the `LocalSession` of SageMaker's SDK v2, on the same image and data: a process of its
own in an environment of its own, which the first time installs, with Debian's docker-compose as its
backend. Its telemetry is off, since it waits for an answer from AWS.

`--json` puts one JSON object on stdout and the table on stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from harness import config, dataset, debian, engine, flow, image, wheelhouse
from harness.local.optml import Host, TrainingLayout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import DockerClient
    from docker.models.containers import Container

ROOT = Path(__file__).parents[1]
PEER = Path(__file__).parent / "peer" / "sdk_v2_local.py"
GOAL = 1.15  # times the floor
PEER_LIMIT = 300  # seconds
INSTALL_LIMIT = 900
LIMIT = 120  # seconds for anything here


def lay_out(folder: Path) -> None:
    """Write what SageMaker writes under /opt/ml, as the flow's own training job has it."""
    settings = config.load(ROOT / "harness.toml")
    data = dataset.split()
    hyperparameters = {name: str(value) for name, value in settings.hyperparameters}
    host = Host("algo-1", settings.training.instance_type)
    layout = TrainingLayout(
        hyperparameters={**hyperparameters, "train-file": "train.csv", "test-file": "test.csv"},
        channels={"train": {"TrainingInputMode": "File"}, "test": {"TrainingInputMode": "File"}},
        hosts=[host],
        current=host,
    )
    for entry in layout.entries():
        path = folder / entry.name
        if entry.chunks is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.write_bytes(b"".join(map(bytes, entry.chunks)))
    channels = folder / "opt/ml/input/data"
    (channels / "train/train.csv").write_bytes(flow.csv(data.x_train, data.y_train))
    (channels / "test/test.csv").write_bytes(flow.csv(data.x_test, data.y_test))


@contextmanager
def container(client: DockerClient, name: str, command: str, **options: Any) -> Iterator[Container]:
    started = client.containers.run(name, command, detach=True, **options)
    try:
        yield started
    finally:
        started.remove(force=True, v=True)


def by_hand(client: DockerClient, name: str) -> dict[str, float]:
    """Seconds of `train`, and of `serve` from its start to its end."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        lay_out(folder)
        return {
            "train": train_by_hand(client, name, folder),
            "serve": serve_by_hand(client, name, folder),
        }


def volumes(folder: Path) -> list[str]:
    """The folders of /opt/ml, one by one: the image keeps its code under /opt/ml too."""
    return [f"{folder}/opt/ml/{part}:/opt/ml/{part}" for part in ("input", "model", "output")]


def train_by_hand(client: DockerClient, name: str, folder: Path) -> float:
    """Seconds of `docker run IMAGE train` on what was laid out in the folder."""
    start = time.perf_counter()
    with container(client, name, "train", hostname="algo-1", volumes=volumes(folder)) as job:
        status = job.wait(timeout=LIMIT)["StatusCode"]
        if status != 0:
            raise SystemExit(f"train ended with {status}:\n{job.logs().decode()}")
        return time.perf_counter() - start


def serve_by_hand(client: DockerClient, name: str, folder: Path) -> float:
    """Seconds of `docker run IMAGE serve` with the folder's model: a ping, a request, the stop."""
    start = time.perf_counter()
    ports = {"8080/tcp": ("127.0.0.1", None)}
    with container(client, name, "serve", ports=ports, volumes=volumes(folder)[1:2]) as server:
        port = client.api.port(str(server.id), 8080)[0]["HostPort"]
        url = f"http://127.0.0.1:{port}"
        wait_for_ping(url, server)
        headers = {"Content-Type": "text/csv"}
        answer = requests.post(f"{url}/invocations", "100", headers=headers, timeout=LIMIT)
        answer.raise_for_status()
        server.stop(timeout=30)
        return time.perf_counter() - start


def wait_for_ping(url: str, server: Container) -> None:
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{url}/ping", timeout=2).status_code == 200:
                return
        except requests.RequestException:
            time.sleep(0.01)  # the port is open before anything listens behind it
    raise SystemExit(f"no answer to /ping within {LIMIT} s:\n{server.logs().decode()}")


def harness_run() -> dict[str, float]:
    """Seconds of the whole command, and what it says of its steps."""
    start = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, "-m", "harness", "run", "--json", "--target", "local"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    seconds = time.perf_counter() - start
    if ran.returncode != 0:
        raise SystemExit(f"harness run ended with {ran.returncode}:\n{ran.stderr}")
    steps = json.loads(ran.stdout.splitlines()[-1])["seconds"]
    return {"whole": seconds, **{step: steps[step] for step in ("start", "train", "deploy")}}


class Peer:
    """SDK v2's local mode, in an environment of its own."""

    def __init__(self, client: DockerClient, say: Callable[[str], None]) -> None:
        self._client = client
        if shutil.which("docker-compose") is None:
            if not debian.may_install():
                raise SystemExit(
                    "SDK v2's local mode needs docker-compose: install it, or give --no-peer"
                )
            debian.install("docker-compose", progress=say)
        environment = wheelhouse.cache_folder() / "benchmark-sdk-v2"
        self._python = environment / "bin" / "python"
        uv = str(Path(sys.executable).with_name("uv"))
        for command in (
            ["venv", "--quiet", "--allow-existing", str(environment)],
            ["pip", "install", "--quiet", "--compile-bytecode", "--python", str(environment),
             "sagemaker[local]>=2.257,<3"],
        ):  # fmt: skip
            subprocess.run([uv, *command], check=True, timeout=INSTALL_LIMIT)

    def run(self, name: str) -> float:
        """Seconds of a job, an endpoint and a request; what it leaves is removed."""
        before = {each.id for each in self._client.containers.list(all=True)}
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            data = dataset.split()
            for part, x, y in (
                ("train", data.x_train, data.y_train),
                ("test", data.x_test, data.y_test),
            ):
                (folder / part).mkdir()
                (folder / part / f"{part}.csv").write_bytes(flow.csv(x, y))
            defaults = folder / "config.yaml"
            defaults.write_text(
                "SchemaVersion: '1.0'\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n"
            )
            start = time.perf_counter()
            ran = subprocess.run(
                [str(self._python), str(PEER), name, temporary],
                env={
                    **os.environ,
                    "AWS_DEFAULT_REGION": "us-east-1",
                    "AWS_ACCESS_KEY_ID": "none",
                    "AWS_SECRET_ACCESS_KEY": "none",
                    "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
                    "SAGEMAKER_USER_CONFIG_OVERRIDE": str(defaults),
                },
                capture_output=True,
                text=True,
                timeout=PEER_LIMIT,
                check=False,
            )
            seconds = time.perf_counter() - start
            for each in self._client.containers.list(all=True):
                if each.id not in before and "com.docker.compose.project" in each.labels:
                    each.remove(force=True, v=True)
            if ran.returncode != 0:
                raise SystemExit(f"SDK v2's local mode ended with {ran.returncode}:\n{ran.stderr}")
            return seconds


def median(rounds: list[dict[str, float]], key: str) -> float:
    return statistics.median(each[key] for each in rounds)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-peer", action="store_true", help="leave SDK v2's local mode out")
    arguments = parser.parse_args()

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    client = engine.ensure(say)
    name = image.build(config.load(ROOT / "harness.toml"), client, progress=say).name
    peer = None if arguments.no_peer else Peer(client, say)
    harness_run()  # both warm
    by_hand(client, name)
    floors, runs, peers = [], [], []
    for _ in range(arguments.rounds):
        floors.append(by_hand(client, name))
        runs.append(harness_run())
        if peer:
            peers.append(peer.run(name))
    floor = statistics.median(each["train"] + each["serve"] for each in floors)
    whole = median(runs, "whole")
    result = {
        "image": name,
        "rounds": arguments.rounds,
        "floor_seconds": round(floor, 2),
        "harness_run_seconds": round(whole, 2),
        "ratio": round(whole / floor, 2),
        "goal": GOAL,
        "peer_seconds": round(statistics.median(peers), 2) if peers else None,
        "times_faster_than_peer": round(statistics.median(peers) / whole, 1) if peers else None,
        "floor": {key: round(median(floors, key), 2) for key in ("train", "serve")},
        "steps": {key: round(median(runs, key), 2) for key in ("start", "train", "deploy")},
    }
    table = (
        f"by hand      {floor:6.2f} s   train {result['floor']['train']}, "
        f"serve, one request, stop {result['floor']['serve']}\n"
        f"harness run  {whole:6.2f} s   start {result['steps']['start']}, "
        f"train {result['steps']['train']}, deploy {result['steps']['deploy']}\n"
        f"ratio        {result['ratio']:6.2f}     (at most {GOAL})"
    )
    if peers:
        table += (
            f"\nSDK v2       {result['peer_seconds']:6.2f} s   its local mode; harness run is "
            f"{result['times_faster_than_peer']} times as fast"
        )
    print(table, file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(result))
    return 0 if result["ratio"] <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
