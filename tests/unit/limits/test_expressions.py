"""Regular expressions of others: what is taken, and that none takes more than its share."""

import contextlib
import subprocess
import sys

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from harness.limits import expressions

USUAL = [
    "m=(.*?);",
    r"\[\d+\]#011validation-auc:([0-9.]+)",
    r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})\.\d{3} loss=([-+]?\d+(?:\.\d+)?)",
    r"loss=([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)",
    r"Epoch +(\d+)/(\d+).* val_loss: ([0-9\.]+) - val_acc: ([0-9\.]+) - lr: ([0-9\.]+)",
    r"(?P<name>[\w-]+)=(?<=loss=)(\S+)",
    r"(?:[a-z]{1,100}\s){2,5}x",
    r"\p{L}+: (.*)",
    r"\p{script=Greek}+\p{digit}",
    r"\(?Rate: (\d+)\)? \(?1\)? \(?x: {2}\{e}",
    r"(?x) loss = (\d+) \s+ end",
    "(?i:a){2}(?P<x>b)(?P=x){2}(?<xx>c)",
    "a(?#comment){2} {loss: (.*)}",
]

EVIL = [
    "((a{9999}){9999}){9999}",
    "a{999999999}",
    "(?:ab){9999999}",
    "(a{9999,}){9999}",
    "(" * 40 + "a" + ")+" * 40,
    "(" * 40 + "a" + "){2}" * 40,
    "a{" + "9" * 480 + "}",
]


EXTENSIONS = [
    "(?x)( a ) {99999999}",
    "(?x)((a{ 9999}){ 9999 }){ 9999 }",
    "(?x)(((a){ 9 9 9 9}){ 9 9 9 9 }){9999}",
    "(?x:((a{ 9999}){ 9999 }){ 9999 })",
    "(?ix)(a){ 9999}",
    "(?V1x)(a){ 9999}",
    "(?i)(?x-i:(a){ 9999})",
    "(?x)(a){9#c\n999}",
    "a(?R)?b",
    "(?0)?a",
    "(a)(?1)",
    "(a)(?+1)?(b)",
    "(a)(?-1)",
    "(?<n>a)(?&n)",
    "(?P<n>a)(?P>n)",
    "(?P<n>a)(?P&n)",
    "(?x)(?P<n>a)(?P > n)",
    "(a){e<=9999}",
    "(?:a){e}",
    "(?:a){1<=e<=3}",
    "(?:a){i<=1,d<3,s}",
    "(?:a){2i+2d+1s<=4}",
    "(?:a){e<=2:[a-z]}",
    r"\\{e<=2}",
]


@pytest.mark.parametrize("text", EXTENSIONS)
def test_what_costs_nobody_knows_how_much_is_refused(text):
    with pytest.raises(ValueError, match="not allowed"):
        expressions.compile(text)


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
_TIMES = ["", "+", "*", "?", "{2}", "{3,}", "{9}", "{,9}", "{99}", "++", "{9}?", "{ 99}", "{9 9}"]


@st.composite
def nested(draw):
    text = draw(st.sampled_from(_PARTS))
    for opening, times, more in draw(
        st.lists(
            st.tuples(
                st.sampled_from(["(", "(?:", "(?>", "(?i:", "(?=", "(?x: ", "(?#x)("]),
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
        from tests.unit.limits.test_expressions import nested
        from harness.limits import expressions

        @settings(max_examples=300, deadline=None, database=None)
        @given(nested())
        def compiles(text):
            try:
                expressions.compile(text)
            except ValueError:
                pass

        compiles()
        for text in {EVIL + EXTENSIONS!r}:
            try:
                expressions.compile(text)
            except ValueError:
                pass
    """
    ended = subprocess.run([sys.executable, "-c", program], timeout=120, check=False)
    assert ended.returncode == 0


@given(st.text("a()[]{}+*?|0129,\\ x:=!<>#eR&P", max_size=60))
def test_it_is_compiled_or_refused(text):
    with contextlib.suppress(ValueError):
        assert isinstance(expressions.compile(text), regex.Pattern)
