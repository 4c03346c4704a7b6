"""What a push shows of its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.image.ecr.layers import Layers

if TYPE_CHECKING:
    import pytest


def test_layers_take_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    now, said = [0.0], list[str]()
    monkeypatch.setattr("harness.image.ecr.layers.time.monotonic", lambda: now[0])
    layers = Layers(said.append)

    def pushing(layer: str, current: int, total: int) -> None:
        detail = {"current": current, "total": total}
        layers.read({"id": layer, "status": "Pushing", "progressDetail": detail})

    layers.read({"status": "The push refers to repository [x]"})
    layers.read({"id": "aaa", "status": "Preparing", "progressDetail": {}})
    layers.read({"id": "bbb", "status": "Layer already exists", "progressDetail": {}})
    for current in range(0, 50_000_000, 1_000_000):
        pushing("aaa", current, 100_000_000)
    assert said == []
    now[0] += 11
    pushing("ccc", 5_000_000, 4_000_000)  # more than the engine thought
    pushing("aaa", 50_000_000, 100_000_000)
    assert said == ["  54.0 MB of 105.0 MB sent"]
    layers.read({"id": "aaa", "status": "Pushed", "progressDetail": {}})
    layers.read({"id": "ddd", "status": "Pushed", "progressDetail": {}})
    assert said[1:] == ["  layer aaa pushed, 100.0 MB", "  layer ddd pushed"]
