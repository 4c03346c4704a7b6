"""Runs to make a record of: as the flow would have seen them."""

from collections import deque
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from harness.config.settings import Metrics, Requests, Settings, Threshold
from harness.flow.progress import Line, Step
from harness.flow.project.payloads import bodies
from harness.flow.project.requests import Body, RequestSet
from harness.flow.project.scores import Answers
from harness.flow.record.seen import Phase, see
from harness.flow.report import Report

BEGAN = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
def answers():
    """The answers to a set of requests, whose rows are numbers."""

    def answers(truth, predictions, features=None, name="test"):
        asked: list[Body] = []
        if features is not None:
            rows = np.asarray(features, float)
            rows = rows[:, np.newaxis] if rows.ndim == 1 else rows
            asked = [Body(body, "text/csv", n) for body, n in bodies(rows, "text/csv")]
        found = None if predictions is None else np.asarray(predictions)
        truth = None if truth is None else np.asarray(truth)
        request = RequestSet(name, asked, "text/csv", truth)
        return Answers(request, [b"1\n"] * len(asked), found, [0.0125] * len(asked))

    return answers


@pytest.fixture
def log():
    def log(group, *texts):
        lines = deque(Line(1_764_158_400_000 + n, "job/algo-1-1", t) for n, t in enumerate(texts))
        return SimpleNamespace(group=group, count=len(texts), lines=lines)

    return log


@pytest.fixture
def seen(tmp_path):
    """What a run has seen, with such settings of `[report]` and `[metrics]`."""

    def seen(*answers, scores=(), output=None, logs=(), **report):
        settings = Settings(
            root=tmp_path,
            metrics=Metrics(scores=list(scores)),
            requests={each.asked.name: Requests(source="x") for each in answers},
            hyperparameters={"df": 20},
            report=report,
        )
        steps = [Step("build", 0.0, 1.0), Step("train", 1.0, 3.0), Step("tear_down", 4.0, 0.5)]
        training = BEGAN + timedelta(seconds=2)
        phases = [
            Phase("Training", training, training + timedelta(seconds=1.5)),
            Phase("Completed", training + timedelta(seconds=9), training + timedelta(seconds=9)),
        ]
        return see(
            settings, BEGAN, steps, answers=answers, phases=phases, logs=list(logs), output=output
        )

    return seen


@pytest.fixture
def report():
    return Report(
        target="local",
        region="us-east-1",
        run="harness-20261126-120000-abcdef",
        image="harness-p:0123456789ab",
        seconds={"build": 1.0, "train": 3.0, "total": 4.5},
        metrics={"test_r2": 0.75, "loss": float("nan")},
        thresholds={"test_r2": Threshold(min=0.5, published=0.8)},
        output="/p/build/runs/harness-20261126-120000-abcdef",
        report="/p/build/runs/harness-20261126-120000-abcdef/report.html",
    )
