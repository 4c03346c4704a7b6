"""Which requests are answered: no web page that somebody has open may run containers here."""

from __future__ import annotations

import functools
import ipaddress
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness.local.protocol.messages import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.local.protocol.messages import Request

_LOOPBACK = ("127.0.0.1", "::1", "localhost")

_OUR_NAMES = (".localhost", ".amazonaws.com", ".amazonaws.com.cn", ".docker.internal")
"""Domains in which nobody can have a name for loopback: S3's virtual hosts, among others."""


class Trust:
    """Tells the requests of SDKs, and of our own page, from those of other web pages.

    `host` is the address that the local AWS listens on, `url` answers its own once it does.
    """

    def __init__(self, host: str, url: Callable[[], str]) -> None:
        self._host = host
        self._url = url

    def allows(self, request: Request) -> bool:
        """Whether `request` is from no web page but our own.

        Any page that somebody opens can reach loopback, and so could run containers here. SDKs
        send no Origin; browsers do, with all that changes something. What only reads goes without
        one where the page's own name leads to loopback (DNS rebinding): names that aren't known
        to be ours are refused, addresses can't be rebound.
        """
        origin = request.headers.get("origin")
        host = request.headers.get("host", "")
        return (origin is None or self._is_our_page(origin, host)) and (
            self._host not in _LOOPBACK or _is_ours(host)
        )

    def _is_our_page(self, origin: str, host: str) -> bool:
        """Whether an origin is our own page's, also where its port is another one outside."""
        url = self._url()
        if origin in {url, f"http://localhost:{urlsplit(url).port}"}:
            return True
        return origin == f"http://{host}" and _is_address(_name(host))

    def refusal(self, request: Request) -> Response:
        """What a request gets that isn't allowed."""
        if origin := request.headers.get("origin"):
            return refusal(f"The local AWS answers no web page of {origin}.")
        return refusal(
            f"The local AWS on {self._host} doesn't answer to the name "
            f"{request.headers.get('host', '')}, which a web page may have led here; call it by "
            "its address, or let it listen on another one."
        )


def refusal(message: str) -> Response:
    """AWS's AccessDeniedException."""
    document = {"__type": "AccessDeniedException", "message": message}
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "AccessDeniedException"}
    return Response(403, headers, json.dumps(document).encode())


@functools.lru_cache
def _is_ours(host: str) -> bool:
    """Whether a Host header is an address, or a name that leads nobody but us to loopback."""
    name = _name(host)
    return not name or _is_address(name) or f".{name}".endswith(_OUR_NAMES)


def _name(host: str) -> str:
    """What stands in a Host header before the port."""
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    return name.strip("[]").lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
