"""What an engine without root has: networks that aren't this machine's."""

from types import SimpleNamespace

import pytest

from harness.local.engine.containers import Containers

BRIDGE = {"Name": "bridge", "IPAM": {"Config": [{"Subnet": "172.17.0.0/16"}]}}


@pytest.mark.parametrize(
    ("options", "expected"), [(["name=seccomp"], "172.17.0.1"), (["name=rootless"], None)]
)
def test_containers_reach_this_machine_unless_the_engine_is_rootless(
    monkeypatch, options, expected
):
    api = SimpleNamespace(networks=lambda names: [BRIDGE])
    engine = SimpleNamespace(api=api, info=lambda: {"SecurityOptions": options})
    client = SimpleNamespace(client=engine, host=lambda: "localhost")
    containers = Containers()
    monkeypatch.setattr(containers, "_connect", lambda: (client, None))
    assert containers.gateway() == expected
