"""Stateful sessions: whose each is, and until when."""

from types import SimpleNamespace
from typing import Any

import pytest

from harness.local.hosting import stateful
from harness.local.hosting.stateful import Sessions

ONE: Any = "one"
TWO: Any = "two"


@pytest.fixture
def variant():
    return SimpleNamespace(instances=[ONE, TWO])


def test_a_session_is_its_container_s_until_it_is_closed(variant):
    sessions = Sessions()
    sessions.began("a; Expires=2999-01-01T00:00:00Z", variant, TWO)
    sessions.began("b", variant, ONE)
    assert sessions.find("a") == (variant, TWO)
    assert sessions.find("b") == (variant, ONE)
    sessions.closed("a")
    assert sessions.find("a") is None
    assert sessions.find("b") == (variant, ONE)


@pytest.mark.parametrize("when", ["2001-01-01T00:00:00Z", "2001-01-01T00:00:00"])
def test_it_ends_when_the_container_has_said(variant, when):
    sessions = Sessions()
    sessions.began(f"a; Expires={when}", variant, ONE)
    assert sessions.find("a") is None


def test_a_time_that_is_none_is_no_end(variant):
    sessions = Sessions()
    sessions.began("a; Expires=soon", variant, ONE)
    assert sessions.find("a") == (variant, ONE)


def test_it_ends_with_its_container(variant):
    sessions = Sessions()
    sessions.began("a", variant, ONE)
    variant.instances.remove(ONE)
    assert sessions.find("a") is None


def test_the_oldest_is_forgotten_when_there_are_too_many(variant, monkeypatch):
    monkeypatch.setattr(stateful, "MOST", 2)
    sessions = Sessions()
    for name in "abc":
        sessions.began(name, variant, ONE)
    assert [sessions.find(name) is None for name in "abc"] == [True, False, False]
