"""How soon a container serves or trains, beside importing what the model needs in one like it.

    python benchmarks/cold_start.py [--json] [--rounds 5]

All four are taken from the request to start a container of the image, in turns:

- `serve`, until `/ping` answers 200; its floor loads the model, with all that this imports;
- `train`, until the script has fitted its model; its floor imports what a fit imports.

The floors end when a line says that they are done. The image's files are in the page cache.
"""

from __future__ import annotations

import shlex
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from shared.by_hand import LIMIT, container, serving, trained, volumes
from shared.command import argument_parser, prepare, tell
from shared.figures import medians

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from docker import DockerClient
    from docker.models.containers import Container

GOAL = 1.25  # times the floor that either may take

LOAD = "import model_logic; model_logic.model_fn('/opt/ml/model')"
FIT = (
    "import model_logic, gam_model.fitting, sklearn.metrics, sklearn.utils.validation, "
    "scipy.interpolate"
)
DONE = "done importing"
FITTED = "Trained on"  # model_logic.py's line


def wait_for_line(words: str, running: Container) -> None:
    """Wait until the container has written a line with these words."""
    late = threading.Timer(LIMIT, running.kill)  # ends its output, too
    late.start()
    written = b""
    try:
        for piece in running.logs(stream=True, follow=True):
            written += piece
            if words.encode() in written:
                return
    finally:
        late.cancel()
    raise SystemExit(f"the container hasn't said {words!r}:\n{written.decode()}")


def python(client: DockerClient, name: str, folder: Path, code: str) -> float:
    """Seconds until a container has run some Python."""
    start = time.perf_counter()
    command = shlex.join(["-c", f"{code}; print({DONE!r})"])
    options = {"entrypoint": "python3", "volumes": volumes(folder)}
    with container(client, name, command, **options) as running:
        wait_for_line(DONE, running)
        return time.perf_counter() - start


def serve(client: DockerClient, name: str, folder: Path) -> float:
    start = time.perf_counter()
    with serving(client, name, volumes(folder)):
        return time.perf_counter() - start


def train(client: DockerClient, name: str, folder: Path) -> float:
    start = time.perf_counter()
    options = {"hostname": "algo-1", "volumes": volumes(folder)}
    with container(client, name, "train", **options) as running:
        wait_for_line(FITTED, running)
        return time.perf_counter() - start


def main() -> int:
    arguments = argument_parser(__doc__).parse_args()
    client, name = prepare()
    with trained(client, name) as folder:
        sides: dict[str, Callable[[], float]] = {
            "serve": lambda: serve(client, name, folder),
            "serve_floor": lambda: python(client, name, folder, LOAD),
            "train": lambda: train(client, name, folder),
            "train_floor": lambda: python(client, name, folder, FIT),
        }
        for warm in sides.values():
            warm()
        taken = medians([
            {side: run() for side, run in sides.items()} for _ in range(arguments.rounds)
        ])  # fmt: skip
    result: dict[str, Any] = {"image": name, "rounds": arguments.rounds, "goal": GOAL}
    table = ["                  s   importing   ratio"]
    for side in ("serve", "train"):
        seconds, floor = taken[side], taken[f"{side}_floor"]
        result[side] = {
            "seconds": round(seconds, 3),
            "floor_seconds": round(floor, 3),
            "ratio": round(seconds / floor, 2),
        }
        table.append(f"{side:<12} {seconds:6.2f}  {floor:10.2f}  {seconds / floor:6.2f}")
    table.append(f"{'':<24}goal {GOAL:9.2f}")
    tell(result, "\n".join(table), as_json=arguments.json)
    return 0 if all(result[side]["ratio"] <= GOAL for side in ("serve", "train")) else 1


if __name__ == "__main__":
    sys.exit(main())
