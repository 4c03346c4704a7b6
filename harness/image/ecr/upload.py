"""A push by the Docker engine: tried again where a trouble passes, explained where it doesn't."""

from __future__ import annotations

import re
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import requests
from docker.errors import APIError, DockerException

from harness.errors import EngineError, PushError
from harness.image.ecr.layers import Layers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import DockerClient

    from harness.image.build import BuiltImage
    from harness.image.ecr.repository import Found, Repository

    Progress = Callable[[str], None]

_ATTEMPTS = 3
_SILENCE_SECONDS = 600  # how long a push may say nothing; a registry may be slow with a large layer

# What registries and the engine's HTTP client say of troubles that pass.
_PASSING = re.compile(
    r"unexpected HTTP status:? (?:429|5\d\d)|toomanyrequests|Rate exceeded|\bEOF\b|"
    r"connection reset|broken pipe|i/o timeout|TLS handshake timeout|blob upload unknown",
    re.IGNORECASE,
)

# What to do about those that don't. ECR's words are quoted in aws/containers-roadmap issue 862,
# aws-actions/amazon-ecr-login issue 166 and the ECR user guide's "Troubleshooting".
_ADVICE = (
    (
        r"authorization token has expired|no basic auth credentials|unauthorized",
        (
            "the registry doesn't take the login that ecr:GetAuthorizationToken gave for it; see "
            "whether this machine's clock is right, then try again"
        ),
    ),
    (
        r"denied|not authorized|\b403\b",
        (
            "allow who you are to push to it: ecr:BatchCheckLayerAvailability, "
            "ecr:InitiateLayerUpload, ecr:UploadLayerPart, ecr:CompleteLayerUpload and ecr:PutImage"
        ),
    ),
    (
        r"name unknown|does not exist in the registry",
        "the repository was deleted meanwhile; push again, which creates it",
    ),
    (
        r"x509|certificate",
        (
            "the Docker engine doesn't trust the registry's certificate; put its authority in "
            "/etc/docker/certs.d on the engine's machine"
        ),
    ),
    (
        r"dial tcp|no such host|timeout|deadline exceeded|refused|unreachable|proxyconnect",
        "the Docker engine doesn't reach the registry; see to its network and its proxy",
    ),
)


class RefusedError(PushError):
    """The engine refused, or ended a push with an error; the text is its own or the registry's."""


def upload(
    docker: DockerClient, repository: Repository, uri: str, tag: str, progress: Progress
) -> tuple[Found, bool]:
    """Push to `uri:tag`; returns what is there then, and whether that was sent just now.

    A tag that another machine pushes at the same time is refused where tags are immutable.
    """
    built = repository.built
    login = repository.login()
    progress(f"pushing {built.name} to {uri}:{tag}")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            digest = _run(docker, built, uri, tag, login, progress)
            break
        except RefusedError as refused:
            if found := repository.find(imageTag=tag):
                return found, False
            if attempt == _ATTEMPTS or not _PASSING.search(str(refused)):
                raise PushError(_sentence(built.name, uri, tag, str(refused))) from refused
            progress(f"  the registry says: {refused}; trying again")
            time.sleep(attempt)
    found = repository.find(imageDigest=digest)
    if found is None or built.id not in (found.config, found.digest):
        raise PushError(
            f"{uri}@{digest} isn't {built.name} although that was pushed: ECR has "
            f"{found and found.config} as its configuration, and {built.id} was built; push again."
        )
    return found, True


def _run(
    docker: DockerClient,
    built: BuiltImage,
    uri: str,
    tag: str,
    login: dict[str, str],
    progress: Progress,
) -> str:
    """Have the engine push; returns the manifest's digest. The tag is there only meanwhile."""
    layers, digest = Layers(progress), None
    with engine_errors(f"{uri}:{tag}"), _patience(docker):
        docker.api.tag(built.id, uri, tag)
        try:
            log: Any = docker.api.push(uri, tag, auth_config=login, stream=True, decode=True)
            with closing(log):  # which ends the push, if it is interrupted
                for entry in log:
                    if "error" in entry:
                        raise RefusedError(entry["error"])
                    layers.read(entry)
                    digest = entry.get("aux", {}).get("Digest", digest)
        finally:
            with suppress(DockerException, requests.RequestException):
                docker.images.remove(f"{uri}:{tag}", noprune=True)
    if digest is None:
        raise RefusedError("the Docker engine ended the push without a digest")
    return str(digest)


def _sentence(name: str, uri: str, tag: str, said: str) -> str:
    said = " ".join(said.split()).rstrip(".")
    advice = next(
        (text for pattern, text in _ADVICE if re.search(pattern, said, re.IGNORECASE)),
        "push again, which sends only what is missing",
    )
    return f"{name} can't be pushed to {uri}:{tag}: {said}; {advice}."


@contextmanager
def _patience(docker: DockerClient) -> Iterator[None]:
    usual, docker.api.timeout = docker.api.timeout, _SILENCE_SECONDS
    try:
        yield
    finally:
        docker.api.timeout = usual


@contextmanager
def engine_errors(what: str) -> Iterator[None]:
    try:
        yield
    except APIError as error:
        raise RefusedError(str(error.explanation or error)) from error
    except (DockerException, requests.RequestException, OSError) as error:
        raise EngineError(
            f"the Docker engine stopped answering over {what} ({error}); `harness doctor` tells "
            "how it is."
        ) from error
