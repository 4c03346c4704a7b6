"""A run of `docker run IMAGE train`, as a training job of SageMaker makes it."""

from __future__ import annotations

import contextlib
import random
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from harness.check.model import Model
from harness.local.data import opt_ml
from harness.local.engine import inspection
from harness.local.engine.errors import StartError
from harness.local.engine.log_lines import MAX_WORDS, LastWords

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.local.engine.container import Container
    from harness.local.engine.containers import Containers

INSTANCE_TYPE = "ml.m5.large"
REGION = "us-east-1"
JOB = "harness-check"
ARN = f"arn:aws:sagemaker:{REGION}:123456789012:training-job/{JOB}"
GRACE = 10
"""Seconds from SIGTERM to SIGKILL for a run that took too long."""


class Output:
    """The last words that a container has written to stdout and stderr, and of how many lines."""

    def __init__(self) -> None:
        self.count = 0
        self.words = LastWords()

    def __call__(self, line: str) -> None:
        self.count += 1
        self.words.add(line)


@dataclass(frozen=True)
class Setup:
    """How a run differs from a plain one with the data and hyperparameters that were given."""

    train: Mapping[str, Path] = field(default_factory=dict)
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    command: Sequence[str] = ("train",)
    isolated: bool = False
    hosts: int = 1
    garbage: bool = False
    """Random bytes in place of each file's content."""
    extra_channel: str = ""
    """A channel that nobody has asked for, with one file."""


@dataclass(frozen=True)
class TrainingRun:
    """What became of one host's container."""

    exit_code: int | None
    seconds: float
    said: str
    failure: str
    model: Model
    changes: Sequence[str] = ()
    timed_out: bool = False
    out_of_memory: bool = False

    @property
    def completed(self) -> bool:
        return self.exit_code == 0 and not self.timed_out

    @property
    def words(self) -> str:
        """How it ended, in words."""
        if self.timed_out:
            text = f"it had not ended after {self.seconds:.0f} s"
        else:
            text = f"it ended with exit code {self.exit_code}"
        if self.out_of_memory:
            text += ", out of memory"
        failure = " ".join(self.failure.split())[:MAX_WORDS]
        said = f"it said: {failure}" if failure else self.said
        return f"{text}; {said}" if said else f"{text}, and wrote nothing"


class CannotStartError(Exception):
    """The engine could not start the container; its words."""


@contextlib.contextmanager
def started(
    containers: Containers, image: str, setup: Setup
) -> Iterator[list[tuple[Container, Output]]]:
    """The containers of a run, one a host, started. They are removed in the end.

    Raises:
        CannotStartError: the engine could not run the command.
    """
    names = [f"algo-{number + 1}" for number in range(setup.hosts)]
    hosts = [opt_ml.Host(name, INSTANCE_TYPE) for name in names]
    with contextlib.ExitStack() as clean:
        network = None
        if len(hosts) > 1:
            network = containers.network("check-train", names, isolated=setup.isolated)
            clean.callback(network.remove)
        made = []
        for host in hosts:
            container = containers.create(
                image,
                name=f"check-train-{host.name}",
                hostname=host.name,
                command=setup.command,
                environment={
                    "AWS_REGION": REGION,
                    "TRAINING_JOB_NAME": JOB,
                    "TRAINING_JOB_ARN": ARN,
                },
                isolated=setup.isolated,
                shared=network,
            )
            clean.callback(container.remove)
            container.put("/", opt_ml.tar_stream(_layout(setup, hosts, host).entries()))
            made.append((container, Output()))
        for container, output in made:
            try:
                container.start(output)
            except StartError as error:
                raise CannotStartError(str(error)) from error
        yield made


def run(
    containers: Containers, image: str, setup: Setup, limit: float, *, changes: bool = False
) -> list[TrainingRun]:
    """Run it to its end, or for `limit` seconds; one result a host, with the `changes` if asked.

    Raises:
        CannotStartError: the engine could not run the command.
    """
    begun = time.monotonic()
    with started(containers, image, setup) as hosts:
        results = []
        for container, output in hosts:
            timed_out = not container.exited.wait(max(0.0, begun + limit - time.monotonic()))
            if timed_out:
                container.stop(GRACE)
            seconds = time.monotonic() - begun
            ended = result(container, output, seconds, timed_out)
            if changes:
                ended = replace(ended, changes=inspection.changes(container))
            results.append(ended)
        return results


def result(
    container: Container, output: Output, seconds: float, timed_out: bool = False
) -> TrainingRun:
    """What a container has left that has ended."""
    return TrainingRun(
        exit_code=container.exit_code,
        seconds=seconds,
        said=output.words.said,
        failure=opt_ml.read_failure(container.get("/opt/ml/output/failure")),
        model=Model.of_container(container.get("/opt/ml/model")),
        timed_out=timed_out,
        out_of_memory=container.out_of_memory,
    )


def _layout(
    setup: Setup, hosts: Sequence[opt_ml.Host], current: opt_ml.Host
) -> opt_ml.TrainingLayout:
    channels = [*setup.train, *([setup.extra_channel] if setup.extra_channel else [])]
    return opt_ml.TrainingLayout(
        # Values that aren't strings are only ever tried to tell what is wrong.
        hyperparameters=cast("Mapping[str, str]", setup.hyperparameters),
        channels={
            name: {
                "TrainingInputMode": "File",
                "S3DistributionType": "FullyReplicated",
                "RecordWrapperType": "None",
            }
            for name in channels
        },
        hosts=hosts,
        current=current,
        data=_data(setup),
    )


def _data(setup: Setup) -> Iterator[opt_ml.Entry]:
    rng = random.Random(0)  # noqa: S311 - any bytes will do, the same each time
    for channel, path in setup.train.items():
        for name, file in _files(path):
            if setup.garbage:
                yield opt_ml.file(f"{channel}/{name}", rng.randbytes(1000))
            else:
                yield opt_ml.Entry(f"{channel}/{name}", file.stat().st_size, _chunks(file))
    if setup.extra_channel:
        yield opt_ml.file(f"{setup.extra_channel}/notes.txt", b"Nobody has asked for this.\n")


def _files(path: Path) -> list[tuple[str, Path]]:
    if path.is_file():
        return [(path.name, path)]
    return sorted(
        (str(each.relative_to(path)), each) for each in Path(path).rglob("*") if each.is_file()
    )


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(opt_ml.CHUNK):
            yield chunk
