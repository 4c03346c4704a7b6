"""What a Dockerfile copies to where."""

from __future__ import annotations

import pytest

from harness.config.settings import Image
from harness.image.dockerfile import copies

CONTEXT = ["app.py", "train", "src/a.py", "src/sub/b.py", "code/model.py"]


@pytest.mark.parametrize(
    ("dockerfile", "expected"),
    [
        ("FROM a\nCOPY src/ /opt/src/", [("src", "/opt/src")]),
        ("FROM a\nWORKDIR /w\nWORKDIR x\nCOPY . .", [("", "/w/x")]),
        ("FROM a\nCOPY app.py /opt/", [("app.py", "/opt/app.py")]),
        ("FROM a\nCOPY app.py /main.py", [("app.py", "/main.py")]),
        ("FROM a\nCOPY app.py train /opt", [("app.py", "/opt/app.py"), ("train", "/opt/train")]),
        ("FROM a\nCOPY *.py /opt/", [("app.py", "/opt/app.py")]),
        ('FROM a\nCOPY --chown=1:1 ["src", "/opt"]', [("src", "/opt")]),
        ("FROM a\ncopy \\\n  src \\\n  # why\n  /opt", [("src", "/opt")]),
        ("ARG X=/x\nFROM a\nENV D=$X/y E=f\nCOPY src ${D}/$E", [("src", "/x/y/f")]),
        # The inner first.
        ("FROM a\nCOPY . /all\nCOPY src /in", [("src", "/in"), ("", "/all")]),
        # Of another stage; one that was never here isn't.
        ("FROM a AS b\nCOPY . /x\nFROM a\nCOPY --from=b /x/src /y", [("src", "/y")]),
        ("FROM a AS b\nCOPY src /x/s\nFROM c\nCOPY --from=b /x /y", [("src", "/y/s")]),
        ("FROM a\nCOPY src /x\nFROM c\nCOPY --from=0 /x /y", [("src", "/y")]),
        ("FROM a\nCOPY --from=other/image /x /y", []),
        (
            "FROM a AS b\nWORKDIR /w\nCOPY src .\nFROM b\nCOPY code .",
            [("code", "/w"), ("src", "/w")],
        ),
        # What the build will refuse.
        ("FROM a\nCOPY src\nCOPY [\nCOPY 'x y", []),
        ("FROM\nCOPY src /x", [("src", "/x")]),
    ],
)  # fmt: skip
def test_what_stands_where(dockerfile: str, expected: list[tuple[str, str]]) -> None:
    assert copies(dockerfile, Image(), CONTEXT) == expected


def test_a_stage_to_stop_at_and_a_build_argument() -> None:
    image = Image(target="one", build_args={"D": "/mine"})
    text = "FROM a AS one\nARG D=/theirs\nCOPY src $D\nFROM one AS two\nCOPY code /two\n"
    assert copies(text, image, CONTEXT) == [("src", "/mine")]
