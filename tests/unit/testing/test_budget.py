"""What a suite may cost on AWS."""

from __future__ import annotations

from typing import Any

import pytest

from harness.aws_model import prices
from harness.errors import ConfigError
from harness.testing.budget import DEFAULT, Budget

BOTO: Any = None


@pytest.fixture
def hourly(monkeypatch):
    """Sets the price of every instance type."""

    def hourly(price: float | None) -> list[tuple[str, str]]:
        asked: list[tuple[str, str]] = []

        def answer(_: Any, component: str, instance_type: str, region: str) -> float | None:
            asked.append((component, instance_type))
            return price

        monkeypatch.setattr(prices, "hourly", answer)
        return asked

    return hourly


def test_what_fits_is_added_up_and_what_does_not_is_refused(hourly):
    hourly(0.5)
    budget = Budget(BOTO, "us-east-1", 1.2)
    budget.take("Training", "ml.m5.large", 2, 3600)
    assert budget.spent == pytest.approx(1.0)
    with pytest.raises(ConfigError, match=r"may cost 0\.25 US dollars, with 1\.00 reckoned"):
        budget.take("Hosting", "ml.m5.large", 1, 1800)
    budget.take("Hosting", "ml.m5.large", 1, 720)
    assert budget.spent == pytest.approx(1.1)


def test_a_price_is_asked_for_once(hourly):
    asked = hourly(0.1)
    budget = Budget(BOTO, "us-east-1", None)
    for _ in range(3):
        budget.take("Training", "ml.m5.large", 1, 60)
    budget.take("Hosting", "ml.m5.large", 1, 60)
    assert asked == [("Training", "ml.m5.large"), ("Hosting", "ml.m5.large")]


def test_without_a_limit_there_is_one_all_the_same(hourly):
    hourly(DEFAULT + 1)
    with pytest.raises(ConfigError, match="--harness-price-limit"):
        Budget(BOTO, "us-east-1", None).take("Training", "ml.p4d.24xlarge", 1, 3600)


def test_an_unknown_price_is_refused_only_where_a_limit_is_to_be_kept(hourly):
    hourly(None)
    Budget(BOTO, "us-east-1", None).take("Training", "ml.m5.large", 1, 3600)
    with pytest.raises(ConfigError, match="pricing:GetProducts"):
        Budget(BOTO, "us-east-1", 5.0).take("Training", "ml.m5.large", 1, 3600)
