"""What is shown of a job's status while it lasts."""

from types import SimpleNamespace as Shape
from typing import Any

import pytest

from harness.console import Passing, Status
from harness.flow import progress
from harness.flow.context import Run
from harness.flow.progress import HowFar, _told


def test_a_message_is_shown_when_it_changes_while_its_status_lasts():
    shown: list[str] = []
    how_far = HowFar(shown.append)
    for status, message in [
        ("Starting", "Starting"),
        ("Downloading", "Data"),
        ("Downloading", "Data"),
        ("Downloading", "Data: 1 of 2 GB"),
        ("Downloading", "Data: 1 of 2 GB"),
        ("Downloading", "Data: 2 of 2 GB"),
        ("Training", "Training"),
        ("Training", ""),
    ]:
        how_far.show(status, message)
    passing = [line for line in shown if isinstance(line, Passing)]
    assert passing == ["  Data: 1 of 2 GB", "  Data: 2 of 2 GB"]
    rest = [line for line in shown if not isinstance(line, Passing)]
    assert rest == ["  Starting", "  Downloading", "  Training"]
    assert all(isinstance(line, Status) for line in rest)


class Events:
    """CloudWatch Logs with one stream, and its lines so far."""

    def __init__(self):
        self.lines = []

    def client(self, name):
        return self

    def describe_log_streams(self, **_):
        return {"logStreams": [{"logStreamName": "AllTraffic/1"}]}

    def get_log_events(self, nextToken="0", **_):
        events = [{"message": line} for line in self.lines[int(nextToken) :]]
        return {"events": events, "nextForwardToken": f"{len(self.lines)}"}


def test_what_a_step_has_shown_of_a_log_the_next_does_not_show_again(monkeypatch):
    monkeypatch.setattr(progress, "LOG_SECONDS", 0)
    shown: list[str] = []
    logs = Events()
    nothing: Any = None
    connection: Any = Shape(boto=logs, ephemeral=False)
    run = Run("a", nothing, connection, shown.append, nothing)
    logs.lines = ["loaded"]
    run.log("group", "").show()
    logs.lines = ["loaded", "KeyError: 'x'"]

    run.log("group", "").show_last()

    assert shown == ["  | loaded", "  | KeyError: 'x'"]
    assert run.log("group", "").said == "its last log line: KeyError: 'x'"


UNSAID = object()  # what the SDK has where nothing was said


@pytest.mark.parametrize(
    ("resource", "told"),
    [
        (
            Shape(
                secondary_status_transitions=[
                    Shape(status="Starting", status_message="a"),
                    Shape(status="Downloading", status_message="b"),
                ]
            ),
            ("Downloading", "b"),
        ),
        (Shape(secondary_status_transitions=UNSAID), ("", "")),
        (
            Shape(
                pending_deployment_summary=Shape(
                    production_variants=[
                        Shape(variant_status=[Shape(status="Creating", status_message="c")])
                    ]
                )
            ),
            ("Creating", "c"),
        ),
        (
            Shape(
                pending_deployment_summary=Shape(
                    production_variants=[
                        Shape(variant_status=[Shape(status="Creating", status_message=UNSAID)])
                    ]
                )
            ),
            ("Creating", ""),
        ),
        (Shape(pending_deployment_summary=UNSAID), ("", "")),
    ],
)
def test_jobs_and_endpoints_tell_it_in_their_own_ways(resource, told):
    assert _told(resource) == told
