"""Networks of the Docker engine: its default one, and those that a job's containers are in."""

from __future__ import annotations

import ipaddress
import itertools
import logging
import uuid
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from docker.errors import APIError
from docker.types import IPAMConfig, IPAMPool

from harness.errors import EngineError
from harness.local.engine.addresses import DEFAULT_NETWORKS
from harness.local.engine.errors import engine_errors, ignore_gone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from docker.models.networks import Network
    from testcontainers.core.docker_client import DockerClient

    Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network

SUBNET_ATTEMPTS = 5
"""Times that a subnet is asked for, if others take the one that was free."""

NO_ADDRESS = {"com.docker.network.bridge.inhibit_ipv4": "true"}
"""With this option of the engine's bridge driver, the engine's machine has no address in it.

An internal network leads nowhere else, but has a gateway, at which this machine's own services
answer. The driver gives containers in it no IPv6 at all.
"""

ISOLATION: Mapping[str, Any] = MappingProxyType(
    {
        # The engine's name server asks this machine's from outside of the container, if that is at
        # a loopback address. This one is the container's own, where nobody listens.
        "dns": ["127.0.0.1"],
        "dns_search": ["."],
        "dns_opt": ["timeout:1", "attempts:1"],  # that nobody answers is known soon
        # Packets to addresses that the network doesn't have could else be made by hand.
        "cap_drop": ["NET_RAW"],
    }
)
"""How a container is created that is in a network which leads nowhere."""

_log = logging.getLogger(__name__)


class JobNetwork:
    """A network that the containers of a job share."""

    def __init__(
        self,
        network: Network,
        addresses: Mapping[str, str],
        on_removal: Callable[[JobNetwork], None],
        *,
        isolated: bool,
    ) -> None:
        self._network = network
        self.isolated = isolated
        """Whether it leads nowhere else."""
        self._on_removal = on_removal
        self.addresses = addresses
        """By host name."""

    @property
    def name(self) -> str:
        return cast("str", self._network.name)

    def options(self, client: DockerClient, hostname: str) -> dict[str, Any]:
        """Those with which a container is created that is this host of it."""
        address = self.addresses[hostname]
        endpoint = client.client.api.create_endpoint_config(ipv4_address=address)
        return {
            **(ISOLATION if self.isolated else {}),
            "network": self.name,
            "networking_config": {self.name: endpoint},
            "extra_hosts": {
                host: other for host, other in self.addresses.items() if host != hostname
            },
        }

    def join(self, container_id: str, hostname: str) -> None:
        """Let a container that has a network already be this host in this one, too."""
        self._network.connect(container_id, ipv4_address=self.addresses[hostname])

    def remove(self) -> None:
        """Remove it, once its containers are. May be called twice.

        What can't be removed now is tried once more when its owner is closed.
        """
        try:
            with engine_errors():
                ignore_gone(self._network.remove)
        except EngineError as error:
            _log.warning("left network %s, to be removed later: %s", self.name, error)
            return
        self._on_removal(self)


def create_for_hosts(
    client: DockerClient,
    name: str,
    hosts: Sequence[str],
    labels: Mapping[str, str],
    *,
    isolated: bool,
) -> tuple[Network, dict[str, str]]:
    """A network, and the addresses in it that these hosts are to have, by their names."""
    unique = f"{name}-{uuid.uuid4().hex[:6]}"
    options: dict[str, Any] = {"driver": "bridge", "internal": isolated, "labels": labels}
    if isolated:
        options["options"] = NO_ADDRESS
    # The engine takes addresses only in a subnet that it was given, and only it knows which
    # ones are free: so it is asked for one, which is then given back to it.
    for attempt in itertools.count(1):
        asked = client.client_networks_create(unique, options)
        asked.reload()
        subnet = ipaddress.ip_network(asked.attrs["IPAM"]["Config"][0]["Subnet"])
        asked.remove()
        pool = IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet))])
        try:
            made = client.client_networks_create(unique, {**options, "ipam": pool})
            break
        except APIError:
            if attempt == SUBNET_ATTEMPTS:  # others took it each time
                raise
    return made, {host: str(subnet[2 + index]) for index, host in enumerate(hosts)}


def gateway(client: DockerClient) -> str | None:
    """The engine's own address in its default network."""
    with engine_errors():
        networks = client.client.api.networks(names=list(DEFAULT_NETWORKS))
    for network in networks:
        for config in network["IPAM"]["Config"] or []:
            subnet = ipaddress.ip_network(config["Subnet"])
            if network["Name"] in DEFAULT_NETWORKS and subnet.version == 4:
                # Engine 20.10 names the default network's gateway only once it was restarted.
                return str(config.get("Gateway") or subnet[1])
    return None


def subnets(client: DockerClient) -> list[Subnet]:
    """Those that containers on the engine's machine have their addresses in."""
    with engine_errors():
        return [
            ipaddress.ip_network(config["Subnet"])
            for network in client.client.api.networks(filters={"driver": "bridge"})
            for config in network["IPAM"]["Config"] or []
        ]
