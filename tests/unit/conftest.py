"""What unit tests share."""

import time

import pytest


@pytest.fixture
def clock(monkeypatch):
    """Stops the time; goes on by so many seconds when it is called."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def advance(seconds):
        now[0] += seconds

    return advance
