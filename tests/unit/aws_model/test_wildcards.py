"""Wildcards: what they stand for, and that none takes more than its share of time."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.aws_model.wildcards import Wildcard, matches


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("arn:aws:s3:::*/a", "arn:aws:s3:::b/c/a", True),
        ("a?c*", "abcd", True),
        ("a.c", "abc", False),
        ("[ab]*", "a", False),
        ("[ab]*", "[ab]c", True),
        ("*", "", True),
        ("**?*", "", False),
        ("a*a", "a", False),
        ("*a?c*d", "axc.abc\nd", True),
        ("${aws:username}*", "${aws:username}/x", True),
    ],
)
def test_what_they_stand_for(pattern, text, expected):
    assert matches(pattern, text) is expected


def test_a_sign_may_be_another_one():
    at_most_one = {"?": Wildcard.AT_MOST_ONE}
    assert [matches("a?b", text, at_most_one) for text in ("ab", "axb", "axxb")] == [
        True,
        True,
        False,
    ]
    assert matches("a*", "a*", at_most_one)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"a\*b*", "a*bc", True),
        (r"a\*b*", "acbc", False),
        (r"a\\*", "a\\bc", True),
        (r"a\b", r"a\b", True),
        ("a\\", "a\\", True),
    ],
)
def test_a_sign_may_be_meant_as_it_is(pattern, text, expected):
    assert matches(pattern, text, escapable=True) is expected


def slowly(pattern, text):
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(slowly(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and slowly(pattern[1:], text[1:])


@given(st.text("ab?*", max_size=8), st.text("ab?", max_size=10))
def test_it_is_found_wherever_it_is(pattern, text):
    assert matches(pattern, text) is slowly(pattern, text)


def test_none_takes_long():
    """In a process that can be ended: an expression that looks for it again doesn't let go."""
    program = """if True:
        import json
        from harness.aws_model.iam_policies import Policy, decide
        from harness.aws_model.wildcards import Wildcard, matches

        arn = "arn:aws:s3:::"
        evil = {"Effect": "Allow", "Action": "s3:*", "Resource": arn + "*a" * 12 + "b"}
        policy = Policy("p", json.dumps({"Statement": evil}))
        assert decide([policy], "s3:GetObject", arn + "a" * 60, {}).text == "implicitDeny"
        assert not matches("*a" * 20_000 + "b", "a" * 100_000)
        assert not matches("*" + "a?" * 20_000 + "b*", "a" * 100_000)
        assert not matches("a?" * 5_000 + "b", "a" * 7_500, {"?": Wildcard.AT_MOST_ONE})
    """
    subprocess.run([sys.executable, "-c", program], timeout=20, check=True)
