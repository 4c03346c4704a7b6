"""The debugger of a container: when there is one, and what is put there."""

from __future__ import annotations

import compileall
from typing import TYPE_CHECKING, Any

import pytest

from harness.local.core.debug import debugger
from harness.local.engine.containers import Containers

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def containers(monkeypatch: pytest.MonkeyPatch) -> Containers:
    found = Containers()
    monkeypatch.setattr(found, "image_environment", lambda _: {"PYTHONPATH": "/theirs"})
    return found


def wanted(containers: Containers, *, isolated: bool = False, **environment: str) -> Any:
    return debugger.wanted(containers, "image", environment, isolated=isolated)


def test_mostly_there_is_none(containers: Containers) -> None:
    assert wanted(containers) is None
    assert wanted(containers, HARNESS_DEBUG="") is None


def test_the_first_on_a_port_has_it(containers: Containers) -> None:
    found = wanted(containers, HARNESS_DEBUG="5678")
    assert found.ports == (5678, 5678)
    assert found.environment["PYTHONPATH"] == "/opt/harness/debug:/theirs"
    assert wanted(containers, HARNESS_DEBUG="5678") is None
    assert (
        wanted(containers, HARNESS_DEBUG="5679", PYTHONPATH="/own")
        .environment["PYTHONPATH"]
        .endswith(":/own")
    )
    containers.free(5678)
    assert wanted(containers, HARNESS_DEBUG="5678")


@pytest.mark.parametrize("port", ["80", "abc", "70000", "-1", "5678 ", "²"])
def test_what_is_no_port(containers: Containers, port: str) -> None:
    with pytest.raises(debugger.DebugError, match="1024 to 65535"):
        wanted(containers, HARNESS_DEBUG=port)


def test_isolation_keeps_it_out(containers: Containers) -> None:
    with pytest.raises(debugger.DebugError, match="network isolation"):
        wanted(containers, isolated=True, HARNESS_DEBUG="5678")


def test_without_debugpy_it_says_what_to_install(
    containers: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(debugger.DebugError, match=r"pip install 'sagemaker-harness\[debug\]'"):
        wanted(containers, HARNESS_DEBUG="5678")


def test_what_is_put_into_a_container_is_whole(tmp_path: Path) -> None:
    found = debugger.files()
    assert f"{debugger.FOLDER}/sitecustomize.py" in found
    assert f"{debugger.FOLDER}/debugpy/adapter/__main__.py" in found
    assert any(name.endswith("/pydevd.py") for name in found)
    assert not any(name.endswith((".pyc", ".pyx", ".c")) for name in found)
    (tmp_path / "sitecustomize.py").write_bytes(found[f"{debugger.FOLDER}/sitecustomize.py"])
    assert compileall.compile_dir(tmp_path, quiet=1)
