"""Whether the image that a request names exists, which AWS looks up before it creates anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import ClientError, ParamValidationError

from harness.errors import EngineError
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from harness.local.core.backend import Backend
    from harness.local.protocol.messages import RequestContext

_ECR_HOST = re.compile(r"(?P<account>\d{12})\.dkr[.-]ecr[\w.-]*\.[\w.-]+")

_PULL = "ecr:BatchCheckLayerAvailability, ecr:BatchGetImage, ecr:GetDownloadUrlForLayer"


class Name(NamedTuple):
    """An image's name, in its parts: `registry/repository:tag@digest`."""

    host: str
    repository: str
    tag: str | None
    digest: str | None

    @classmethod
    def parse(cls, image: str) -> Name:
        rest, _, digest = image.partition("@")
        first, slash, others = rest.partition("/")
        has_host = bool(slash) and (first == "localhost" or any(c in first for c in ".:"))
        host, path = (first, others) if has_host else ("", rest)
        repository, colon, tag = path.rpartition(":")
        if not colon:
            repository, tag = path, "" if digest else "latest"
        return cls(host, repository, tag or None, digest or None)


def check_training(backend: Backend, context: RequestContext, image: str, role: str) -> None:
    """Raises `ValidationException`, in CreateTrainingJob's words, for an image that isn't there.

    AWS says the same of a tuning job's.
    """
    why = _missing(backend, image)
    if why is None:
        return
    name = Name.parse(image)
    account = _registry_account(backend, context, name)
    if account and not _has_repository(backend, context, name, account):
        raise AwsError(
            "ValidationException",
            f"Cannot find repository: {name.repository} in registry ID: {account}. Please check "
            f"if your ECR repository exists and role {role} has proper pull permissions for "
            f"SageMaker: {_PULL}. ({why})",
        )
    raise AwsError(
        "ValidationException",
        f"Cannot find the requested image: {image} with tag: {name.tag or 'null'} and digest: "
        f"{name.digest or 'null'}. Please check if your ECR image exists and role {role} has "
        f"proper pull permissions for SageMaker: {_PULL}. ({why})",
    )


def check_model(backend: Backend, image: str) -> None:
    """Raises `ValidationException`, in CreateModel's words, for an image that isn't there."""
    why = _missing(backend, image)
    if why is not None:
        raise AwsError("ValidationException", f"Requested image {image} not found. ({why})")


def _missing(backend: Backend, image: str) -> str | None:
    """Why there is no such image, on this machine or where it would be pulled from.

    None also where no engine answers: what is to run the image will say so.
    """
    try:
        said = backend.containers.missing_image(image)
    except EngineError:
        return None
    return said and f"It is not on this machine, and the Docker engine says: {said}"


def _registry_account(backend: Backend, context: RequestContext, name: Name) -> str | None:
    """The account whose ECR the image should be in; None where that isn't ECR."""
    if name.host and name.host == backend.registry:
        return context.account_id
    ecr = _ECR_HOST.fullmatch(name.host)
    return ecr["account"] if ecr else None


def _has_repository(backend: Backend, context: RequestContext, name: Name, account: str) -> bool:
    """Whether the local ECR has it; of other accounts' nothing is known."""
    if account != context.account_id:
        return True
    try:
        backend.ecr(context.region, account).describe_repositories(
            repositoryNames=[name.repository]
        )
    except ClientError as error:
        return error.response["Error"]["Code"] != "RepositoryNotFoundException"
    except ParamValidationError:  # no repository can have this name
        return False
    return True
