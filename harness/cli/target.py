"""Where commands look for jobs and endpoints: a local AWS that runs, or the real one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.cli.arguments import settings_of
from harness.errors import HarnessError, ServiceError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    import boto3

    from harness.config.settings import Settings
    from harness.service.state import Running


@dataclass(frozen=True)
class Target:
    """A boto3 session, and what it leads to.

    `url` is the local AWS's, and empty for the real one; `running` is what `up` has started.
    """

    settings: Settings
    boto: boto3.Session
    url: str = ""
    running: Running | None = None

    @property
    def poll_seconds(self) -> float:
        return 0.2 if self.url else self.settings.place.poll_seconds

    def __str__(self) -> str:
        where = f"the local AWS at {self.url}" if self.url else "AWS"
        return f"{where}, {self.boto.region_name}"


def target(arguments: argparse.Namespace) -> Target:
    """That of the settings: the account, a local AWS that they name, or that of `harness up`.

    Raises:
        ServiceError: no local AWS is running.
        ConfigError: a setting is wrong.
    """
    settings = settings_of(arguments)
    if settings.target == "aws":
        from harness.account import session

        with aws_errors():
            return Target(settings, session.session(settings))
    from harness.local.core.client import local_boto_session

    if url := settings.local.endpoint_url:
        return Target(settings, local_boto_session(url, settings.region), url)
    from harness.service import state

    running = state.find()
    if running is None:
        raise ServiceError(
            "no local AWS is running; start one with `harness up --detach`, or look at the real "
            "one with `--target aws`."
        )
    boto = local_boto_session(running.url, running.region)
    return Target(settings, boto, running.url, running)


@contextmanager
def aws_errors() -> Iterator[None]:
    """What AWS, or the way there, refuses, as one sentence."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        said = " ".join(str(error).split())  # of parameters it is a list
        raise HarnessError(f"{said.rstrip('.')}.") from error
