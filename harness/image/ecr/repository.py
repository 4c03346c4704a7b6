"""The ECR repository that an image goes to."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from harness.errors import PushError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from types_boto3_ecr import ECRClient
    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef

    from harness.config.settings import Settings
    from harness.image.build import BuiltImage

    Progress = Callable[[str], None]

MANAGED_TAG = "harness:managed"
"""On repositories that were created here."""

_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)

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


@dataclass(frozen=True)
class Found:
    """An image in ECR: the digests of its manifest and of its configuration, if it has one."""

    digest: str
    config: str | None


class Repository:
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

    def find(self, **identifier: str) -> Found | None:
        """The image with this `imageTag` or `imageDigest`."""
        wanted: ImageIdentifierTypeDef = identifier  # type: ignore[assignment]
        with self._explained():
            answer = self._ecr.batch_get_image(
                repositoryName=self._name, imageIds=[wanted], acceptedMediaTypes=_MANIFESTS
            )
        for image in answer["images"]:
            config = json.loads(image["imageManifest"]).get("config") or {}
            return Found(image["imageId"]["imageDigest"], config.get("digest"))
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


def _code(error: ClientError | BotoCoreError) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""


def _words(error: ClientError | BotoCoreError) -> str:
    return " ".join(str(error).split()).rstrip(".")
