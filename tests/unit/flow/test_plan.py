"""Which steps a run takes: of the project, and of those that were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness.config.settings import Processing, Requests, Settings, Transform
from harness.errors import ConfigError
from harness.flow.plan import STEPS, make

if TYPE_CHECKING:
    from collections.abc import Sequence

BARE = Settings()
GAM = Settings(requests={"": Requests(source="a.csv")})
WHOLE = Settings(
    target="aws",
    requests={"": Requests(source="a.csv")},
    processing=Processing(),
    transform=Transform(source="a.csv"),
)


def steps(settings: Settings, **asked: Any) -> list[str]:
    plan = make(settings, **asked)
    return [step for step in STEPS if step in plan]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (BARE, "build push stage train deploy"),
        (GAM, "build push stage train deploy predict"),
        (WHOLE, "build push stage process train deploy predict compare transform"),
    ],
)
def test_all_that_the_project_has(settings: Settings, expected: str) -> None:
    plan = make(settings)

    assert steps(settings) == expected.split()
    assert (plan.model, plan.output, plan.measured) == ("", None, True)


def test_locally_nothing_is_compared() -> None:
    assert "compare" not in make(WHOLE.model_copy(update={"target": "local"}))
    aws = WHOLE.aws.model_copy(update={"compare_locally": False})
    assert "compare" not in make(WHOLE.model_copy(update={"aws": aws}))


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (["build"], "build"),
        (["push"], "build push"),
        (["stage"], "build stage"),
        (["process"], "build push stage process"),
        (["train"], "build push stage process train"),
        (["predict"], "build push stage process train deploy predict"),
        (["compare"], "build push stage process train deploy predict compare"),
        (["transform"], "build push stage process train transform"),
        (["train", "transform"], "build push stage process train transform"),
        (["train,transform"], "build push stage process train transform"),
        ([" train , deploy ,"], "build push stage process train deploy"),
    ],
)
def test_only_some_and_what_they_need(only: Sequence[str], expected: str) -> None:
    assert steps(WHOLE, only=only) == expected.split()


def test_what_the_project_lacks_is_not_needed() -> None:
    assert steps(GAM, only=["train"]) == ["build", "push", "stage", "train"]


@pytest.mark.parametrize(
    ("start", "model", "expected"),
    [
        ("build", "", "build push stage process train deploy predict compare transform"),
        ("stage", "", "build push stage process train deploy predict compare transform"),
        ("process", "", "build push stage process train deploy predict compare transform"),
        ("train", "", "build push stage train deploy predict compare transform"),
        ("deploy", "m", "build push deploy predict compare transform"),
        ("predict", "m", "build push deploy predict compare transform"),
        ("compare", "m", "build push deploy predict compare transform"),
        ("transform", "m", "build push transform"),
    ],
)
def test_from_a_step_on(start: str, model: str, expected: str) -> None:
    assert steps(WHOLE, start=start, model=model) == expected.split()


@pytest.mark.parametrize(
    ("skip", "expected"),
    [
        (["process"], "build push stage train deploy predict compare transform"),
        (["deploy"], "build push stage process train transform"),
        (["predict"], "build push stage process train deploy transform"),
        (["compare"], "build push stage process train deploy predict transform"),
        (["transform"], "build push stage process train deploy predict compare"),
        (["compare,transform"], "build push stage process train deploy predict"),
        (["train"], "build push stage process"),
        (["push"], "build stage"),
    ],
)
def test_without_some_and_what_needs_them(skip: Sequence[str], expected: str) -> None:
    assert steps(WHOLE, skip=skip) == expected.split()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, "build push deploy predict compare transform"),
        ({"only": ["deploy"]}, "build push deploy"),
        ({"only": ["predict"]}, "build push deploy predict"),
        ({"only": ["transform"]}, "build push transform"),
        ({"skip": ["compare"]}, "build push deploy predict transform"),
        ({"start": "deploy", "skip": ["transform"]}, "build push deploy predict compare"),
        ({"only": ["deploy", "transform"], "skip": ["transform"]}, "build push deploy"),
    ],
)
def test_a_model_takes_the_place_of_training(asked: dict[str, Any], expected: str) -> None:
    plan = make(WHOLE, model="s3://b/model.tar.gz", **asked)

    assert [step for step in STEPS if step in plan] == expected.split()
    assert plan.model == "s3://b/model.tar.gz"


@pytest.mark.parametrize(
    ("settings", "asked", "says"),
    [
        (WHOLE, {"only": ["tran"]}, "there is no step tran (did you mean train?); there are "),
        (WHOLE, {"skip": ["zzz"]}, "there is no step zzz; there are build, push, "),
        (WHOLE, {"start": "Train"}, "there is no step Train (did you mean train?); there are "),
        (BARE, {"only": ["process"]}, "this project has no step process: its harness.toml asks "),
        (BARE, {"skip": ["transform"]}, "this project has no step transform: "),
        (GAM, {"start": "compare"}, "this project has no step compare: "),
        (WHOLE, {"start": "deploy"}, "there is no model to deploy: name one by --model (a model."),
        (WHOLE, {"start": "predict"}, "there is no model to deploy: "),
        (WHOLE, {"start": "transform"}, "there is no model to deploy: "),
        (WHOLE, {"only": ["train"], "model": "m"}, "--model is what is deployed where nothing is "),
        (WHOLE, {"start": "train", "model": "m"}, "--model is what is deployed where nothing is "),
        (WHOLE, {"only": ["stage"], "model": "m"}, "--only stage: what else was asked for leaves "),
        (WHOLE, {"only": ["train"], "start": "transform", "model": ""}, "--only train: what else "),
        (WHOLE, {"only": [""]}, "--only names no step; there are build, push, "),
        (WHOLE, {"only": ["predict"], "skip": ["predict"]}, "--only predict: what else was asked "),
        (WHOLE, {"only": ["train", "predict"], "skip": ["deploy"]}, "--only predict: what else "),
        (WHOLE, {"only": ["push"], "skip": ["build"]}, "--only push: what else was asked for "),
        (WHOLE, {"skip": ["build"]}, "no step is left to take: every one needs the image that "),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(
    settings: Settings, asked: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        make(settings, **asked)

    assert str(refusal.value).startswith(says)
    assert "\n" not in str(refusal.value)
