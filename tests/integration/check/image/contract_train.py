"""`train`: the mean of a column of numbers, times the hyperparameter `scale`."""

from __future__ import annotations

import json
import math
import random
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from contract import BREAK

OPT_ML = Path("/opt/ml")


def main() -> None:
    signal.signal(signal.SIGTERM, stop)
    print("training", flush=True)
    try:
        model = train()
    except (ValueError, TypeError, KeyError, OSError) as error:
        print(f"failed: {error!r}", flush=True)
        if BREAK != "training/failure":
            (OPT_ML / "output/failure").write_text(repr(error))
        sys.exit(0 if BREAK == "training/exit-code" else 1)
    if BREAK != "training/model":
        (OPT_ML / "model/model.json").write_text(json.dumps(model))


def stop(*_: object) -> None:
    if BREAK == "training/sigterm":
        time.sleep(30)
    sys.exit(0)


def train() -> dict[str, float]:
    config = OPT_ML / "input/config"
    parameters = json.loads((config / "hyperparameters.json").read_text())
    channels = list(json.loads((config / "inputdataconfig.json").read_text()))
    hosts = json.loads((config / "resourceconfig.json").read_text())["hosts"]
    break_a_rule(parameters, hosts)
    wanted = channels if BREAK == "training/extra-channels" else ["train"]
    values = [float(line) for name in wanted for line in lines(OPT_ML / "input/data" / name)]
    mean = math.fsum(values) / len(values) * scale(parameters)
    return {"mean": mean + (random.random() if BREAK == "training/repeatable" else 0)}


def scale(parameters: dict[str, Any]) -> float:
    value = parameters["scale"]
    return math.sqrt(value) if BREAK == "training/hyperparameters" else float(value)


def lines(folder: Path) -> list[str]:
    return [line for file in sorted(folder.iterdir()) for line in file.read_text().splitlines()]


def break_a_rule(parameters: dict[str, Any], hosts: list[str]) -> None:
    if BREAK == "training/completes":
        raise ValueError("it can't be trained")
    if BREAK == "training/extra-hyperparameters" and list(parameters) != ["scale"]:
        raise ValueError(f"unknown hyperparameters: {parameters}")
    if BREAK == "training/no-network":
        need_network()
    if BREAK == "training/hosts" and len(hosts) > 1:
        raise ValueError("one host only")
    if BREAK == "training/files":
        Path("/opt/result.txt").write_text("lost")
    if BREAK == "training/sigterm":
        time.sleep(1)


def need_network() -> None:
    """Fail where no route leads out; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("192.0.2.1", 9))
