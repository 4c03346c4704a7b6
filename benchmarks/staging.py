"""Large inputs: a training channel and a model archive, beside copying the same bytes.

    python benchmarks/staging.py [--json] [--rounds 5] [--channel 2048] [--model 1024]

Sizes are in MB; what is set up and taken down once counts for more in smaller ones. The floor of a
channel is `cp` of its file, and that of a model archive is `tar -xzf`, both on this machine's disk.
A second floor is the engine's own: `docker cp` into a container that isn't started. In turns with
them, on a `harness up` in a process of its own: a training job, from "Downloading input data" to
its container's start as its status transitions have it, and an endpoint's time from CreateEndpoint
to InService, less that of an endpoint whose archive holds the model alone. What the upload to S3
took (`upload_file`, once) is told as well. Before each, all that was written is flushed to the
disk, so that nobody pays for what another wrote.

The server's memory is looked at ten times a second: what it grows by, at most, must not depend on
the sizes.
"""

from __future__ import annotations

import gzip
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.command import argument_parser, prepare, say, tell
from shared.figures import medians, rounded
from shared.service import LIMIT, Service, Usage, Watch, model_key, service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import DockerClient

GOAL = 2.0  # times the floor that staging may take
GROWTH_GOAL = 64  # MB that the server may grow by, whatever the sizes
MB = 1 << 20
BLOCK = 16 * MB
POLL = 0.02


def write_channel(path: Path, megabytes: int) -> None:
    block = os.urandom(BLOCK)
    with path.open("wb") as file:
        for _ in range(megabytes * MB // BLOCK):
            file.write(block)


def write_archive(path: Path, model: bytes, megabytes: int) -> None:
    """The files of the archive `model`, and one more, so that it has the size when packed."""
    # Random, with half of each byte's bits: it shrinks by nearly half, as floats may.
    block = bytes(byte & 0x0F for byte in os.urandom(BLOCK))
    packed = gzip.compress(block, 1)
    number = max(1, megabytes * MB // len(packed))
    info = tarfile.TarInfo("ballast.bin")
    info.size = number * BLOCK
    with path.open("wb") as file:  # gzip's members may follow each other
        file.write(gzip.compress(info.tobuf(tarfile.PAX_FORMAT), 1))
        for _ in range(number):
            file.write(packed)
        file.write(gzip.compress(gzip.decompress(model), 1))


class Staging:
    """The two sides of each comparison; every method returns seconds."""

    def __init__(self, client: DockerClient, image: str, running: Service, folder: Path) -> None:
        self._client = client
        self._image = image
        self._running = running
        self._folder = folder
        self._made = 0
        self._base = b""
        self.channel = folder / "channel" / "data.bin"
        self.archive = folder / "model.tar.gz"

    def warm_up(self) -> None:
        """Train a model, and serve it."""
        self._running.train("base")
        bucket, s3 = self._running.bucket, self._running.s3
        self._base = s3.get_object(Bucket=bucket, Key=model_key("base"))["Body"].read()
        s3.put_object(Bucket=bucket, Key="small/model.tar.gz", Body=self._base)
        self.deploy("small")

    def prepare(self, channel: int, model: int) -> dict[str, float]:
        """Write the files, and upload them; the seconds of each upload."""
        bucket, s3 = self._running.bucket, self._running.s3
        self.channel.parent.mkdir()
        write_channel(self.channel, channel)
        write_archive(self.archive, self._base, model)
        return {
            "channel": timed(partial(s3.upload_file, str(self.channel), bucket, "data/data.bin")),
            "model": timed(
                partial(s3.upload_file, str(self.archive), bucket, "large/model.tar.gz")
            ),
        }

    def copy(self) -> float:
        target = self._folder / "copied.bin"
        try:
            return timed(partial(run, "cp", str(self.channel), str(target)))
        finally:
            target.unlink()

    def extract(self) -> float:
        target = self._folder / "extracted"
        target.mkdir()
        try:
            return timed(partial(run, "tar", "-xzf", str(self.archive), "-C", str(target)))
        finally:
            shutil.rmtree(target)

    def put_channel(self) -> float:
        with self._created() as name:
            return timed(partial(run, "docker", "cp", str(self.channel), f"{name}:/opt/ml/input"))

    def put_archive(self) -> float:
        with self._created() as name, self.archive.open("rb") as packed:
            return timed(partial(run, "docker", "cp", "-", f"{name}:/opt/ml/model", stdin=packed))

    @contextmanager
    def _created(self) -> Iterator[str]:
        made = self._client.containers.create(self._image, "train", name=f"staging-{os.getpid()}")
        try:
            run("docker", "cp", str(self._empty()), f"{made.name}:/")
            yield str(made.name)
        finally:
            made.remove(force=True, v=True)

    def _empty(self) -> Path:
        """A folder `opt` that has what a container must have before files are put into it."""
        for each in ("input", "model"):
            (self._folder / "opt/ml" / each).mkdir(parents=True, exist_ok=True)
        return self._folder / "opt"

    def train(self) -> float:
        """From "Downloading input data" to the container's start."""
        job = self._running.run_job(
            self._name("job"), {"train": "data/"}, {"ContainerEntrypoint": ["/bin/true"]}, {}
        )
        steps = job["SecondaryStatusTransitions"]
        begun = next(each for each in steps if each["Status"] == "Downloading")
        started = next(each for each in steps if each["Status"] == "Training")
        seconds: float = (started["StartTime"] - begun["StartTime"]).total_seconds()
        return seconds

    def deploy(self, archive: str) -> float:
        """From CreateEndpoint to InService, with this archive."""
        name = self._name("model")
        seconds = self._running.deploy(name, f"{archive}/model.tar.gz", POLL)
        self._running.delete(name)
        return seconds

    def _name(self, kind: str) -> str:
        self._made += 1
        return f"staging-{kind}-{self._made}"


def run(*command: str, stdin: Any = subprocess.DEVNULL) -> None:
    ran = subprocess.run(
        command, stdin=stdin, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    if ran.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended so: {ran.stderr}")


def timed(call: Callable[[], object]) -> float:
    os.sync()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def synced(call: Callable[[], float]) -> float:
    os.sync()
    return call()


def main() -> int:
    parser = argument_parser(__doc__)
    parser.add_argument("--channel", type=int, default=2048, help="MB")
    parser.add_argument("--model", type=int, default=1024, help="MB, packed")
    arguments = parser.parse_args()
    channel, model = arguments.channel, arguments.model
    client, name = prepare()
    rounds: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as temporary, service(name) as running:
        staging = Staging(client, name, running, Path(temporary))
        staging.warm_up()
        before = Usage.of(running.pid)
        with Watch(running.pid) as watch:
            uploads = staging.prepare(channel, model)
            say(f"uploads: {uploads}")
            for number in range(1, arguments.rounds + 1):
                rounds.append({
                    "cp": staging.copy(),
                    "docker cp": staging.put_channel(),
                    "channel": synced(staging.train),
                    "tar": staging.extract(),
                    "docker cp -": staging.put_archive(),
                    "large": synced(partial(staging.deploy, "large")),
                    "small": synced(partial(staging.deploy, "small")),
                })  # fmt: skip
                say(f"round {number}: " + ", ".join(f"{k} {v:.2f}" for k, v in rounds[-1].items()))
        growth = watch.peak.megabytes - before.megabytes
    seconds = medians(rounds)
    seconds["model"] = statistics.median(each["large"] - each["small"] for each in rounds)
    ratios = {
        "channel": round(seconds["channel"] / seconds["cp"], 2),
        "channel_docker": round(seconds["channel"] / seconds["docker cp"], 2),
        "model": round(seconds["model"] / seconds["tar"], 2),
        "model_docker": round(seconds["model"] / seconds["docker cp -"], 2),
    }
    result = {
        "image": name,
        "channel_megabytes": channel,
        "model_megabytes": model,
        "rounds": arguments.rounds,
        "seconds": rounded(seconds, 2),
        "upload_seconds": rounded(uploads, 2),
        "ratios": ratios,
        "goal": GOAL,
        "server": {"before": before._asdict(), "peak": watch.peak._asdict()},
        "growth_megabytes": round(growth),
        "growth_goal": GROWTH_GOAL,
    }
    lines = [f"{'':<26} {'floor':>8} {'docker cp':>10} {'harness':>8}   ratios, to either"]
    for label, keys, kind in (
        (f"channel of {channel} MB", ("cp", "docker cp", "channel"), "channel"),
        (f"model archive of {model} MB", ("tar", "docker cp -", "model"), "model"),
    ):
        floor, docker, ours = (seconds[key] for key in keys)
        lines.append(
            f"{label:<26} {floor:6.2f} s {docker:8.2f} s {ours:6.2f} s   "
            f"{ratios[kind]:.2f} (at most {GOAL}), {ratios[f'{kind}_docker']:.2f}"
        )
    lines += [
        f"uploads to S3              {uploads['channel']:.2f} s, {uploads['model']:.2f} s",
        (
            f"the server: {before.megabytes:.0f} MB before, {watch.peak.megabytes:.0f} at most: "
            f"{growth:.0f} MB more (at most {GROWTH_GOAL})"
        ),
    ]
    tell(result, "\n".join(lines), as_json=arguments.json)
    reached = ratios["channel"] <= GOAL and ratios["model"] <= GOAL and growth <= GROWTH_GOAL
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
