"""What the steps share."""

from typing import Any

import pytest

from harness.console import Detail
from harness.errors import FlowError
from harness.flow import run as flow
from harness.flow.context import unique_name
from harness.flow.progress import Steps
from harness.image.build import BuiltImage
from tests.unit.flow.scripted import log


def test_a_name_is_sagemakers_and_unique():
    names = {unique_name() for _ in range(100)}

    assert len(names) == 100
    assert all(len(name) <= 63 and name.replace("-", "").isalnum() for name in names)


def test_the_engines_own_image_is_not_pushed(run):
    built = BuiltImage("harness-gam:0123456789ab", "sha256:0", 0.0, built=False)

    no_engine: Any = None
    assert flow.push(run, no_engine, built) == "harness-gam:0123456789ab"


def test_a_log_shows_each_line_once_and_only_its_own(run):
    group = "/aws/sagemaker/TrainingJobs"
    shown = run.log(group, f"{run.name}/")
    log(run, group, f"{run.name}/algo-1-1", "one", "two")
    log(run, group, f"{run.name}0/algo-1-1", "somebody else's")

    shown.show()
    shown.show()
    log(run, group, f"{run.name}/algo-1-1", "three")
    log(run, group, f"{run.name}/algo-2-1", "another host's")
    shown.show()

    assert run.shown == ["  | one", "  | two", "  | three", "  | algo-2-1 | another host's"]


def test_health_checks_in_a_log_are_details_and_nothing_acts_on_the_terminal(run):
    shown = run.log("/aws/sagemaker/Endpoints/e", "")
    log(run, shown.group, "AllTraffic/i-1", 'INFO "GET /ping HTTP/1.1" 200', "\x1b[31mred\x1b[0m")

    shown.show()

    ping, red = run.shown
    assert isinstance(ping, Detail)
    assert not isinstance(red, Detail)
    assert red == "  | red"


def test_an_error_takes_the_last_lines_along(run):
    shown = run.log("/aws/sagemaker/Endpoints/f", "")
    log(run, shown.group, "AllTraffic/i-1", *(f"line {number}" for number in range(12)))
    shown.show()

    error = shown.with_last_lines(FlowError("it failed."))

    assert error.last_lines == [f"line {number}" for number in range(2, 12)]


def test_a_log_that_does_not_exist_yet_shows_nothing(run):
    run.log("/aws/sagemaker/Endpoints/none", "").show()

    assert run.shown == []


def test_an_aws_error_names_the_step(run):
    steps = Steps(run.progress)

    with pytest.raises(FlowError, match=r"^stage: .*NoSuchBucket.*PutObject"), steps("stage"):
        run.connection.boto.client("s3").put_object(Bucket="nowhere", Key="k", Body=b"")

    assert set(steps.so_far()) == {"stage", "total"}
