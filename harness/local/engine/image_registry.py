"""A container registry behind the local AWS's ECR: as much of its HTTP API as ECR's answers take.

The API is the OCI distribution specification's, which Docker's registry had first.
"""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import dataclass

import requests

_log = logging.getLogger(__name__)

TIMEOUT = 10
"""Seconds in which the registry must answer."""

# In the order of preference, of which registries make something: ECR's own is Docker's.
_MEDIA_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)


class RegistryError(Exception):
    """The registry doesn't answer, or refuses."""


@dataclass(frozen=True)
class Manifest:
    """An image in a registry. `text` is what `digest` is the digest of."""

    digest: str
    media_type: str
    text: str


class Registry:
    """The registry at `host`, such as "127.0.0.1:5000", as used by one account.

    As Docker's engine does, it speaks HTTP on loopback and HTTPS elsewhere.
    """

    def __init__(self, host: str, account_id: str) -> None:
        self.host = host
        self.url = f"{'http' if _is_loopback(host) else 'https'}://{host}"
        self._account_id = account_id

    @property
    def login(self) -> dict[str, str]:
        """What moto's GetAuthorizationToken gives: a registry that asks for a login takes this."""
        return {"username": "AWS", "password": f"{self._account_id}-auth-token"}

    def has(self, image: str) -> bool:
        """Whether an image of that name is in this registry, if it is anywhere."""
        return image.startswith(f"{self.host}/")

    def tags(self, repository: str) -> list[str]:
        response = self._call("GET", f"{repository}/tags/list")
        return list(response.json()["tags"] or []) if response is not None else []

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """That of a tag or digest; None if there is no such image."""
        headers = {"Accept": ", ".join(_MEDIA_TYPES)}
        response = self._call("GET", f"{repository}/manifests/{reference}", headers=headers)
        if response is None:
            return None
        digest, kind = response.headers["Docker-Content-Digest"], response.headers["Content-Type"]
        return Manifest(digest, kind, response.content.decode())

    def put(self, repository: str, reference: str, text: str, media_type: str) -> None:
        """Add a manifest whose layers are there."""
        self._call(
            "PUT",
            f"{repository}/manifests/{reference}",
            headers={"Content-Type": media_type},
            data=text.encode(),
        )

    def delete(self, repository: str, digest: str) -> None:
        """Delete an image with all its tags, if it is there."""
        self._call("DELETE", f"{repository}/manifests/{digest}")

    def _call(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        data: bytes | None = None,
    ) -> requests.Response | None:
        """The answer; None where that is "not found"."""
        with requests.Session() as session:
            session.trust_env = not _is_loopback(self.host)  # no proxy leads there
            session.auth = (self.login["username"], self.login["password"])
            try:
                response = session.request(
                    method, f"{self.url}/v2/{path}", headers=headers, data=data, timeout=TIMEOUT
                )
            except requests.RequestException as error:
                _log.info("%s %s: %s", method, path, error)
                raise RegistryError(
                    f"the registry at {self.host} (local.registry) doesn't answer; start it, or "
                    "name another one"
                ) from error
        if response.status_code == requests.codes.not_found:
            return None
        if response.status_code == requests.codes.unauthorized:
            raise RegistryError(
                f"the registry at {self.host} (local.registry) doesn't take ECR's login; let in "
                "user AWS with the password that GetAuthorizationToken gives, or everybody"
            )
        if not response.ok:
            said = " ".join(response.text.split())[:300]
            raise RegistryError(
                f"the registry at {self.host} (local.registry) answered {method} {path} with "
                f"{response.status_code}: {said}"
            )
        return response


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0]
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
