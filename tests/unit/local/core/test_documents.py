"""Resources as JSON, and back."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.local.core.documents import plain, value_of

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=2))]))
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("$time"), inner),
    max_leaves=20,
)


@given(VALUES)
def test_a_value_comes_back(value):
    assert value_of(json.loads(json.dumps(plain(value)))) == value


def test_names_like_our_own_come_back():
    values: list[Any] = [{"$time": "2026"}, {"$bytes": 1}, {"a": {"$pairs": []}}, {1: "one"}]
    for value in values:
        assert value_of(json.loads(json.dumps(plain(value)))) == value
    assert value_of(plain(datetime(2026, 1, 1, tzinfo=UTC))) == datetime(2026, 1, 1, tzinfo=UTC)


def test_what_no_document_is_made_of_is_refused():
    with pytest.raises(TypeError, match="object can't be part of a document"):
        plain([object()])
