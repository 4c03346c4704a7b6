"""What the settings make of what they are given."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from harness.config.settings import Requests, Settings, Threshold, metric_name
from harness.config.values import as_hyperparameter


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("churn", "churn"),
        ("My Model (v2)", "my-model-v2"),
        ("__", "project"),
        ("x" * 39 + "-y", "x" * 39),
        ("été", "t"),
    ],
)
def test_a_project_without_a_name_has_its_folders(folder: str, name: str) -> None:
    settings = Settings(root=Path("/srv") / folder)

    assert settings.project.name == name
    assert settings.image.name == f"harness-{name}"
    assert settings.aws.repository == f"harness-{name}"


def test_names_that_are_given_stay() -> None:
    given: dict[str, Any] = {
        "project": {"name": "churn"},
        "image": {"name": "mine"},
        "aws": {"repository": "team/mine"},
    }
    settings = Settings.model_validate(given)

    assert (settings.project.name, settings.image.name) == ("churn", "mine")
    assert settings.aws.repository == "team/mine"
    del given["aws"]
    assert Settings.model_validate(given).aws.repository == "mine"


@pytest.mark.parametrize(
    ("given", "bounds"),
    [
        (0.9, (0.9, None, None)),
        (1, (1.0, None, None)),
        ({"min": 0.9}, (0.9, None, None)),
        ({"max": 3}, (None, 3.0, None)),
        ({"min": 1, "max": 2, "published": 1.5}, (1.0, 2.0, 1.5)),
        ({"published": 0.5}, (None, None, 0.5)),
    ],
)
def test_a_bare_number_is_a_minimum(given: Any, bounds: tuple[float | None, ...]) -> None:
    threshold = Threshold.model_validate(given)

    assert (threshold.min, threshold.max, threshold.published) == bounds


@pytest.mark.parametrize("given", [math.nan, math.inf, "high", [1]])
def test_what_is_no_number_bounds_nothing(given: Any) -> None:
    with pytest.raises(ValidationError):
        Threshold.model_validate(given)


@pytest.mark.parametrize(
    ("value", "holds"),
    [(0.9, True), (0.95, True), (1.0, True), (0.8999, False), (1.0001, False), (math.nan, False)],
)
def test_a_value_is_within_its_bounds(value: float, holds: bool) -> None:
    assert Threshold(min=0.9, max=1.0).holds(value) is holds


def test_nothing_is_within_bounds_but_a_number() -> None:
    assert Threshold().holds(-math.inf)
    assert not Threshold().holds(math.nan)


def test_requests_of_one_set_have_no_name() -> None:
    one = Settings.model_validate({"requests": {"source": "a.csv"}, "metrics": {"scores": ["r2"]}})
    two = Settings.model_validate(
        {
            "requests": {"train": {"source": "a.csv"}, "test": {"source": "b.csv"}},
            "metrics": {"scores": ["r2", "max_error"], "definitions": {"loss": "loss=(.*)"}},
        }
    )

    assert list(one.requests) == [""]
    assert one.metric_names == ["r2"]
    assert two.metric_names == [
        "train_r2", "train_max_error", "test_r2", "test_max_error", "loss"
    ]  # fmt: skip
    assert metric_name("", "r2") == "r2"


@pytest.mark.parametrize(
    ("given", "header"),
    [({}, False), ({"target": "y"}, True), ({"target": 0}, False), ({"target": -1}, False),
     ({"target": 0, "header": True}, True), ({"target": "y", "header": False}, False)],
)  # fmt: skip
def test_a_header_is_where_the_target_is_a_name(given: Any, header: bool) -> None:
    assert Requests(source="a.csv", **given).has_header is header


@pytest.mark.parametrize(
    ("value", "text"),
    [("a b", "a b"), (1, "1"), (1.0, "1.0"), (True, "true"), ([1, "a"], '[1, "a"]'), ({}, "{}")],
)
def test_a_hyperparameter_is_text_as_the_sdk_writes_it(value: Any, text: str) -> None:
    assert as_hyperparameter(value) == text


def test_each_key_says_what_it_is() -> None:
    """docs/reference/settings.md is made of that."""

    def sections(model: Any) -> Any:
        for field in model.model_fields.values():
            for each in (field.annotation, *getattr(field.annotation, "__args__", ())):
                if hasattr(each, "model_fields"):
                    yield each

    for section in sections(Settings):
        assert section.__doc__
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name}"
            assert field.description.rstrip().endswith((".", "`)."))


def test_bounds_that_nothing_reaches_are_refused():
    with pytest.raises(ValueError, match=r"min \(3\) is above max \(2\)"):
        Settings(thresholds={"x": {"min": 3, "max": 2}})


def test_a_broken_expression_is_refused():
    with pytest.raises(ValueError, match="no regular expression"):
        Settings(metrics={"definitions": {"loss": "loss=(["}})
