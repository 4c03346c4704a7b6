"""What is left of a run, in a folder: the trained model, the answers, the logs, and the report as a
page for people, as JSON for programs, and as JUnit's XML for a CI.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

from botocore.exceptions import ClientError

from harness.console import Passing
from harness.errors import ConfigError, FlowError
from harness.flow.record import history
from harness.flow.record.history import REPORT, RUNS
from harness.local.data.transfers import Transfer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import boto3

    from harness.flow.context import Run
    from harness.flow.progress import Log
    from harness.flow.project.payloads import Array
    from harness.flow.project.scores import Answers
    from harness.flow.record.seen import Seen
    from harness.flow.report import Report

MODEL = "model.tar.gz"
TRAINING_OUTPUT = "output.tar.gz"
"""What the training has left in /opt/ml/output/data, which SageMaker puts beside the model."""

PAGE = "report.html"
JUNIT = "junit.xml"
EARLIER = 20
"""Runs before this one that its metrics are shown against."""

MOST_FILES = 60
"""That the page names."""

_CHUNK = 1 << 20


def check_folder(folder: Path) -> None:
    """Raises `ConfigError` where nothing can be written into a folder, which needn't be there."""
    there = next(each for each in (folder, *folder.absolute().parents) if os.path.lexists(each))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        why = "isn't yours to write to" if there.is_dir() else "is no folder"
        raise ConfigError(
            f"{there} {why}, and the run's output goes there; say by --output where else."
        )


class Output:
    """The folder of one run. Nothing is written before there is something to write."""

    def __init__(self, this: Run, folder: Path | None) -> None:
        self._own = folder is None
        self._progress = this.progress
        self._runs = this.settings.root / RUNS
        self._keep = this.settings.report.keep
        self.folder = folder or self._runs / this.name
        self._written: set[str] = set()

    def model(self, boto: boto3.Session, uri: str) -> Path:
        """Download the trained model; returns the file."""
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        return self._download(boto, bucket, key, MODEL)

    def transformed(self, boto: boto3.Session, uri: str) -> None:
        """Download what a transform job has put below a prefix."""
        bucket, prefix = uri.removeprefix("s3://").split("/", 1)
        pages = boto.client("s3").get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                name = item["Key"].removeprefix(prefix)
                self._download(boto, bucket, item["Key"], f"transform/{name}")

    def _download(self, boto: boto3.Session, bucket: str, key: str, name: str) -> Path:
        answer = boto.client("s3").get_object(Bucket=bucket, Key=key)
        got = Transfer(f"  downloading {name}", lambda text: self._progress(Passing(text)))
        got.expect(answer.get("ContentLength"))
        with self._writing(name) as file:
            file.writelines(got.counted(answer["Body"].iter_chunks(_CHUNK)))
        return self.folder / name

    def answers(self, answers: list[Answers]) -> None:
        """Write what the endpoint has answered: a csv where an array was made of it."""
        for each in answers:
            stem = re.sub(r"[^\w.-]", "-", each.asked.name) or "answers"
            if each.predictions is None:
                for number, body in enumerate(each.bodies):
                    self._write(f"predictions/{stem}-{number}", body)
            else:
                self._write(f"predictions/{stem}.csv", _csv(each.predictions))

    @property
    def page(self) -> Path:
        return self.folder / PAGE

    def training_output(self, boto: boto3.Session, model_uri: str) -> Path | None:
        """Download what the training has left beside its model; None if that is nothing."""
        uri = model_uri.removesuffix(MODEL) + TRAINING_OUTPUT
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        try:
            return self._download(boto, bucket, key, TRAINING_OUTPUT)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NoSuchKey", "404"):
                raise
            return None

    def record(self, report: Report, seen: Seen, *, over: bool = True) -> None:
        """Write the report in all its forms, with which the output is whole, and make room for it.

        Once the run is `over`, append a job summary in a CI that has such.
        """
        from harness.flow.record import document, junit, summary  # once the metrics are printed
        from harness.flow.record.html.page import page

        found = document.make(report, seen)
        earlier = [
            each
            for each in history.before(self._runs, report.run, EARLIER)
            if each.get("project") == found["project"] and not each.get("error")
        ]
        for log, told in zip((log for log in seen.logs if log.count), found["logs"], strict=True):
            self._write(told["file"], _log(log))
        self._write(JUNIT, junit.junit(found, seen))
        self._write(REPORT, f"{json.dumps(found, indent=2)}\n".encode())
        self._written.discard(PAGE)  # of an endpoint that was kept, the page was written before
        files = sorted(self._written, key=lambda name: ("/" in name, name))[:MOST_FILES]
        text = page(found, seen, earlier, files)
        self._write(PAGE, text.encode("utf-8", "replace"))
        try:
            if over:
                summary.append(found, seen, earlier)
        except OSError as error:
            raise FlowError(
                f"{summary.VARIABLE}: {error.filename} can't be written: {error.strerror or error}."
            ) from error
        if self._own:
            history.prune(self._runs, self._keep)

    def _write(self, name: str, content: bytes) -> None:
        with self._writing(name) as file:
            file.write(content)

    @contextmanager
    def _writing(self, name: str) -> Iterator[BinaryIO]:
        """A file of the folder, which is there once it is whole."""
        path = self.folder / name
        if self.folder.resolve() not in path.resolve().parents:
            raise FlowError(f"{name} would be written outside {self.folder}.")
        partial = path.with_name(f".{path.name}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                yield file
            partial.replace(path)
            self._written.add(name)
        except OSError as error:
            raise FlowError(
                f"{path} can't be written: {error.strerror or error}; say by --output where else."
            ) from error
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def _log(log: Log) -> bytes:
    """A log as text: when, in which stream, what."""
    lines = (
        f"{datetime.fromtimestamp(line.written / 1000, UTC).isoformat(timespec='milliseconds')} "
        f"{line.stream} {line.text}\n"
        for line in log.lines
    )
    return "".join(lines).encode("utf-8", "replace")


def _csv(predictions: Array) -> bytes:
    """Predictions as csv, a line for each; numbers with all their digits."""
    rows = predictions.reshape(len(predictions), -1).tolist() if predictions.size else []
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
