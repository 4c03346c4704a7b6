"""What moto's ECR lacks: a real registry behind it.

Where the local AWS has one, its address is the host in `repositoryUri` and `proxyEndpoint`, and
the images of a repository are those that are in it. moto goes on checking requests and keeping
everything else: repositories, their policies and tags. (A registry deletes an image with all its
tags, so that BatchDeleteImage of one tag among several leaves that tag there.)
"""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.ecr.models import Image
from moto.ecr.responses import ECRResponse

from harness.local.engine.image_registry import Manifest, Registry, RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER = "X-Harness-Registry"
"""Names the registry to moto, for each request by itself; empty if there is none."""

_TOKEN_LIFE = timedelta(hours=12)

_lock = threading.Lock()


@functools.cache
def prepare() -> None:
    """Have moto's ECR ask the registry, for requests that name one."""
    class_: Any = ECRResponse
    for name in ("create_repository", "describe_repositories"):
        setattr(class_, name, _behind(getattr(class_, name), lambda call: call.moto()))
    for name in ("describe_images", "list_images", "batch_get_image"):
        setattr(class_, name, _behind(getattr(class_, name), _read))
    for name in ("batch_delete_image", "delete_repository"):
        setattr(class_, name, _behind(getattr(class_, name), _delete))
    class_.put_image = _behind(class_.put_image, _put)
    class_.get_authorization_token = _behind(class_.get_authorization_token, _log_in)


class _Call:
    """A request to moto's ECR, and the registry that it is about."""

    def __init__(self, response: Any, original: Callable[[Any], ActionResult]) -> None:
        self.response = response
        self.registry = Registry(response.headers[HEADER], response.current_account)
        self._original = original

    def moto(self) -> ActionResult:
        """moto's own answer."""
        return self._original(self.response)

    def parameter(self, name: str) -> Any:
        return self.response._get_param(name)

    @property
    def repositories(self) -> dict[str, Any]:
        return self.response.ecr_backend.repositories  # type: ignore[no-any-return]

    @property
    def repository(self) -> Any:
        """moto's, or None if it has none of that name, which moto then says."""
        return self.repositories.get(self.parameter("repositoryName"))


def _behind(
    original: Callable[[Any], ActionResult], answer: Callable[[_Call], ActionResult]
) -> Callable[[Any], ActionResult]:
    """The operation with a registry behind it, where the request names one."""

    @functools.wraps(original)
    def operation(response: Any) -> ActionResult:
        if not response.headers.get(HEADER):
            return original(response)
        call = _Call(response, original)
        try:
            with _lock:
                result = answer(call)
                for repository in call.repositories.values():
                    repository.uri = f"{call.registry.host}/{repository.name}"
        except RegistryError as error:
            raise _UnavailableError(str(error)) from error
        return result

    return operation


class _UnavailableError(ServiceException):
    """The registry doesn't answer. A ServerException would be tried again and again by SDKs."""

    code = "UnableToGetUpstreamImageException"


def _read(call: _Call) -> ActionResult:
    if call.repository is not None:
        _take(call.registry, call.repository, call.parameter("imageIds"))
    return call.moto()


def _delete(call: _Call) -> ActionResult:
    repository = call.repository
    if repository is None:
        return call.moto()
    _take(call.registry, repository)
    before = {image.image_digest for image in repository.images}
    result = call.moto()
    left = call.repository.images if call.repository is not None else []
    for digest in before - {image.image_digest for image in left}:
        call.registry.delete(repository.name, digest)
    return result


def _put(call: _Call) -> ActionResult:
    repository = call.repository
    if repository is None:
        return call.moto()
    _take(call.registry, repository)
    result: Any = call.moto()
    image = result.result["image"]
    text, kind = image.image_manifest, image.image_manifest_media_type
    digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    call.registry.put(repository.name, image.image_tag or digest, text, kind)
    _take(call.registry, repository)
    _take(call.registry, repository, [{"imageDigest": digest}])  # which may have no tag
    return ActionResult({"image": repository._get_image(None, digest)})


def _log_in(call: _Call) -> ActionResult:
    result: Any = call.moto()
    data = result.result["authorizationData"]
    for each in data:
        each |= {"proxyEndpoint": call.registry.url, "expiresAt": datetime.now(UTC) + _TOKEN_LIFE}
    return ActionResult({"authorizationData": data})


class _Image(Image):
    """An image that is in the registry, with no tag yet."""

    def __init__(self, repository: Any, manifest: Manifest) -> None:
        super().__init__(
            repository.account_id,
            "",
            manifest.text,
            repository.name,
            manifest.media_type,
            manifest.digest,
            repository.registry_id,
        )
        self.image_tags.clear()

    def get_image_size_in_bytes(self) -> int:
        """What its layers take, compressed; 0 for an index of images."""
        manifest = json.loads(self.image_manifest)
        return sum(layer["size"] for layer in manifest.get("layers", []))


def _take(
    registry: Registry, repository: Any, identifiers: list[dict[str, str]] | None = None
) -> None:
    """Make moto's images of the repository those of the registry: all of them, or those named."""
    known = {image.image_digest: image for image in repository.images}
    if identifiers is None:
        tags = {*registry.tags(repository.name), *(t for i in known.values() for t in i.image_tags)}
        digests = set(known)
    else:
        tags = {each["imageTag"] for each in identifiers if each.get("imageTag")}
        digests = {each["imageDigest"] for each in identifiers if each.get("imageDigest")}
        if digests:  # which says nothing of the tags that stand for them
            tags |= set(registry.tags(repository.name))

    def image(reference: str) -> Any:
        manifest = registry.manifest(repository.name, reference)
        if manifest is None:
            return None
        if not isinstance(known.get(manifest.digest), _Image):
            known[manifest.digest] = _Image(repository, manifest)
        return known[manifest.digest]

    for tag in tags:
        tagged = image(tag)
        for other in known.values():
            if tag in other.image_tags and other is not tagged:
                other.image_tags.remove(tag)
        if tagged is not None and tag not in tagged.image_tags:
            tagged.image_tags.append(tag)
    for digest in digests:
        if image(digest) is None:
            known.pop(digest, None)
    for each in known.values():
        each.image_tag = each.image_tags[-1] if each.image_tags else None
    repository.images[:] = known.values()
