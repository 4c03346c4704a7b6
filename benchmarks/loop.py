"""`harness run`, warm, beside the same containers run by hand and SDK v2's local mode, in turns.

    python benchmarks/loop.py [--json] [--rounds 5] [--no-peer]

By hand is the floor: `docker run IMAGE train`, `docker run IMAGE serve` until `/ping` answers 200,
one request and `docker stop`, with the files already in place. `harness run` is the whole command,
from the process's start to its end, when nothing of it is left. Both use the Docker engine that
answers, through its API, and the image as it is built.

The peer is the `LocalSession` of SageMaker's SDK v2, on the same image and data: a process of its
own in an environment of its own, which the first time installs, with Debian's docker-compose as its
backend. Its telemetry is off, since it waits for an answer from AWS.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from shared import peers
from shared.by_hand import lay_out, serve_by_hand, train_by_hand
from shared.command import argument_parser, prepare, say, tell
from shared.figures import medians, rounded
from shared.gauss3 import write_channels
from shared.service import run_harness

from harness.image import debian

if TYPE_CHECKING:
    from docker import DockerClient

PEER = Path(__file__).parent / "peer" / "sdk_v2_local.py"
GOAL = 1.15  # times the floor
PEER_LIMIT = 300  # seconds


def by_hand(client: DockerClient, name: str) -> dict[str, float]:
    """Seconds of `train`, and of `serve` from its start to its end."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        lay_out(folder)
        return {
            "train": train_by_hand(client, name, folder),
            "serve": serve_by_hand(client, name, folder),
        }


def harness_run() -> dict[str, float]:
    """Seconds of the whole command, and what it says of its steps."""
    start = time.perf_counter()
    steps = run_harness("run", "--target", "local")["seconds"]
    seconds = time.perf_counter() - start
    return {"whole": seconds, **{step: steps[step] for step in ("start", "train", "deploy")}}


class Peer:
    """SDK v2's local mode, in an environment of its own."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client
        if shutil.which("docker-compose") is None:
            if not debian.may_install():
                raise SystemExit(
                    "SDK v2's local mode needs docker-compose: install it, or give --no-peer"
                )
            debian.install("docker-compose", progress=say)
        try:
            self._python = peers.interpreter("sdk-v2", "sagemaker[local]>=2.257,<3")
        except peers.PeerError as error:
            raise SystemExit(f"SDK v2 can't be had: {error}; or give --no-peer") from error

    def run(self, name: str) -> float:
        """Seconds of a job, an endpoint and a request; what it leaves is removed."""
        before = {each.id for each in self._client.containers.list(all=True)}
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            write_channels(folder)
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


def main() -> int:
    parser = argument_parser(__doc__)
    parser.add_argument("--no-peer", action="store_true", help="leave SDK v2's local mode out")
    arguments = parser.parse_args()
    client, name = prepare()
    peer = None if arguments.no_peer else Peer(client)
    harness_run()  # both warm
    by_hand(client, name)
    floors, runs, peers = [], [], []
    for _ in range(arguments.rounds):
        floors.append(by_hand(client, name))
        runs.append(harness_run())
        if peer:
            peers.append(peer.run(name))
    floor = statistics.median(each["train"] + each["serve"] for each in floors)
    steps = medians(runs)
    whole = steps.pop("whole")
    result = {
        "image": name,
        "rounds": arguments.rounds,
        "floor_seconds": round(floor, 2),
        "harness_run_seconds": round(whole, 2),
        "ratio": round(whole / floor, 2),
        "goal": GOAL,
        "peer_seconds": round(statistics.median(peers), 2) if peers else None,
        "times_faster_than_peer": round(statistics.median(peers) / whole, 1) if peers else None,
        "floor": rounded(medians(floors), 2),
        "steps": rounded(steps, 2),
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
    tell(result, table, as_json=arguments.json)
    return 0 if result["ratio"] <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
