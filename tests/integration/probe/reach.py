"""What a container reaches, from inside: of what a test knows, and of what it sees itself."""

from __future__ import annotations

import ipaddress
import json
import os
import pathlib
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

TIMEOUT = 5  # a first packet may be lost for a second, and the next one goes two seconds later
NAMES = ("example.com", "amazonaws.com")


def connects(target: tuple[str, int]) -> bool:
    try:
        socket.create_connection(target, TIMEOUT).close()
    except OSError:
        return False
    return True


def resolves(name: str) -> bool:
    try:
        return bool(socket.getaddrinfo(name, 80))
    except OSError:
        return False


def beside() -> set[str]:
    """The gateways, and the first addresses of the networks, which are the engine's machine's."""
    found = set()
    for line in pathlib.Path("/proc/net/route").read_text().splitlines()[1:]:
        _, network, gateway, *_ = line.split()
        for number in (gateway, network):
            address = ipaddress.ip_address(bytes.fromhex(number)[::-1])
            if int(address):
                found.add(str(address + (number == network)))
    return found


def reached(servers: list[tuple[str, int]], ports: list[int]) -> list[str]:
    """Which of the servers it reaches, and which of the ports on the machine beside it; which names
    of the outside it resolves, IPv6 interfaces, and keys or addresses of AWS that it was given.
    """
    targets = [*servers, *((host, port) for host in sorted(beside()) for port in ports)]
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(connects, targets))
    found = [
        f"{host}:{port}" for (host, port), there in zip(targets, answers, strict=True) if there
    ]
    found += [name for name in NAMES if resolves(name)]
    interfaces = pathlib.Path("/proc/net/if_inet6")
    if interfaces.is_file():
        found += {line.split()[5] for line in interfaces.read_text().splitlines()} - {"lo"}
    return found + [name for name in os.environ if name.startswith("AWS_") and name != "AWS_REGION"]


if __name__ == "__main__":
    import probe  # type: ignore[import-not-found]  # beside it in the image

    targets, *hosts = sys.argv[1:]
    told = probe.exchange(os.uname().nodename, hosts) if hosts else {}
    sys.exit(json.dumps([told, reached(*json.loads(targets))]))
