"""What the steps of a run share: its name, where its calls go, and what it will tear down."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.flow.progress import Log
from harness.flow.teardown import Patience, TearDown, tags

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import TagTypeDef

    from harness.config.settings import Settings
    from harness.flow.connection import Connection
    from harness.flow.progress import Progress


@dataclass(frozen=True)
class Run:
    """One run. `name` is unique; whatever a run creates has that name or begins so."""

    name: str
    settings: Settings
    connection: Connection
    progress: Progress
    tear_down: TearDown
    keep: bool = False
    logs: dict[tuple[str, str], Log] = field(default_factory=dict, compare=False, repr=False)

    @property
    def tags(self) -> list[TagTypeDef]:
        """What everything that the run creates is tagged with."""
        return [{"Key": key, "Value": value} for key, value in tags(self.name, self.keep).items()]

    def log(self, group: str, prefix: str) -> Log:
        """What containers write to the group's streams whose names begin with `prefix`."""
        if (group, prefix) not in self.logs:  # each line is shown once, whoever asks
            self.logs[group, prefix] = Log(
                self.connection.boto, self.progress, group, prefix,
                stays=not self.connection.ephemeral,
            )  # fmt: skip
        return self.logs[group, prefix]

    def key(self, *parts: str) -> str:
        """A key in the place's bucket."""
        return "/".join(part for part in (self.settings.place.prefix, self.name, *parts) if part)

    def uri(self, *parts: str) -> str:
        return f"s3://{self.settings.place.bucket}/{self.key(*parts)}"


def begin(settings: Settings, connection: Connection, progress: Progress, *, keep: bool) -> Run:
    """A run that has created nothing yet."""
    name = unique_name()
    place = settings.place
    limit = settings.endpoint.startup_timeout_seconds + place.provisioning_seconds
    patience = Patience(limit, place.poll_seconds, connection.ephemeral)
    tear_down = TearDown(connection.boto, connection.ledger(name), progress, patience)
    return Run(name, settings, connection, progress, tear_down, keep)


def unique_name() -> str:
    """A name for a run: when it was, and six digits that tell apart runs of one second."""
    return f"harness-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
