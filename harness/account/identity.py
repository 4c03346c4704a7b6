"""Whose credentials a run on AWS has: what STS says, and why it may refuse."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast

import botocore.exceptions as boto_errors
from botocore.exceptions import BotoCoreError, ClientError

from harness.account import session
from harness.account.calls import CONFIG, code_of, words_of
from harness.aws_model.regions import is_known, main_region
from harness.checks import Check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    import boto3
    from types_boto3_sts import STSClient

    from harness.config.settings import Settings

T = TypeVar("T")

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"}
_UNKNOWN_KEY = {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"}
_SKEWED = {"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"}
_WRONG_SECRET = {"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"}

_SSO_ERRORS = (
    boto_errors.SSOError,
    boto_errors.TokenRetrievalError,
    boto_errors.LoginError,
)
_CREDENTIAL_ERRORS = (
    boto_errors.CredentialRetrievalError,
    boto_errors.NoCredentialsError,
    boto_errors.PartialCredentialsError,
    boto_errors.ProfileNotFound,
    boto_errors.InfiniteLoopConfigError,
    boto_errors.InvalidConfigError,
    boto_errors.ConfigParseError,
    boto_errors.MetadataRetrievalError,
    boto_errors.UnknownCredentialError,
)


class NoIdentity(Exception):  # noqa: N818  # carries what is reported
    """The credentials can't be used; `check` says why."""

    def __init__(self, check: Check) -> None:
        super().__init__(check.detail)
        self.check = check


@dataclass(frozen=True)
class Identity:
    """Whose the credentials are."""

    account: str
    arn: str

    @classmethod
    def ask(cls, sts: STSClient, settings: Settings) -> Identity:
        """Ask STS.

        Raises:
            NoIdentity: with what is wrong with the credentials.
        """
        with _explained(settings):
            found = sts.get_caller_identity()
        return cls(found["Account"], found["Arn"])

    @property
    def check(self) -> Check:
        return Check("credentials", True, f"account {self.account}, {self.arn}")

    @cached_property
    def kind(self) -> str:
        """root, user, assumed-role, federated-user."""
        return self.arn.rpartition(":")[2].partition("/")[0]

    @cached_property
    def name(self) -> str:
        """Of the user, or of the role that was taken on."""
        parts = self.arn.rpartition(":")[2].split("/")
        return parts[1] if self.kind == "assumed-role" else parts[-1]


def open_session(settings: Settings) -> boto3.Session:
    """The settings' session, which has found its credentials.

    Raises:
        NoIdentity: there are none, or they can't be read or renewed.
    """
    region = settings.region if is_known(settings.region) else main_region(settings.region)
    with _explained(settings):
        found = session.session(settings.model_copy(update={"region": region}))
        if found.get_credentials() is None:
            raise boto_errors.NoCredentialsError
    return found


def wait(asked: Future[T], seconds: float) -> T:
    """The result of `open_session` or `Identity.ask`.

    Raises:
        NoIdentity: they do, or take longer.
    """
    try:
        return asked.result(seconds)
    except TimeoutError:
        raise NoIdentity(
            _bad_credentials(
                f"AWS didn't say within {seconds:.0f} s whose they are",
                "see to the network, and to what gives the credentials (aws.profile)",
            )
        ) from None


@contextmanager
def _explained(settings: Settings) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise NoIdentity(_refused(error, settings)) from None
    except BotoCoreError as error:
        raise NoIdentity(_unusable(error, settings)) from None


def _bad_credentials(detail: str, remedy: str) -> Check:
    return Check("credentials", False, detail, remedy)


def _refused(error: ClientError, settings: Settings) -> Check:
    """STS's refusal in our words. Its codes are in "Common errors" of its API reference."""
    code, message = code_of(error), error.response["Error"].get("Message", "")
    profile = f" --profile {settings.aws.profile}" if settings.aws.profile else ""
    if code in _SKEWED or (code in _WRONG_SECRET and "expired" in message.lower()) or (
        code in _WRONG_SECRET and "not yet current" in message.lower()
    ):  # fmt: skip
        return _bad_credentials(
            f"this machine's clock is wrong{_by_how_much(error)}, so that AWS takes no signature "
            "of it",
            "set the clock, for instance `sudo timedatectl set-ntp true`",
        )
    if code in _EXPIRED:
        return _bad_credentials(
            "the session token has expired",
            f"get a new one: `aws sso login{profile}`, or as you got this one, and set "
            "AWS_SESSION_TOKEN with its keys if they are in the environment",
        )
    if code in _UNKNOWN_KEY:
        if _is_disabled(settings):
            return Check(
                "region",
                False,
                f"{settings.region} isn't enabled in this account",
                f"aws account enable-region --region-name {settings.region}, or set region to "
                "one that is",
            )
        return _bad_credentials(
            "AWS doesn't know the access key: it was deleted or deactivated, or is mistyped",
            f"make a new one and enter it with `aws configure{profile}`",
        )
    if code in _WRONG_SECRET:
        return _bad_credentials(
            "the secret access key isn't the access key's",
            f"enter both again with `aws configure{profile}`",
        )
    return _bad_credentials(
        f"AWS refuses them: {words_of(error)}",
        f"see to it that they may call sts:{error.operation_name}",
    )


def _is_disabled(settings: Settings) -> bool:
    """Whether the region doesn't know the key and another does: it isn't enabled.

    A region that the account hasn't opted into says the same of a key as one where there is none.
    """
    main = main_region(settings.region)
    if main == settings.region:
        return False
    try:
        elsewhere = session.session(settings.model_copy(update={"region": main}))
        elsewhere.client("sts", config=CONFIG).get_caller_identity()
    except (ClientError, BotoCoreError):
        return False
    return True


def _by_how_much(error: ClientError) -> str:
    theirs = error.response["ResponseMetadata"]["HTTPHeaders"].get("date")
    try:
        ahead = (datetime.now(UTC) - parsedate_to_datetime(cast("str", theirs))).total_seconds()
    except (TypeError, ValueError):
        return ""
    if abs(ahead) < 60:
        return ""
    return f", {abs(ahead) / 60:.0f} minutes {'ahead of' if ahead > 0 else 'behind'} AWS's"


def _unusable(error: BotoCoreError, settings: Settings) -> Check:
    """Why there are no credentials to be tried, or nobody to try them on."""
    profile = settings.aws.profile
    option = f" --profile {profile}" if profile else ""
    words = " ".join(str(error).split()).rstrip(".")
    if isinstance(error, boto_errors.NoCredentialsError):
        if profile:
            return _bad_credentials(
                f"profile {profile} (aws.profile) has none", f"`aws configure{option}`"
            )
        return _bad_credentials(
            "there are none",
            "set aws.profile in harness.toml, HARNESS_AWS_PROFILE or AWS_PROFILE to a profile of "
            "~/.aws/config, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    if isinstance(error, _SSO_ERRORS):
        return _bad_credentials(f"they can't be renewed: {words}", f"`aws sso login{option}`")
    if isinstance(error, _CREDENTIAL_ERRORS):
        return _bad_credentials(
            f"they can't be read: {words}",
            "set aws.profile in harness.toml, or AWS_PROFILE, to a profile of ~/.aws/config that "
            "has some",
        )
    return _bad_credentials(f"AWS can't be asked whose they are: {words}", see_network(settings))


def see_network(settings: Settings) -> str:
    """What mends that AWS can't be reached."""
    return (
        f"see to the network and its proxy (HTTPS_PROXY), and whether {settings.region} is the "
        "region that is meant"
    )
