"""Regular expressions of others: what is taken, and that none takes more than its share."""

import contextlib
import subprocess
import sys

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from harness import expressions

USUAL = [
    "m=(.*?);",
    r"\[\d+\]#011validation-auc:([0-9.]+)",
    r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})\.\d{3} loss=([-+]?\d+(?:\.\d+)?)",
    r"loss=([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)",
    r"Epoch +(\d+)/(\d+).* val_loss: ([0-9\.]+) - val_acc: ([0-9\.]+) - lr: ([0-9\.]+)",
    r"(?P<name>[\w-]+)=(?<=loss=)(\S+)",
    r"(?:[a-z]{1,100}\s){2,5}x",
    r"\p{L}+: (.*)",
]

EVIL = [
    "((a{9999}){9999}){9999}",
    "a{999999999}",
    "(?:ab){9999999}",
    "(a{9999,}){9999}",
    "(?x)( a ) {99999999}",
    "(" * 40 + "a" + ")+" * 40,
    "(" * 40 + "a" + "){2}" * 40,
    "a{" + "9" * 480 + "}",
]


@pytest.mark.parametrize("text", USUAL)
def test_usual_ones_are_taken(text):
    assert expressions.compile(text).pattern == text


@pytest.mark.parametrize("text", EVIL)
def test_repetitions_that_multiply_are_refused(text):
    with pytest.raises(ValueError, match="its repetitions may come to"):
        expressions.compile(text)


@pytest.mark.parametrize("text", ["(", "[a", "*", "(" * 5000 + ")" * 5000])
def test_what_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"\w"):
        expressions.compile(text)


_PARTS = ["a", "[a-z]", r"\d", "|", "(?=b)", ".", "[[:alpha:]]", "(?#c)"]
_TIMES = ["", "+", "*", "?", "{2}", "{3,}", "{9}", "{,9}", "{99}", "++", "{9}?"]


@st.composite
def nested(draw):
    text = draw(st.sampled_from(_PARTS))
    for opening, times, more in draw(
        st.lists(
            st.tuples(
                st.sampled_from(["(", "(?:", "(?>", "(?i:", "(?=", "(?x: "]),
                st.sampled_from(_TIMES),
                st.sampled_from([*_PARTS, ""]),
            ),
            max_size=30,
        )
    ):
        text = f"{opening}{text}){times}{more}"
    return text


def test_what_is_taken_compiles_in_little_memory():
    """In a process that hasn't more: what was underestimated would end in a MemoryError."""
    program = f"""if True:
        import resource
        resource.setrlimit(resource.RLIMIT_DATA, (400 << 20, 400 << 20))
        from hypothesis import given, settings
        from tests.unit.test_expressions import nested
        from harness import expressions

        @settings(max_examples=300, deadline=None, database=None)
        @given(nested())
        def compiles(text):
            try:
                expressions.compile(text)
            except ValueError:
                pass

        compiles()
        for text in {EVIL!r}:
            try:
                expressions.compile(text)
            except ValueError:
                pass
    """
    ended = subprocess.run([sys.executable, "-c", program], timeout=120, check=False)
    assert ended.returncode == 0


@given(st.text("a()[]{}+*?|0129,\\ x:=!<>", max_size=60))
def test_it_is_compiled_or_refused(text):
    with contextlib.suppress(ValueError):
        assert isinstance(expressions.compile(text), regex.Pattern)
