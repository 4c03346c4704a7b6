"""Many training jobs and endpoints at once on one `harness up`, beside the same containers by hand.

    python benchmarks/concurrency.py [--json] [--rounds 3] [--jobs 20] [--endpoints 10]

By hand is the floor: as many `docker run IMAGE train`, and as many `docker run IMAGE serve` with
one request each, all at once, their files already in place. In turns with it, the same through
SageMaker's API, from `PutObject` to the deleted endpoint. Each job trains on data of its own, and
each endpoint serves the model of another job of the round before, so that no answer can be mistaken
for another one's. The server's memory, threads and files are looked at all the while, and once more
when a round has ended: growth from round to round is a leak.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.by_hand import lay_out, serve_by_hand, train_by_hand
from shared.command import argument_parser, prepare, say, tell
from shared.gauss3 import CSV
from shared.service import Service, Usage, Watch, model_key, service

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from docker import DockerClient

GOAL = 1.3  # times the floor that everything at once may take
GROWTH_GOAL = 100  # KB that a job or an endpoint may leave in the server: its record, logs, objects
STEP = 1000.0  # by which each job's target is above that of the one before
PROBE = b"100"  # the row that endpoints are asked about


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


def serve(running: Service, name: str, job: str) -> float:
    """Deploy the model of a job, ask it once, and delete it; returns the answer."""
    running.deploy(name, model_key(job))
    answer = running.runtime.invoke_endpoint(
        EndpointName=name, Body=PROBE, ContentType=CSV, Accept=CSV
    )
    predicted = float(answer["Body"].read())
    running.delete(name)
    return predicted


def through_api(running: Service, number: int, jobs: int, endpoints: int, base: float) -> float:
    """Seconds of a round; raises SystemExit if anything of it isn't as it must be."""
    numbers = range(number * jobs, (number + 1) * jobs)
    before = range((number - 1) * jobs, (number - 1) * jobs + endpoints)
    seconds, results = at_once(
        [partial(running.train, f"job-{each}", each * STEP) for each in numbers]
        + [partial(serve, running, f"endpoint-{each}", f"job-{each}") for each in before]
    )
    models, answers = results[:jobs], results[jobs:]
    if len(set(models)) != jobs:
        raise SystemExit(f"{jobs} jobs on different data left {len(set(models))} models")
    for each, answer in zip(before, answers, strict=True):
        if abs(answer - base - each * STEP) > 1:
            raise SystemExit(f"endpoint-{each} answered {answer}, not {base + each * STEP}")
    return seconds


def main() -> int:
    parser = argument_parser(__doc__, rounds=3)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--endpoints", type=int, default=10)
    arguments = parser.parse_args()
    rounds, jobs, endpoints = arguments.rounds, arguments.jobs, arguments.endpoints
    if rounds < 3 or not 1 <= endpoints <= jobs:
        parser.error("give 3 rounds or more, and no more endpoints than jobs")
    client, name = prepare()
    with service(name) as running:
        running.train("base")
        base = serve(running, "base", "base")
        at_once([partial(running.train, f"job-{each}", each * STEP) for each in range(endpoints)])
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
    tell(result, table, as_json=arguments.json)
    return 0 if result["ratio"] <= GOAL and growth <= GROWTH_GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
