"""The way of the image to ECR, where SageMaker takes it from: pushed once, named by its digest."""

from __future__ import annotations

import base64
import json
import re
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from botocore.exceptions import BotoCoreError, ClientError
from docker.errors import APIError, DockerException

from harness import locks
from harness.errors import ConfigError, EngineError, PushError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import boto3
    from docker import DockerClient
    from types_boto3_ecr import ECRClient
    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef

    from harness.config import Settings
    from harness.image.build import BuiltImage

    Progress = Callable[[str], None]

MANAGED_TAG = "harness:managed"
"""On repositories that were created here."""

_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
_ATTEMPTS = 3
_SILENCE_SECONDS = 600  # how long a push may say nothing; a registry may be slow with a large layer
_PROGRESS_SECONDS = 10  # between two lines about a layer that is being sent

# Instances with Arm processors: AWS's Graviton (m6g, c7gn, r6gd, but not the GPUs' g5 and g4dn)
# and Nvidia's Grace (p6e-gb200).
_ARM = re.compile(r"ml\.(?:[a-z]+\d+g[a-z]*\.|[a-z0-9]+-gb\d)")

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


@dataclass(frozen=True)
class Pushed:
    """An image in ECR. `repository` is its URI; `seconds` is 0.0 where nothing was `pushed`."""

    repository: str
    digest: str
    pushed: bool
    seconds: float

    @property
    def name(self) -> str:
        """By digest, as SageMaker takes it: no tag can come to mean another image."""
        return f"{self.repository}@{self.digest}"


def push(
    settings: Settings,
    boto: boto3.Session,
    docker: DockerClient,
    built: BuiltImage,
    *,
    progress: Progress = print,
) -> str:
    """As `ensure`; returns the image's name by digest."""
    return ensure(settings, boto, docker, built, progress=progress).name


def ensure(
    settings: Settings,
    boto: boto3.Session,
    docker: DockerClient,
    built: BuiltImage,
    *,
    progress: Progress = print,
) -> Pushed:
    """See to it that `built` is in the ECR repository of `[aws] repository`; what is, isn't sent.

    The repository is created where it is missing. The tag is that of `built`, which is a hash of
    what went in; two builds of that are still two images, so that where the tag stands for other
    bits, this one gets a tag with its own ID added. What SageMaker will run is what was built: the
    manifest in ECR names the same configuration, by its digest.

    Raises:
        PushError: ECR, the registry or the engine refused; the sentence says what to do.
        ConfigError: the configured instance types take images of two architectures.
        EngineError: the engine stopped answering.
    """
    start = time.monotonic()
    _check_architecture(settings, docker, built)
    repository = _Repository(boto.client("ecr", region_name=settings.region), settings, built)
    uri = repository.ensure(progress)
    tag = built.name.rpartition(":")[2]
    for each in (tag, f"{tag}-{built.id.removeprefix('sha256:')[:12]}"):
        found, sent = repository.find(imageTag=each), False
        if found is None:
            with locks.held("push", PushError, progress=progress):
                found = repository.find(imageTag=each)  # another process was faster
                if found is None:
                    found, sent = _push(docker, repository, uri, each, progress)
        if built.id in (found.config, found.digest):
            seconds = time.monotonic() - start if sent else 0.0
            return Pushed(uri, found.digest, sent, seconds)
        progress(f"{uri}:{each} is another build of the same files")
    raise PushError(
        f"{built.name} can't be pushed: both of its tags in {uri} stand for other images; delete "
        f"them with `aws ecr batch-delete-image --region {settings.region} --repository-name "
        f"{settings.aws.repository} --image-ids imageTag={each}`, and push again."
    )


def architecture(instance_type: str) -> str:
    """That of the images an instance type runs, in Docker's words: amd64 or arm64."""
    return "arm64" if _ARM.match(instance_type) else "amd64"


def _check_architecture(settings: Settings, docker: DockerClient, built: BuiltImage) -> None:
    training, endpoint = settings.training.instance_type, settings.endpoint.instance_type
    needed = architecture(training)
    if needed != architecture(endpoint):
        raise ConfigError(
            f"training.instance_type {training} takes {needed} images and endpoint.instance_type "
            f"{endpoint} {architecture(endpoint)} ones: choose two of one architecture, as one "
            "image has to run on both."
        )
    with _engine_errors(built.name):
        image: dict[str, Any] = docker.api.inspect_image(built.id)  # type: ignore[no-untyped-call]
    platform = f"{image['Os']}/{image['Architecture']}"
    if platform != f"linux/{needed}":
        raise PushError(
            f"{built.name} is for {platform}, and {training} runs linux/{needed}: build it with a "
            f"Docker engine on such a machine (DOCKER_HOST), or choose instance types of "
            f"{image['Architecture']} under [training] and [endpoint]."
        )


@dataclass(frozen=True)
class _Found:
    """An image in ECR: the digests of its manifest and of its configuration, if it has one."""

    digest: str
    config: str | None


class _Repository:
    """The ECR repository of the settings, for one image."""

    def __init__(self, ecr: ECRClient, settings: Settings, built: BuiltImage) -> None:
        self.built = built
        self._ecr = ecr
        self._name = settings.aws.repository
        self._region = settings.region

    def ensure(self, progress: Progress) -> str:
        """Its URI; it is created unless it is there."""
        exceptions = self._ecr.exceptions
        try:
            with self._explained(expected=exceptions.RepositoryNotFoundException):
                return self._describe()
        except exceptions.RepositoryNotFoundException:
            pass
        progress(f"creating ECR repository {self._name}")
        try:
            with self._explained(
                f"the repository isn't there and couldn't be created; allow ecr:CreateRepository "
                f"and ecr:TagResource, or have it created: `aws ecr create-repository --region "
                f"{self._region} --repository-name {self._name} --image-tag-mutability IMMUTABLE "
                "--image-scanning-configuration scanOnPush=true`",
                expected=exceptions.RepositoryAlreadyExistsException,
            ):
                created = self._ecr.create_repository(
                    repositoryName=self._name,
                    imageTagMutability="IMMUTABLE",
                    imageScanningConfiguration={"scanOnPush": True},
                    tags=[{"Key": MANAGED_TAG, "Value": "true"}],
                )
                return created["repository"]["repositoryUri"]
        except exceptions.RepositoryAlreadyExistsException:  # somebody else was faster
            with self._explained():
                return self._describe()

    def _describe(self) -> str:
        found = self._ecr.describe_repositories(repositoryNames=[self._name])
        return found["repositories"][0]["repositoryUri"]

    def find(self, **identifier: str) -> _Found | None:
        """The image with this `imageTag` or `imageDigest`."""
        wanted: ImageIdentifierTypeDef = identifier  # type: ignore[assignment]
        with self._explained():
            answer = self._ecr.batch_get_image(
                repositoryName=self._name, imageIds=[wanted], acceptedMediaTypes=_MANIFESTS
            )
        for image in answer["images"]:
            config = json.loads(image["imageManifest"]).get("config") or {}
            return _Found(image["imageId"]["imageDigest"], config.get("digest"))
        for failure in answer["failures"]:
            if failure.get("failureCode") != "ImageNotFound":
                raise PushError(
                    f"{self.built.name} can't be pushed: ECR says of {self._name} "
                    f"{failure.get('failureCode')}: {failure.get('failureReason')}."
                )
        return None

    def login(self) -> dict[str, str]:
        """A login of twelve hours, for the engine only: it isn't stored and not shown."""
        with self._explained():
            (data,) = self._ecr.get_authorization_token()["authorizationData"]
        user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
        return {"username": user, "password": password}

    @contextmanager
    def _explained(
        self, advice: str = "", expected: type[ClientError] | tuple[()] = ()
    ) -> Iterator[None]:
        """AWS's refusals in one sentence, but for the one that the caller expects."""
        what = f"{self.built.name} can't be pushed to ECR repository {self._name}"
        try:
            yield
        except expected:
            raise
        except (ClientError, BotoCoreError) as error:
            advice = _AWS_ADVICE.get(_code(error)) or advice or _DENIED.get(_code(error), "")
            advice = advice or f"see to that, in region {self._region}"
            raise PushError(f"{what}: {_words(error)}; {advice}.") from error


_EXPIRED = "your credentials have expired: renew them (`aws sso login`, for one) and try again"
_UNKNOWN = "AWS doesn't know your credentials (any more): see `aws sts get-caller-identity`"
_AWS_ADVICE = {
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "InvalidClientTokenId": _UNKNOWN,
    "InvalidSignatureException": _UNKNOWN,
    "UnrecognizedClientException": _UNKNOWN,
}
_DENIED = {"AccessDeniedException": "`harness policy caller` prints a policy that allows it"}


def _code(error: ClientError | BotoCoreError) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""


def _push(
    docker: DockerClient, repository: _Repository, uri: str, tag: str, progress: Progress
) -> tuple[_Found, bool]:
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
        except _RefusedError as refused:
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


class _RefusedError(PushError):
    """The engine refused, or ended a push with an error; the text is its own or the registry's."""


def _sentence(name: str, uri: str, tag: str, said: str) -> str:
    said = " ".join(said.split()).rstrip(".")
    advice = next(
        (text for pattern, text in _ADVICE if re.search(pattern, said, re.IGNORECASE)),
        "push again, which sends only what is missing",
    )
    return f"{name} can't be pushed to {uri}:{tag}: {said}; {advice}."


def _run(
    docker: DockerClient,
    built: BuiltImage,
    uri: str,
    tag: str,
    login: dict[str, str],
    progress: Progress,
) -> str:
    """Have the engine push; returns the manifest's digest. The tag is there only meanwhile."""
    layers, digest = _Layers(progress), None
    with _engine_errors(f"{uri}:{tag}"), _patience(docker):
        docker.api.tag(built.id, uri, tag)
        try:
            log: Any = docker.api.push(uri, tag, auth_config=login, stream=True, decode=True)
            with closing(log):  # which ends the push, if it is interrupted
                for entry in log:
                    if "error" in entry:
                        raise _RefusedError(entry["error"])
                    layers.read(entry)
                    digest = entry.get("aux", {}).get("Digest", digest)
        finally:
            with suppress(DockerException, requests.RequestException):
                docker.images.remove(f"{uri}:{tag}", noprune=True)
    if digest is None:
        raise _RefusedError("the Docker engine ended the push without a digest")
    return str(digest)


class _Layers:
    """A line for each layer that has been sent, and now and then one for those that are."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._sent: dict[str, tuple[int, int]] = {}
        self._next_line = time.monotonic() + _PROGRESS_SECONDS

    def read(self, entry: dict[str, Any]) -> None:
        layer, status = entry.get("id", ""), entry.get("status", "")
        if status == "Pushing":
            detail = entry.get("progressDetail") or {}
            current = int(detail.get("current", 0))
            # The engine doesn't know the size of some, and sends more than it thought of others.
            self._sent[layer] = current, max(current, int(detail.get("total", 0)))
            if time.monotonic() >= self._next_line:
                sent, total = (sum(column) for column in zip(*self._sent.values(), strict=True))
                self._progress(f"  {_size(sent)} of {_size(total)} sent")
                self._next_line = time.monotonic() + _PROGRESS_SECONDS
        elif status == "Pushed":
            _, total = self._sent.get(layer, (0, 0))
            self._progress(f"  layer {layer} pushed" + (f", {_size(total)}" if total else ""))


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


@contextmanager
def _patience(docker: DockerClient) -> Iterator[None]:
    usual, docker.api.timeout = docker.api.timeout, _SILENCE_SECONDS
    try:
        yield
    finally:
        docker.api.timeout = usual


@contextmanager
def _engine_errors(what: str) -> Iterator[None]:
    try:
        yield
    except APIError as error:
        raise _RefusedError(str(error.explanation or error)) from error
    except (DockerException, requests.RequestException, OSError) as error:
        raise EngineError(
            f"the Docker engine stopped answering over {what} ({error}); `harness doctor` tells "
            "how it is."
        ) from error


def _words(error: ClientError | BotoCoreError) -> str:
    return " ".join(str(error).split()).rstrip(".")
