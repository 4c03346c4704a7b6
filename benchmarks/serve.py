"""`docker run IMAGE serve` under load, beside AWS's scikit-learn serving stack, in turns.

    python benchmarks/serve.py [--json] [--rounds 5] [--full]

The peer is AWS's stack with the same model: nginx, gunicorn with gevent and a worker a CPU, Flask
and sagemaker-containers, in an image of its own (`benchmarks/peer/`), which the first time fetches
Debian's and PyPI's packages. The floor is our own image with a `transform_fn` that returns a
constant: the same server and app, without decoding, predicting and encoding.

`wrk`, a Debian package, asks each of the three in turns, on this machine, at the container's own
address: bodies of 1, 100 and 1,000 rows as npy and of 100 as csv and json, over 1, 8 and 64
connections; by default a choice of those, all with `--full`. Memory is what all processes of a
container hold, with shared pages counted once (PSS), after the load; CPU is the processor time
of a request in the container, which other load on the machine changes least. The first request is
the one after the first 200 from `/ping`; the slowest of the first 20 meets every worker.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from peer import image as peer_image
from shared import wrk
from shared.by_hand import Address, container, invoke, trained, wait_for_ping
from shared.command import argument_parser, load_settings, prepare, say, skip, tell
from shared.figures import medians, rounded
from shared.gauss3 import CSV, JSON, NPY, encoded_rows

from harness.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient
    from docker.models.containers import Container

FIRST = 20  # requests that count as the first ones
STARTS = 3  # of new containers, at most

# The floor's hooks: the constant is an answer for one row.
CONSTANT = """\
import io

import numpy as np

def model_fn(model_dir):
    file = io.BytesIO()
    np.save(file, np.zeros(1))
    return file.getvalue()

def transform_fn(model, input_data, content_type, accept):
    return model
"""


class Case(NamedTuple):
    """A body to send over some connections."""

    content_type: str
    rows: int
    connections: int

    @property
    def name(self) -> str:
        kind = {NPY: "npy", CSV: "csv", JSON: "json"}[self.content_type]
        return f"{kind}-{self.rows}-c{self.connections}"

    def headers(self) -> dict[str, str]:
        return {"Content-Type": self.content_type, "Accept": self.content_type}


BODIES = [(NPY, 1), (NPY, 100), (NPY, 1000), (CSV, 100), (JSON, 100)]
ALL = [Case(*body, connections) for body in BODIES for connections in (1, 8, 64)]
SOME = [case for case in ALL if case.connections == 8 or case[:2] == (NPY, 1)]
# Times the peer's throughput.
GOALS = {1: 3.0, 1000: 2.0}
PART = 0.5  # of the peer's p99, and of its memory


class Server:
    """A container that serves, and its address."""

    def __init__(self, running: Container) -> None:
        self._container = running
        self.address = Address.own(running)

    def invoke(self, case: Case, body: bytes) -> bytes:
        return invoke(self.address, body, case.headers(), self._container)

    def load(self, case: Case, body: bytes, seconds: int) -> dict[str, float]:
        """What wrk says, and microseconds of processor time that a request took there."""
        used = self._processor_us()
        requests, said = wrk.load(
            self.address.invocations, body, case.headers(), case.connections, seconds
        )
        return {**said, "cpu_us": (self._processor_us() - used) / requests}

    def _processor_us(self) -> float:
        """Processor time that its processes have used so far."""
        ticks = 0
        for process in self._processes():
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])  # user's and system's
        return ticks / os.sysconf("SC_CLK_TCK") * 1e6

    def megabytes(self) -> float:
        """What its processes hold, each page once."""
        lines = [
            line
            for process in self._processes()
            for line in (process / "smaps_rollup").read_text().splitlines()
        ]
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024

    def _processes(self) -> list[Path]:
        return [Path("/proc", pid) for (pid,) in self._container.top(ps_args="-o pid")["Processes"]]


class Sides:
    """The three servers."""

    def __init__(self, client: DockerClient, names: dict[str, str], folder: Path) -> None:
        self._client = client
        self._names = names
        self._model = folder / "opt/ml/model"
        self._constant = folder / "constant.py"
        self._constant.write_text(CONSTANT)

    @contextmanager
    def serve(self, side: str) -> Iterator[tuple[Server, float]]:
        """A new container that has answered /ping, and the seconds that took."""
        volumes = [f"{self._model}:/opt/ml/model:ro"]
        options: dict[str, Any] = {}
        if side == "floor":
            volumes.append(f"{self._constant}:/opt/ml/code/constant.py:ro")
            options["environment"] = {"SAGEMAKER_PROGRAM": "constant.py"}
        start = time.perf_counter()
        with container(
            self._client, self._names[side], "serve", volumes=volumes, **options
        ) as running:
            server = Server(running)
            wait_for_ping(server.address, running)
            yield server, time.perf_counter() - start

    def first(self, side: str, case: Case, body: bytes) -> dict[str, float]:
        """Seconds to the first 200, then milliseconds of the first requests."""
        with self.serve(side) as (server, seconds):
            taken = []
            for _ in range(FIRST):
                start = time.perf_counter()
                server.invoke(case, body)
                taken.append((time.perf_counter() - start) * 1000)
        return {"ping_seconds": seconds, "first_ms": taken[0], "slowest_ms": max(taken)}


def measure(sides: Sides, cases: list[Case], rounds: int, seconds: int) -> dict[str, Any]:
    """All figures: of the start from new containers, of the rest from one of each side."""
    bodies = {case: encoded_rows(case.content_type, case.rows) for case in cases}
    one = Case(NPY, 1, 8)
    firsts: dict[str, list[dict[str, float]]] = {"ours": [], "peer": []}
    for _ in range(min(rounds, STARTS)):
        for side, taken in firsts.items():
            taken.append(sides.first(side, one, bodies[one]))

    loads: dict[Case, dict[str, list[dict[str, float]]]] = {}
    with sides.serve("peer") as peer, sides.serve("ours") as ours:
        servers = {"peer": peer[0], "ours": ours[0]}
        with sides.serve("floor") as floor:
            servers["floor"] = floor[0]
            for case, body in bodies.items():
                check(case, servers["ours"].invoke(case, body), servers["peer"].invoke(case, body))
                loads[case] = {side: [] for side in servers}
            for server in servers.values():  # warm, all workers of it
                server.load(one, bodies[one], 1)
            for _ in range(rounds):
                for case in cases:
                    for side, server in servers.items():
                        loads[case][side].append(server.load(case, bodies[case], seconds))
        # The floor's pages are ours as well, and would be halved between the two.
        memory = {side: round(servers[side].megabytes()) for side in ("ours", "peer")}
    return {
        "start": {side: rounded(medians(taken), 3) for side, taken in firsts.items()},
        "megabytes": memory,
        "cases": {
            case.name: compare(
                case, {side: rounded(medians(each), 3) for side, each in taken.items()}
            )
            for case, taken in loads.items()
        },
    }


def check(case: Case, ours: bytes, theirs: bytes) -> None:
    """Both must have predicted the same."""

    def numbers(body: bytes) -> Any:
        if case.content_type == NPY:
            return np.load(io.BytesIO(body), allow_pickle=False)
        if case.content_type == JSON:
            return np.array(json.loads(body))
        return np.loadtxt(io.BytesIO(body), delimiter=",", ndmin=1)

    np.testing.assert_allclose(numbers(ours), numbers(theirs), rtol=1e-9)


def compare(case: Case, sides: dict[str, dict[str, float]]) -> dict[str, Any]:
    ours, peer, floor = sides["ours"], sides["peer"], sides["floor"]
    times = ours["rate"] / peer["rate"]
    tail = ours["p99"] / peer["p99"]
    return {
        **sides,
        "times_the_peer": round(times, 2),
        "of_the_floor": round(ours["rate"] / floor["rate"], 2),
        "p99_of_the_peers": round(tail, 2),
        "passed": times >= GOALS.get(case.rows, 1.0) and tail <= PART,
    }


_HEADS = (
    "   ours    peer   floor   ours  peer   ours  peer floor  ours  peer  x peer x floor   x p99"
)


def table(figures: dict[str, Any]) -> str:
    lines = [
        f"{'':13} {'requests/s':^23} {'p50 ms':^12} {'p99 ms':^18} {'CPU us':^11} {'ours':^22}",
        f"{'':13} {_HEADS}",
    ]
    for name, case in figures["cases"].items():
        ours, peer, floor = case["ours"], case["peer"], case["floor"]
        lines.append(
            f"{name:<13} {ours['rate']:7.0f} {peer['rate']:7.0f} {floor['rate']:7.0f} "
            f"{ours['p50']:6.2f} {peer['p50']:5.1f} {ours['p99']:6.2f} {peer['p99']:5.1f} "
            f"{floor['p99']:5.1f} "
            f"{ours['cpu_us']:5.0f} {peer['cpu_us']:5.0f} {case['times_the_peer']:7.2f} "
            f"{case['of_the_floor']:7.2f} {case['p99_of_the_peers']:7.2f}"
            f"{'' if case['passed'] else '  missed'}"
        )
    for label, key in [
        ("to /ping, s", "ping_seconds"),
        ("first request, ms", "first_ms"),
        (f"slowest of {FIRST}, ms", "slowest_ms"),
    ]:
        start = figures["start"]
        lines.append(f"{label:<20} {start['ours'][key]:8.2f} {start['peer'][key]:8.2f}")
    memory = figures["megabytes"]
    lines.append(
        f"{'memory, MB':<20} {memory['ours']:8} {memory['peer']:8}"
        f"   {memory['ours'] / memory['peer']:.2f} of the peer's (at most {PART})"
    )
    return "\n".join(lines)


def main() -> int:
    parser = argument_parser(__doc__)
    parser.add_argument("--seconds", type=int, default=1, help="of load, each time")
    parser.add_argument("--full", action="store_true", help="all bodies and connections")
    arguments = parser.parse_args()
    client, ours = prepare()
    try:
        wrk.install()
        peer = peer_image.build(load_settings(), client, progress=say)
    except HarnessError as error:
        return skip(error, as_json=arguments.json)
    with trained(client, ours) as folder:
        sides = Sides(client, {"ours": ours, "floor": ours, "peer": peer}, folder)
        cases = ALL if arguments.full else SOME
        figures = measure(sides, cases, arguments.rounds, arguments.seconds)
    passed = (
        all(case["passed"] for case in figures["cases"].values())
        and figures["megabytes"]["ours"] <= PART * figures["megabytes"]["peer"]
    )
    result = {"image": ours, "peer": peer, "rounds": arguments.rounds, **figures, "passed": passed}
    tell(result, table(figures), as_json=arguments.json)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
