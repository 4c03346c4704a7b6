"""What the local AWS adds to an invocation, and what DescribeTrainingJob takes.

    python benchmarks/invoke.py [--json] [--rounds 5] [--seconds 1]

An endpoint serves Gauss3's model on a `harness up` in a process of its own. `wrk`, a Debian
package, sends npy bodies of 1 and of 1,000 rows over 1 and over 64 connections, in turns to the
container's published port, which is the floor, and as InvokeEndpoint. What counts is the p50 over
one connection; with 64, on this machine's processors, it is throughput that latency tells of.
The published port has the engine's proxy before it, past which the local AWS goes: so the
container's own address is asked, too.

DescribeTrainingJob's peer is moto's own, which keeps jobs as records: the same request, over one
connection, in turns to `harness up`, where the job has run, and to moto's server.

Where `wrk` isn't, and can't be installed, nothing is measured, and the exit status is 0.

`--json` puts one JSON object on stdout and the table on stderr.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from concurrency import LIMIT, ROLE, Service, service, wait_until
from loop import ROOT

from harness import config, debian, engine, image
from harness.errors import HarnessError
from harness.local.client import local_boto_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient

GOAL = 1.3  # times the container's own p50, over one connection
DESCRIBE_GOAL = 1.0  # times moto's
ROWS = (1, 1000)
CONNECTIONS = (1, 64)
NAME = "invoke"
MEMBERS = (
    "TrainingJobName",
    "AlgorithmSpecification",
    "HyperParameters",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "StoppingCondition",
)
SIGNATURE = "AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/sagemaker/aws4_request, Signature=0"

# wrk's script: what to send, and one line of JSON with what came of it.
SCRIPT = """\
wrk.method = "POST"
function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  wrk.body = file:read("*a")
  file:close()
  for number = 2, #arguments, 2 do
    wrk.headers[arguments[number]] = arguments[number + 1]
  end
end
function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.stderr:write(string.format(
    '{"p50": %f, "p99": %f, "rate": %f, "failed": %d}',
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    summary.requests / summary.duration * 1e6, failed))
end
"""


class Wrk:
    """The load that comes from `folder`."""

    def __init__(self, folder: Path, seconds: int) -> None:
        self._folder = folder
        self._seconds = seconds
        (folder / "load.lua").write_text(SCRIPT)

    def ask(
        self, url: str, body: bytes, headers: dict[str, str], connections: int = 1
    ) -> dict[str, float]:
        """Milliseconds of p50 and p99, and requests a second, while it asks without a pause."""
        (self._folder / "body").write_bytes(body)
        ran = subprocess.run(
            [
                "wrk", "-t1", f"-c{connections}", f"-d{self._seconds}s", "--timeout", "10s",
                "-s", str(self._folder / "load.lua"), url, "--", str(self._folder / "body"),
                *(each for item in headers.items() for each in item),
            ],
            capture_output=True, text=True, timeout=self._seconds + LIMIT, check=False,
        )  # fmt: skip
        said: dict[str, Any] = json.loads(ran.stderr) if ran.returncode == 0 else {"failed": True}
        if said.pop("failed"):
            raise SystemExit(f"requests to {url} failed:\n{ran.stdout}\n{ran.stderr}")
        return said


def npy(rows: int) -> bytes:
    file = io.BytesIO()
    np.save(file, np.linspace(1.0, 250.0, rows).reshape(-1, 1))
    return file.getvalue()


def deploy(running: Service, client: DockerClient, image: str) -> tuple[str, str]:
    """Train, and deploy what was trained; the URLs of the container's published port, and own."""
    running.train(NAME, 0)
    model = f"s3://{running.bucket}/out/{NAME}/output/model.tar.gz"
    running.sagemaker.create_model(
        ModelName=NAME,
        PrimaryContainer={"Image": image, "ModelDataUrl": model},
        ExecutionRoleArn=ROLE,
    )
    running.sagemaker.create_endpoint_config(
        EndpointConfigName=NAME,
        ProductionVariants=[{
            "VariantName": "AllTraffic", "ModelName": NAME, "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }],
    )  # fmt: skip
    before = {each.id for each in client.containers.list()}
    running.sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)

    def in_service() -> bool:
        endpoint = running.sagemaker.describe_endpoint(EndpointName=NAME)
        if endpoint["EndpointStatus"] == "Failed":
            raise SystemExit(f"the endpoint is Failed: {endpoint['FailureReason']}")
        return endpoint["EndpointStatus"] == "InService"

    wait_until(in_service, NAME)
    (served,) = (
        each
        for each in client.containers.list()
        if each.id not in before and str(each.name).startswith(f"{NAME}-AllTraffic-")
    )
    port = client.api.port(str(served.id), 8080)[0]["HostPort"]
    address = served.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    return f"http://127.0.0.1:{port}/invocations", f"http://{address}:8080/invocations"


@contextmanager
def moto_server(running: Service) -> Iterator[str]:
    """moto's own server, with a record of the job that has run; its URL."""
    code = (
        "import sys\n"
        "from moto.server import ThreadedMotoServer\n"
        "server = ThreadedMotoServer('127.0.0.1', 0, verbose=False)\n"
        "server.start()\n"
        "print(server.get_host_and_port()[1], flush=True)\n"
        "sys.stdin.read()\n"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert started.stdout is not None  # it is a pipe
        url = f"http://127.0.0.1:{int(started.stdout.readline())}"
        job: Any = running.sagemaker.describe_training_job(TrainingJobName=NAME)
        session = local_boto_session(url, "us-east-1")
        session.client("sagemaker").create_training_job(**{name: job[name] for name in MEMBERS})
        yield url
    finally:
        started.kill()
        started.wait(LIMIT)


def describe(wrk: Wrk, url: str) -> dict[str, float]:
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "SageMaker.DescribeTrainingJob",
        "Authorization": SIGNATURE.format("harness"),
    }
    return wrk.ask(f"{url}/", json.dumps({"TrainingJobName": NAME}).encode(), headers)


def measure(wrk: Wrk, rounds: int, direct: tuple[str, str], url: str, moto: str) -> dict[str, Any]:
    """Medians by what was asked, for each side."""
    invoke = f"{url}/endpoints/{NAME}/invocations"
    kind = {"Content-Type": "application/x-npy", "Accept": "application/x-npy"}
    signed = {**kind, "Authorization": SIGNATURE.format("harness")}
    found: dict[str, tuple[list[dict[str, float]], list[dict[str, float]]]] = {}
    past: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        for rows in ROWS:
            for connections in CONNECTIONS:
                name = f"npy-{rows}-c{connections}"
                floors, ours = found.setdefault(name, ([], []))
                floors.append(wrk.ask(direct[0], npy(rows), kind, connections))
                own = wrk.ask(direct[1], npy(rows), kind, connections)
                past.setdefault(name, []).append(own)
                ours.append(wrk.ask(invoke, npy(rows), signed, connections))
        floors, ours = found.setdefault("describe", ([], []))
        floors.append(describe(wrk, moto))
        ours.append(describe(wrk, url))

    def medians(side: list[dict[str, float]]) -> dict[str, float]:
        return {
            key: round(statistics.median(each[key] for each in side), 3)
            for key in ("p50", "p99", "rate")
        }

    return {
        name: {
            "floor": medians(floors),
            "harness": medians(ours),
            "ratio_p50": round(medians(ours)["p50"] / medians(floors)["p50"], 2),
            "ratio_p99": round(medians(ours)["p99"] / medians(floors)["p99"], 2),
            **({"past_the_proxy": medians(past[name])} if name in past else {}),
        }
        for name, (floors, ours) in found.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=1)
    arguments = parser.parse_args()

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    client = engine.ensure(say)
    name = image.build(config.load(ROOT / "harness.toml"), client, progress=say).name
    try:
        if shutil.which("wrk") is None:
            debian.install("wrk", progress=say)
    except HarnessError as error:
        say(f"skipped: {error}")
        if arguments.json:
            print(json.dumps({"skipped": str(error)}))
        return 0
    with tempfile.TemporaryDirectory() as temporary, service(name) as running:
        wrk = Wrk(Path(temporary), arguments.seconds)
        direct = deploy(running, client, name)
        url = running.sagemaker.meta.endpoint_url
        with moto_server(running) as moto:
            cases = measure(wrk, arguments.rounds, direct, url, moto)
    reached = {
        **{f"npy-{rows}-c1": cases[f"npy-{rows}-c1"]["ratio_p50"] <= GOAL for rows in ROWS},
        "describe": cases["describe"]["ratio_p50"] <= DESCRIBE_GOAL,
    }
    result = {
        "image": name,
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "milliseconds": cases,
        "goal": GOAL,
        "describe_goal": DESCRIBE_GOAL,
        "reached": reached,
    }
    lines = [
        (
            f"{'milliseconds':<16} {'direct p50':>10} {'p99':>8} {'harness p50':>12} {'p99':>8}  "
            "ratios; past the engine's proxy"
        )
    ]
    for label, case in cases.items():
        floor, ours = case["floor"], case["harness"]
        goal = DESCRIBE_GOAL if label == "describe" else GOAL
        lines.append(
            f"{label:<16} {floor['p50']:10.2f} {floor['p99']:8.2f} {ours['p50']:12.2f} "
            f"{ours['p99']:8.2f}  {case['ratio_p50']:.2f}, {case['ratio_p99']:.2f}"
            + (f"  (p50 at most {goal})" if label in reached else "")
            + (f"; {case['past_the_proxy']['p50']:.2f}" if "past_the_proxy" in case else "")
        )
    lines.append("describe: the other side is moto's own server")
    print("\n".join(lines), file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(result))
    return 0 if all(reached.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
