"""The short form of `make torture`, attack by attack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.torture.attacks import ATTACKS, Attack
from tests.torture.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.docker, pytest.mark.timeout(240), pytest.mark.no_cover]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("torture")) as service:
        yield service
    assert service.left() == []


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_nothing_goes_wrong(attack: Attack, service: Service, probe_image: str) -> None:
    tally = attack.against(service, probe_image, attack.short, seed=13)
    assert tally.evidence == []
    assert tally.tried > 0
