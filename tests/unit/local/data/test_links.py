"""Links in a folder: which files they add, and which lead nowhere."""

import tarfile
import time
from typing import Any

import pytest

from harness.local.data import links
from harness.local.data.links import Tree

PATH = "/opt/ml/out"


def tree(path: str = PATH, real: str = "", **members: Any) -> Tree:
    """A folder's tree: names with `_` for `/`; None is a folder, `…` a file, a text a link."""
    made = Tree(path, real)
    for name, what in members.items():
        info = tarfile.TarInfo()
        target = ""
        if what is None:
            info.type = tarfile.DIRTYPE
        elif what is not ...:
            info.type = tarfile.LNKTYPE if what.startswith("=") else tarfile.SYMTYPE
            target = what.removeprefix("=")
        made.add(name.replace("_", "/"), info, target)
    return made


def followed(made: Tree) -> dict[str, str]:
    found = list(made.followed())
    assert len(found) == len(dict(found))
    return dict(found)


@pytest.mark.parametrize(
    ("members", "files"),
    [
        ({"a": ..., "b": "=a", "c": "=a"}, {"b": "a", "c": "a"}),
        ({"a": ..., "l": "a"}, {"l": "a"}),
        ({"d": None, "d_a": ..., "l": "d/a", "d_up": "../d/a"}, {"l": "d/a", "d/up": "d/a"}),
        ({"a": ..., "one": "two", "two": "a"}, {"one": "a", "two": "a"}),
        ({"a": ..., "l": "/opt/ml/out/a"}, {"l": "a"}),
        ({"a": ..., "l": "../out/./a"}, {"l": "a"}),
        ({"a": ..., "l": "../../ml/out//a"}, {"l": "a"}),
        ({"d": None, "d_a": ..., "d_e_b": ..., "l": "d"}, {"l/a": "d/a", "l/e/b": "d/e/b"}),
        ({"d": None, "d_a": ..., "l": "d", "m": "l/a"}, {"l/a": "d/a", "m": "d/a"}),
        ({"d": None, "d_a": ..., "d_b": "=d/a", "l": "d"},
         {"d/b": "d/a", "l/a": "d/a", "l/b": "d/a"}),
        ({"d": None, "d_a": ..., "d_b": "a", "l": "d"},
         {"d/b": "d/a", "l/a": "d/a", "l/b": "d/a"}),
        ({"a": ..., "l": "a", "h": "=l"}, {"l": "a", "h": "a"}),
        ({"x": None, "x_old": None, "x_old_f": ..., "y": None, "y_prev": "../x/old",
          "x_latest": "../y"},
         {"y/prev/f": "x/old/f", "x/latest/prev/f": "x/old/f"}),
    ],
)  # fmt: skip
def test_links_within_the_folder_are_what_they_lead_to(members, files):
    made = tree(**members)
    assert followed(made) == files
    assert made.lost == {}


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("/etc/passwd", "which is outside of /opt/ml/out"),
        ("../../../etc/passwd", "which is outside of /opt/ml/out"),
        ("../outside/a", "which is outside of /opt/ml/out"),
        ("..", "which is outside of /opt/ml/out"),
        ("/", "which is outside of /opt/ml/out"),
        ("../../../../../../..", "which is outside of /opt/ml/out"),
        ("nothing", "where there is no file or folder"),
        ("a/below", "where there is no file or folder"),
        ("l", "which leads back to itself"),
        ("m", "which leads back to itself"),
        (".", "in which it is itself"),
        ("/opt/ml/out", "in which it is itself"),
    ],
)
def test_links_that_lead_elsewhere_are_left_out(target, why):
    made = tree(a=..., l=target, m="l")
    assert "l" not in followed(made)
    assert made.lost["l"] == f"it is a link to {target!r}, {why}"


def test_the_folder_may_be_behind_a_link_itself():
    made = tree(real="/scratch/r", a=..., own="/scratch/r/a", nominal=f"{PATH}/a", out="../a")
    assert followed(made) == {"own": "a", "nominal": "a"}
    assert list(made.lost) == ["out"]


def test_folders_that_are_in_each_other_end():
    made = tree(d=None, d_a=..., d_up="..", e=None, e_other="../d", d_back="../e")
    assert followed(made) == {"e/other/a": "d/a"}
    assert set(made.lost) == {"d/up", "d/back", "e/other"}


@pytest.mark.parametrize("end", [{}, {"d40_a": ...}])
def test_folders_of_links_that_multiply_end(end):
    members: dict[str, Any] = {}
    for number in range(40):
        members |= {f"d{number}": None, **{f"d{number}_{n}": f"../d{number + 1}" for n in "ab"}}
    made = tree(**members, d40=None, **end)
    began = time.monotonic()
    assert len(list(made.followed())) <= links.MAX_FOLLOWED
    assert any("links add more than" in why for why in made.lost.values())
    assert time.monotonic() - began < 20


def test_check_finds_what_leads_nowhere():
    made = tree(a=..., good="a", bad="b")
    made.check()
    assert list(made.lost) == ["bad"]
