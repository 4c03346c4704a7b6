"""Pipelines, for each test one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.pipelines.support import Pipelines

if TYPE_CHECKING:
    from tests.integration.support import AWS, Names


@pytest.fixture
def pipelines(aws: AWS, names: Names, probe_image: str) -> Pipelines:
    return Pipelines(aws, names.new("p"), probe_image)
