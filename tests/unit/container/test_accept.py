"""Content negotiation against RFC 9110's rules."""

import pytest

from serving.accept import media_ranges, media_type, negotiate, preferred
from serving.errors import NotAcceptableError

OFFERED = ("application/json", "text/csv", "application/x-npy")


def test_media_type_drops_parameters_and_case():
    assert media_type(" Text/CSV ; charset=utf-8") == "text/csv"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV", "text/csv"),
        ("text/*", "text/csv"),
        ("application/*", "application/json"),
        ("application/x-npy, text/csv", "application/x-npy"),
        ("application/x-npy;q=0.5, text/csv", "text/csv"),
        ("application/json;q=0, */*;q=0.1, application/x-npy;q=0.2", "application/x-npy"),
        ("image/png, text/csv;q=0.1", "text/csv"),
        ("*/*;q=0.9, application/json;q=0.1", "text/csv"),
        ("text/csv;q=high", "text/csv"),
        ("text/csv; charset=utf-8", "text/csv"),
        (",", "application/json"),
    ],
)
def test_negotiate(accept, expected):
    assert negotiate(accept, OFFERED, "application/json") == expected


@pytest.mark.parametrize("accept", ["text/html", "*/*;q=0", "image/*, text/csv;q=0"])
def test_nothing_acceptable(accept):
    with pytest.raises(NotAcceptableError, match="This model answers in application/json, text"):
        negotiate(accept, OFFERED, "application/json")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "text/csv"),
        ("*/*", "text/csv"),
        ("image/png;q=0.5, text/html", "text/html"),
        ("image/png;q=0", "text/csv"),
    ],
)
def test_preferred(accept, expected):
    assert preferred(accept, "text/csv") == expected


def test_quality_stays_between_0_and_1():
    assert media_ranges("a/b;q=7, c/d;q=-1") == (("a/b", 1.0), ("c/d", 0.0))
