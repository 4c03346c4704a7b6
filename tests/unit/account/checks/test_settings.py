"""What is looked at in the settings themselves."""

import pytest

from harness.account import preflight
from tests.unit.account.asking import changed, problems

pytestmark = pytest.mark.usefixtures("environment")


def test_a_region_that_is_not_there(settings):
    found = problems(changed(settings, region="us-aest-1"))

    assert "AWS has no region us-aest-1; did you mean us-" in found["region"]
    assert "HARNESS_REGION" in found["region"]


def test_an_instance_type_that_is_not_there(settings):
    settings = changed(settings, "training", instance_type="ml.m5.larg")
    settings = changed(settings, "endpoint", instance_type="ml.m5.larger")

    found = [check for check in preflight.examine(settings) if not check.ok]

    assert [check.name for check in found] == ["instances", "instances"]
    assert "no instance type ml.m5.larg that trains; did you mean ml.m5.large?" in found[0].detail
    assert "HARNESS_TRAINING_INSTANCE_TYPE" in found[0].remedy
    assert "ml.m5.larger that serves" in found[1].detail
