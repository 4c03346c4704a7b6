"""What is shown of a job's status while it lasts."""

from types import SimpleNamespace as Shape

import pytest

from harness.console import Passing
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
    assert shown == ["  Data: 1 of 2 GB", "  Data: 2 of 2 GB"]
    assert all(isinstance(line, Passing) for line in shown)


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
