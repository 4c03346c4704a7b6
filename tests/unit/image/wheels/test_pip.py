"""The settings that a pip elsewhere gets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from harness.image.wheels import pip

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_pips_configuration_goes_into_the_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.touch()
    (tmp_path / "pip.conf").write_text(
        f"[global]\nindex-url = https://index.invalid/simple\ncert = {authorities}\n"
        f"cache-dir = {tmp_path}\n"
    )
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("https_proxy", "http://proxy.invalid:3128")

    environment = pip.environment_elsewhere()

    assert environment["PIP_INDEX_URL"] == "https://index.invalid/simple"
    assert environment["PIP_CERT"] == str(authorities)
    assert environment["https_proxy"] == "http://proxy.invalid:3128"
    assert "PIP_CACHE_DIR" not in environment  # a folder of this machine
