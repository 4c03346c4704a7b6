"""Many training jobs and endpoints at once on one `harness up`, beside the same containers by hand.

    python benchmarks/concurrency.py [--json] [--rounds 3] [--jobs 20] [--endpoints 10]

By hand is the floor: as many `docker run IMAGE train`, and as many `docker run IMAGE serve` with
one request each, all at once, their files already in place. In turns with it, the same through
SageMaker's API, from `PutObject` to the deleted endpoint. Each job trains on data of its own, and
each endpoint serves the model of another job of the round before, so that no answer can be mistaken
for another one's. The server's memory, threads and files are looked at all the while, and once more
when a round has ended: growth from round to round is a leak.

`--json` puts one JSON object on stdout and the table on stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from botocore.config import Config
from loop import ROOT, lay_out, serve_by_hand, train_by_hand

from harness import config, dataset, engine, flow, image
from harness.local.client import local_boto_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from docker import DockerClient

GOAL = 1.3  # times the floor that everything at once may take
GROWTH_GOAL = 100  # KB that a job or an endpoint may leave in the server: its record, logs, objects
ROLE = "arn:aws:iam::123456789012:role/benchmark"
STEP = 1000.0  # by which each job's target is above that of the one before
PROBE = b"100"  # the row that endpoints are asked about
POLL = 0.5
LIMIT = 600  # seconds for anything here


class Usage(NamedTuple):
    """What a process holds."""

    megabytes: float
    threads: int
    files: int

    @classmethod
    def of(cls, pid: int) -> Usage:
        status = Path(f"/proc/{pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return cls(
            int(fields["VmRSS"].split()[0]) / 1024,
            int(fields["Threads"]),
            len(os.listdir(f"/proc/{pid}/fd")),  # noqa: PTH208  # fds come and go: names only
        )

    def most(self, other: Usage) -> Usage:
        """The most of each."""
        return Usage(
            max(self.megabytes, other.megabytes),
            max(self.threads, other.threads),
            max(self.files, other.files),
        )


class Watch:
    """Looks at a process ten times a second; `peak` is the most it has held of each."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.peak = Usage.of(pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._ended.wait(0.1):
            self.peak = self.peak.most(Usage.of(self.pid))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()


class Service:
    """A local AWS in a process of its own, and jobs and endpoints on it."""

    def __init__(self, running: dict[str, Any], image: str) -> None:
        self.pid: int = running["pid"]
        self._image = image
        self.bucket: str = running["bucket"]
        session = local_boto_session(running["url"], running["region"])
        options = Config(max_pool_connections=100)
        self.s3 = session.client("s3", config=options)
        self.sagemaker = session.client("sagemaker", config=options)
        self.runtime = session.client("sagemaker-runtime", config=options)
        self._data = dataset.split()

    def train(self, name: str, number: int) -> str:
        """Train on Gauss3, so many steps higher; returns the model's ETag."""
        data, above = self._data, number * STEP
        channels = []
        for channel, x, y in (
            ("train", data.x_train, data.y_train),
            ("test", data.x_test, data.y_test),
        ):
            key = f"{name}/{channel}/{channel}.csv"
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=flow.csv(x, y + above))
            source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{self.bucket}/{name}/{channel}/"}
            channels.append({"ChannelName": channel, "DataSource": {"S3DataSource": source}})
        self.sagemaker.create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={
                "TrainingImage": self._image,
                "TrainingInputMode": "File",
                "MetricDefinitions": flow.METRICS,
            },
            HyperParameters={"df": "20", "train-file": "train.csv", "test-file": "test.csv"},
            InputDataConfig=channels,  # type: ignore[arg-type]
            OutputDataConfig={"S3OutputPath": f"s3://{self.bucket}/out"},
            ResourceConfig={
                "InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1
            },
            StoppingCondition={"MaxRuntimeInSeconds": 600},
            RoleArn=ROLE,
        )  # fmt: skip

        def ended() -> bool:
            job = self.sagemaker.describe_training_job(TrainingJobName=name)
            if job["TrainingJobStatus"] in ("Failed", "Stopped"):
                raise SystemExit(f"{name} is {job['TrainingJobStatus']}: {job['FailureReason']}")
            return job["TrainingJobStatus"] == "Completed"

        wait_until(ended, name)
        key = f"out/{name}/output/model.tar.gz"
        return self.s3.head_object(Bucket=self.bucket, Key=key)["ETag"]

    def serve(self, name: str, job: str) -> float:
        """Deploy the model of a job, ask it once, and delete it; returns the answer."""
        self.sagemaker.create_model(
            ModelName=name,
            PrimaryContainer={
                "Image": self._image,
                "ModelDataUrl": f"s3://{self.bucket}/out/{job}/output/model.tar.gz",
            },
            ExecutionRoleArn=ROLE,
        )
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[{
                "VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
            }],
        )  # fmt: skip
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)

        def in_service() -> bool:
            endpoint = self.sagemaker.describe_endpoint(EndpointName=name)
            if endpoint["EndpointStatus"] == "Failed":
                raise SystemExit(f"{name} is Failed: {endpoint['FailureReason']}")
            return endpoint["EndpointStatus"] == "InService"

        wait_until(in_service, name)
        answer = self.runtime.invoke_endpoint(
            EndpointName=name, Body=PROBE, ContentType="text/csv", Accept="text/csv"
        )
        predicted = float(answer["Body"].read())
        self.sagemaker.delete_endpoint(EndpointName=name)
        self.sagemaker.delete_endpoint_config(EndpointConfigName=name)
        self.sagemaker.delete_model(ModelName=name)

        def deleted() -> bool:
            found = self.sagemaker.list_endpoints(NameContains=name)["Endpoints"]
            return name not in [each["EndpointName"] for each in found]

        wait_until(deleted, name)
        return predicted


def wait_until(true: Callable[[], bool], what: str, poll: float = POLL) -> None:
    deadline = time.monotonic() + LIMIT
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} has not ended within {LIMIT} s")
        time.sleep(poll)


@contextmanager
def service(image: str) -> Iterator[Service]:
    """`harness up` in its own process, with its state in a folder of its own."""
    with tempfile.TemporaryDirectory() as state:
        environ = {**os.environ, "XDG_STATE_HOME": state}

        def harness(*arguments: str) -> dict[str, Any]:
            ran = subprocess.run(
                [sys.executable, "-m", "harness", *arguments, "--json"],
                cwd=ROOT, env=environ, capture_output=True, text=True, timeout=LIMIT, check=False,
            )  # fmt: skip
            if ran.returncode != 0:
                raise SystemExit(f"harness {arguments[0]} ended so: {ran.stderr}")
            answer: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
            return answer

        running = harness("up", "--detach", "--port", "0")
        try:
            yield Service(running, image)
        finally:
            harness("down")


def at_once(calls: Sequence[Callable[[], Any]]) -> tuple[float, list[Any]]:
    """Call all at once; the seconds until the last has ended, and what they returned."""
    with ThreadPoolExecutor(len(calls)) as pool:
        start = time.perf_counter()
        futures = [pool.submit(call) for call in calls]
        results = [future.result() for future in futures]
        return time.perf_counter() - start, results


def by_hand(client: DockerClient, image: str, jobs: int, endpoints: int) -> float:
    """Seconds that the containers take by themselves, all at once."""
    with tempfile.TemporaryDirectory() as temporary:
        folders = [Path(temporary, str(number)) for number in range(jobs + 1)]
        for folder in folders:
            lay_out(folder)
        trained = folders.pop()
        train_by_hand(client, image, trained)
        seconds, _ = at_once(
            [partial(train_by_hand, client, image, folder) for folder in folders]
            + [partial(serve_by_hand, client, image, trained) for _ in range(endpoints)]
        )
        return seconds


def through_api(service: Service, number: int, jobs: int, endpoints: int, base: float) -> float:
    """Seconds of a round; raises SystemExit if anything of it isn't as it must be."""
    numbers = range(number * jobs, (number + 1) * jobs)
    before = range((number - 1) * jobs, (number - 1) * jobs + endpoints)
    seconds, results = at_once(
        [partial(service.train, f"job-{each}", each) for each in numbers]
        + [partial(service.serve, f"endpoint-{each}", f"job-{each}") for each in before]
    )
    models, answers = results[:jobs], results[jobs:]
    if len(set(models)) != jobs:
        raise SystemExit(f"{jobs} jobs on different data left {len(set(models))} models")
    for each, answer in zip(before, answers, strict=True):
        if abs(answer - base - each * STEP) > 1:
            raise SystemExit(f"endpoint-{each} answered {answer}, not {base + each * STEP}")
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--endpoints", type=int, default=10)
    arguments = parser.parse_args()
    rounds, jobs, endpoints = arguments.rounds, arguments.jobs, arguments.endpoints
    if rounds < 3 or not 1 <= endpoints <= jobs:
        parser.error("give 3 rounds or more, and no more endpoints than jobs")

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    client = engine.ensure(say)
    name = image.build(config.load(ROOT / "harness.toml"), client, progress=say).name
    with service(name) as running:
        running.train("base", 0)
        base = running.serve("base", "base")
        at_once([partial(running.train, f"job-{each}", each) for each in range(endpoints)])
        before = Usage.of(running.pid)
        floors, seconds, after = [], [], []
        with Watch(running.pid) as watch:
            for number in range(1, rounds + 1):
                floors.append(by_hand(client, name, jobs, endpoints))
                say(f"by hand: {floors[-1]:.1f} s")
                seconds.append(through_api(running, number, jobs, endpoints, base))
                after.append(Usage.of(running.pid))
                say(f"round {number}: {seconds[-1]:.1f} s, then {after[-1]}")
        peak = watch.peak
    floor, whole = statistics.median(floors), statistics.median(seconds)
    # Not from the first round on, in which threads use their stacks for the first time.
    growth = (after[-1].megabytes - after[1].megabytes) * 1024 / (rounds - 2) / (jobs + endpoints)
    result = {
        "image": name,
        "jobs": jobs,
        "endpoints": endpoints,
        "rounds": rounds,
        "floor_seconds": [round(each, 2) for each in floors],
        "round_seconds": [round(each, 2) for each in seconds],
        "ratio": round(whole / floor, 2),
        "goal": GOAL,
        "server": {
            "before": before._asdict(),
            "peak": peak._asdict(),
            "after": [each._asdict() for each in after],
            "left_kilobytes": round(growth),
            "left_goal": GROWTH_GOAL,
        },
    }
    table = "\n".join(
        [
            f"{jobs} jobs and {endpoints} endpoints at once",
            f"by hand      {floor:6.1f} s   ({', '.join(f'{each:.1f}' for each in floors)})",
            f"harness up   {whole:6.1f} s   ({', '.join(f'{each:.1f}' for each in seconds)})",
            f"ratio        {result['ratio']:6.2f}     (at most {GOAL})",
            "the server         MB  threads  files",
            *(
                f"{label:<12} {usage.megabytes:8.1f} {usage.threads:8} {usage.files:6}"
                for label, usage in [
                    ("before", before),
                    ("peak", peak),
                    *((f"round {number}", each) for number, each in enumerate(after, 1)),
                ]
            ),
            f"each leaves  {growth:8.0f} KB  (at most {GROWTH_GOAL})",
        ]
    )
    print(table, file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(result))
    return 0 if result["ratio"] <= GOAL and growth <= GROWTH_GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
