"""What is left of a run: the trained model, the answers and the report, in a folder."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from harness.errors import ConfigError, FlowError
from harness.flow.cleanup import RUN_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

    from harness.flow.context import Run
    from harness.flow.project.payloads import Array
    from harness.flow.project.scores import Answers
    from harness.flow.report import Report

RUNS = Path("build", "runs")
"""The folder of a project that has its runs' output, where it isn't said otherwise."""

KEPT = 10
"""Runs whose output stays there; older ones make room."""

MODEL = "model.tar.gz"
REPORT = "report.json"
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
        self._runs = this.settings.root / RUNS
        self.folder = folder or self._runs / this.name

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
        body = boto.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
        with self._writing(name) as file:
            for chunk in body.iter_chunks(_CHUNK):
                file.write(chunk)
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

    def report(self, report: Report) -> None:
        """Write the report, with which the output is whole, and make room for it."""
        self._write(REPORT, f"{json.dumps(report.as_dict(), indent=2)}\n".encode())
        if self._own:
            self._prune()

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
        except OSError as error:
            raise FlowError(
                f"{path} can't be written: {error.strerror or error}; say by --output where else."
            ) from error
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)

    def _prune(self) -> None:
        runs = sorted(
            path for path in self._runs.iterdir() if RUN_NAME.fullmatch(path.name)
        )  # by their names: the oldest first
        for old in runs[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)


def _csv(predictions: Array) -> bytes:
    """Predictions as csv, a line for each; numbers with all their digits."""
    rows = predictions.reshape(len(predictions), -1).tolist() if predictions.size else []
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
