"""How somebody is told to call an endpoint that a run has kept."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest

from harness.cli.calling import how_to_call
from harness.config.settings import Requests, Settings
from harness.flow.connection import Connection
from harness.local.core.client import local_boto_session

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://127.0.0.1:4599"


def told(root: Path, *, ephemeral: bool = True, **requests: Any) -> list[str]:
    """The lines for an endpoint of a project with such requests."""
    sets = {"": Requests(**requests)} if requests else {}
    connection = Connection(local_boto_session(URL, "us-east-1"), ephemeral=ephemeral)
    return how_to_call("mine", Settings(root=root, requests=sets), connection).splitlines()


@pytest.mark.parametrize(
    ("content", "given", "content_type", "data"),
    [
        (b"1,2\n3,4\n", {}, "text/csv", "1,2"),
        (b"1,it's\n", {}, "text/csv", "1,it's"),
        (b"x,y\n1,2\n", {"target": "y"}, "text/csv", "1"),
        (b"1,2\n", {"content_type": "application/x-npy"}, "text/csv", "1.0,2.0"),
        (
            b"1,2\n3,4\n",
            {"content_type": "application/json"},
            "application/json",
            "[[1, 2],[3, 4]]",
        ),
        (b"1\n2\n", {"content_type": "application/jsonlines"}, "application/jsonlines", "[1]"),
        (b"1," * 200 + b"1\n", {}, "text/csv", "@FILE"),
    ],
)
def test_rows_are_shown_as_a_shell_takes_them(
    tmp_path: Path, content: bytes, given: dict[str, Any], content_type: str, data: str
) -> None:
    (tmp_path / "rows.csv").write_bytes(content)

    (_, call) = told(tmp_path, source="rows.csv", **given)

    assert shlex.split(call) == [
        "curl", "--header", f"Content-Type: {content_type}", "--data-binary", data,
        f"{URL}/endpoints/mine/invocations",
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"\xff\xd8short", b"two\nlines"])
def test_a_body_that_no_shell_can_write_is_a_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "body.bin").write_bytes(content)

    (_, call) = told(tmp_path, source="body.bin", content_type="image/jpeg")

    assert shlex.split(call)[2:5] == ["Content-Type: image/jpeg", "--data-binary", "@FILE"]


@pytest.mark.parametrize("given", [{}, {"source": "none.csv"}])
def test_a_project_without_requests_has_a_file_to_send(
    tmp_path: Path, given: dict[str, Any]
) -> None:
    assert "--data-binary @FILE" in told(tmp_path, **given)[1]


def test_what_outlives_us_can_be_deleted(tmp_path: Path) -> None:
    lines = told(tmp_path, ephemeral=False)

    assert lines[2] == "It serves until you delete it:"
    assert [line.split()[2] for line in lines[3:]] == [
        "delete-endpoint", "delete-endpoint-config", "delete-model"
    ]  # fmt: skip
