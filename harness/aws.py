"""What only the real AWS needs: the user's own credentials, and a look before the first call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from harness.errors import ConfigError

if TYPE_CHECKING:
    from harness.config import Settings


def boto_session(settings: Settings) -> boto3.Session:
    """A boto3 session with the credentials of `aws.profile` or of AWS's default chain.

    Raises:
        ConfigError: something is missing; the sentence names all of it.
    """
    problems = preflight(settings)
    if problems:
        raise ConfigError('target = "aws" can\'t run yet: ' + "; ".join(problems) + ".")
    return session(settings)


def preflight(settings: Settings) -> list[str]:
    """What has to be set before anything is done on AWS, each with how to. Empty: ready."""
    problems = []
    if not settings.aws.role_arn:
        problems.append(
            "no role: set aws.role_arn in harness.toml or HARNESS_AWS_ROLE_ARN to a role that "
            "trusts sagemaker.amazonaws.com"
        )
    if not settings.aws.bucket:
        problems.append(
            "no bucket: set aws.bucket in harness.toml or HARNESS_AWS_BUCKET to a bucket in "
            f"{settings.region}"
        )
    if problem := _credentials_problem(settings):
        problems.append(problem)
    return problems


def _credentials_problem(settings: Settings) -> str | None:
    profile = settings.aws.profile
    try:
        if session(settings).get_credentials() is not None:
            return None
    except BotoCoreError as error:  # an unknown profile, an SSO session that has expired
        return f"no credentials: {str(error).rstrip('.')} (aws.profile, AWS_PROFILE)"
    if profile:
        return f"no credentials: profile {profile!r} (aws.profile) has none; try `aws configure`"
    return (
        "no credentials: set aws.profile in harness.toml, HARNESS_AWS_PROFILE or AWS_PROFILE to a "
        "profile of ~/.aws/config, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )


def session(settings: Settings) -> boto3.Session:
    """A boto3 session as the settings have it, whose calls outlast throttling and lost servers.

    "standard" takes every throttling error and 5xx for transient, and waits up to 20 s between two
    attempts: a run of a quarter of an hour doesn't fail for a bad minute.
    """
    core = botocore.session.Session(profile=settings.aws.profile or None)
    core.set_default_client_config(Config(retries={"mode": "standard", "total_max_attempts": 10}))
    return boto3.Session(botocore_session=core, region_name=settings.region)
