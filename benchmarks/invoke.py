"""What the local AWS adds to an invocation, and what DescribeTrainingJob takes.

    python benchmarks/invoke.py [--json] [--rounds 5] [--seconds 1]

An endpoint serves Gauss3's model on a `harness up` in a process of its own, and a container by
hand: `docker run -p 8080 IMAGE serve`. `wrk`, a Debian package, sends npy bodies of 1 and of 1,000
rows over 1 and over 64 connections, in turns to the published port, which is the floor, and as
InvokeEndpoint. What counts is the p50 over one connection; with 64, on this machine's processors,
it is throughput that latency tells of. The published port has the engine's proxy before it, past
which the local AWS goes: so the container's own address is asked, too.

DescribeTrainingJob's peer is moto's own, which keeps jobs as records: the same request, over one
connection, in turns to `harness up`, where the job has run, and to moto's server.

Where `wrk` isn't, and can't be installed, nothing is measured, and the exit status is 0.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared import wrk
from shared.by_hand import Address, serving, trained, volumes
from shared.command import argument_parser, prepare, skip, tell
from shared.figures import medians, rounded
from shared.gauss3 import NPY, encoded_rows
from shared.service import LIMIT, Service, model_key, service

from harness.errors import HarnessError
from harness.local.core.client import local_boto_session

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


@contextmanager
def by_hand(client: DockerClient, name: str) -> Iterator[tuple[str, str]]:
    """A container that serves what one has trained; the URLs of its published port, and own."""
    with (
        trained(client, name) as folder,
        serving(client, name, volumes(folder)[1:2]) as (served, published),
    ):
        yield published.invocations, Address.own(served).invocations


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
        late = threading.Timer(LIMIT, started.kill)  # ends its output, too
        late.start()
        port = started.stdout.readline()
        late.cancel()
        if not port:
            raise SystemExit(f"moto's server has not started within {LIMIT} s")
        url = f"http://127.0.0.1:{int(port)}"
        job: Any = running.sagemaker.describe_training_job(TrainingJobName=NAME)
        session = local_boto_session(url, "us-east-1")
        session.client("sagemaker").create_training_job(**{name: job[name] for name in MEMBERS})
        yield url
    finally:
        started.kill()
        started.wait(LIMIT)


def describe(url: str, seconds: int) -> dict[str, float]:
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "SageMaker.DescribeTrainingJob",
        "Authorization": SIGNATURE.format("harness"),
    }
    request = json.dumps({"TrainingJobName": NAME}).encode()
    return wrk.load(f"{url}/", request, headers, 1, seconds)[1]


def measure(
    rounds: int, seconds: int, direct: tuple[str, str], url: str, moto: str
) -> dict[str, Any]:
    """Medians by what was asked, for each side."""
    kind = {"Content-Type": NPY, "Accept": NPY}
    signed = {**kind, "Authorization": SIGNATURE.format("harness")}
    asked = {
        "floor": (direct[0], kind),
        "past_the_proxy": (direct[1], kind),
        "harness": (f"{url}/endpoints/{NAME}/invocations", signed),
    }
    taken: dict[str, dict[str, list[dict[str, float]]]] = {}
    for _ in range(rounds):
        for rows in ROWS:
            for connections in CONNECTIONS:
                sides = taken.setdefault(f"npy-{rows}-c{connections}", {side: [] for side in asked})
                body = encoded_rows(NPY, rows)
                for side, (where, headers) in asked.items():
                    _, said = wrk.load(where, body, headers, connections, seconds)
                    sides[side].append(said)
        sides = taken.setdefault("describe", {"floor": [], "harness": []})
        sides["floor"].append(describe(moto, seconds))
        sides["harness"].append(describe(url, seconds))
    return {
        name: compare({side: rounded(medians(each), 3) for side, each in sides.items()})
        for name, sides in taken.items()
    }


def compare(sides: dict[str, dict[str, float]]) -> dict[str, Any]:
    ours, floor = sides["harness"], sides["floor"]
    ratios = {f"ratio_{key}": round(ours[key] / floor[key], 2) for key in ("p50", "p99")}
    return {**sides, **ratios}


def main() -> int:
    parser = argument_parser(__doc__)
    parser.add_argument("--seconds", type=int, default=1)
    arguments = parser.parse_args()
    client, name = prepare()
    try:
        wrk.install()
    except HarnessError as error:
        return skip(error, as_json=arguments.json)
    with service(name) as running, by_hand(client, name) as direct:
        running.train(NAME)
        running.deploy(NAME, model_key(NAME))
        with moto_server(running) as moto:
            cases = measure(arguments.rounds, arguments.seconds, direct, running.url, moto)
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
    tell(result, "\n".join(lines), as_json=arguments.json)
    return 0 if all(reached.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
