"""VS Code's configuration: written where there is none, and never over somebody's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from harness.flow.debug import vscode
from harness.flow.debug.paths import Mapping

if TYPE_CHECKING:
    from pathlib import Path

WANTED = vscode.configuration(5678, [Mapping("container/code", "/opt/ml/code"), Mapping("", "/x")])


def test_it_names_the_port_and_the_folders(tmp_path: Path) -> None:
    assert "has" in vscode.offer(tmp_path, WANTED)
    written = (tmp_path / ".vscode" / "launch.json").read_text()
    assert str(tmp_path) not in written
    (found,) = json.loads(written)["configurations"]
    assert found["connect"] == {"host": "127.0.0.1", "port": 5678}
    assert found["pathMappings"] == [
        {"localRoot": "${workspaceFolder}/container/code", "remoteRoot": "/opt/ml/code"},
        {"localRoot": "${workspaceFolder}", "remoteRoot": "/x"},
    ]


def test_one_that_is_there_already_is_named(tmp_path: Path) -> None:
    vscode.offer(tmp_path, WANTED)
    assert vscode.offer(tmp_path, WANTED) == '"harness: attach" of .vscode/launch.json'


@pytest.mark.parametrize(
    "theirs",
    [
        '{"configurations": []}',
        "{}",
        "[]",
        "// mine\n{}",
        "",
        '{"configurations": {}}',
        json.dumps({"configurations": [WANTED | {"justMyCode": False}]}),
        json.dumps({"configurations": [WANTED | {"connect": {"port": 1}}]}),
    ],
)
def test_somebodys_file_stays_as_it_is(tmp_path: Path, theirs: str) -> None:
    file = tmp_path / ".vscode" / "launch.json"
    file.parent.mkdir()
    file.write_text(theirs)
    said = vscode.offer(tmp_path, WANTED)
    assert file.read_text() == theirs
    assert json.loads(said[said.index("{") :]) == WANTED
