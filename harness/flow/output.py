"""What is left of a run: the trained model, the answers and the report, in a folder."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import FlowError
from harness.flow.cleanup import RUN_NAME

if TYPE_CHECKING:
    import boto3

    from harness.flow.context import Run
    from harness.flow.project.scores import Answers
    from harness.flow.report import Report

RUNS = Path("build", "runs")
"""The folder of a project that has its runs' output, where it isn't said otherwise."""

KEPT = 10
"""Runs whose output stays there; older ones make room."""

MODEL = "model.tar.gz"
REPORT = "report.json"
_CHUNK = 1 << 20


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
        target = self._place(name)
        body = boto.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
        partial = target.with_name(f".{target.name}.partial")
        try:
            with partial.open("wb") as file:
                for chunk in body.iter_chunks(_CHUNK):
                    file.write(chunk)
            partial.replace(target)
        except OSError as error:
            raise FlowError(f"{target} can't be written: {error.strerror}.") from error
        finally:
            partial.unlink(missing_ok=True)
        return target

    def answers(self, answers: list[Answers]) -> None:
        """Write what the endpoint has answered: a csv where an array was made of it."""
        for each in answers:
            stem = re.sub(r"[^\w.-]", "-", each.asked.name) or "answers"
            if each.predictions is not None:
                with self._place(f"predictions/{stem}.csv").open("w", encoding="utf-8") as file:
                    np.savetxt(file, each.predictions, fmt="%s", delimiter=",")
                continue
            for number, body in enumerate(each.bodies):
                self._place(f"predictions/{stem}-{number}").write_bytes(body)

    def report(self, report: Report) -> None:
        """Write the report, with which the output is whole, and make room for it."""
        text = json.dumps(report.as_dict(), indent=2)
        self._place(REPORT).write_text(f"{text}\n", encoding="utf-8")
        if self._own:
            self._prune()

    def _place(self, name: str) -> Path:
        path = self.folder / name
        if self.folder.resolve() not in path.resolve().parents:
            raise FlowError(f"{name} would be written outside {self.folder}.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FlowError(
                f"{path.parent} can't be made: {error.strerror}; say by --output where to write."
            ) from error
        return path

    def _prune(self) -> None:
        runs = sorted(
            path for path in self._runs.iterdir() if RUN_NAME.fullmatch(path.name)
        )  # by their names: the oldest first
        for old in runs[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
