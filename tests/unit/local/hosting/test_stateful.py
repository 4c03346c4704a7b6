"""Stateful sessions: whose each is, and until when."""

from types import SimpleNamespace

import pytest

from harness.local.hosting import stateful
from harness.local.hosting.stateful import Sessions


@pytest.fixture
def variant():
    return SimpleNamespace(instances=["one", "two"])


def test_a_session_is_its_container_s_until_it_is_closed(variant):
    sessions = Sessions()
    sessions.began("a; Expires=2999-01-01T00:00:00Z", variant, "two")
    sessions.began("b", variant, "one")
    assert sessions.find("a") == (variant, "two")
    assert sessions.find("b") == (variant, "one")
    sessions.closed("a")
    assert sessions.find("a") is None
    assert sessions.find("b") == (variant, "one")


@pytest.mark.parametrize("when", ["2001-01-01T00:00:00Z", "2001-01-01T00:00:00"])
def test_it_ends_when_the_container_has_said(variant, when):
    sessions = Sessions()
    sessions.began(f"a; Expires={when}", variant, "one")
    assert sessions.find("a") is None


def test_a_time_that_is_none_is_no_end(variant):
    sessions = Sessions()
    sessions.began("a; Expires=soon", variant, "one")
    assert sessions.find("a") == (variant, "one")


def test_it_ends_with_its_container(variant):
    sessions = Sessions()
    sessions.began("a", variant, "one")
    variant.instances.remove("one")
    assert sessions.find("a") is None


def test_the_oldest_is_forgotten_when_there_are_too_many(variant, monkeypatch):
    monkeypatch.setattr(stateful, "MOST", 2)
    sessions = Sessions()
    for name in "abc":
        sessions.began(name, variant, "one")
    assert [sessions.find(name) is None for name in "abc"] == [True, False, False]
