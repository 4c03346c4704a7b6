"""A boto3 session on the target: the local AWS or the real one.

Here, and in no step of the flow, is it decided which of the two a run talks to. The SageMaker SDK
isn't imported here, since that takes longer than everything else on the way to a started job.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.flow.ledger import Ledger
from harness.local.core.client import LocalBotocoreSession, ensure_bucket, local_boto_session
from harness.local.process import LocalProcess
from harness.service import faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import boto3
    from docker import DockerClient

    from harness.config.settings import Settings
    from harness.flow.dry_run import Call, DryRun


@dataclass(frozen=True)
class Connection:
    """Where a run's calls go.

    `ephemeral`: what is created over it ends with it, as the embedded local AWS does.
    """

    boto: boto3.Session
    ephemeral: bool
    target: str = "local"
    dry_run: DryRun | None = None
    """Notes the calls instead of making them."""

    def notes(self, settings: Settings) -> list[str]:
        """What of the settings the target takes and doesn't act on."""
        if self.target != "local":
            ignored = "faults: they are the local AWS's; the real one has none on demand"
            return [ignored] if settings.faults else []
        notes = []
        if settings.faults:
            notes.append(f"faults: {len(settings.faults)} on demand, see docs/how-to/faults.md")
        if settings.training.spot:
            notes.append(
                "training.spot: no instance is taken away locally, unless the running job gets the "
                "tag harness:interrupt"
            )
        if settings.endpoint.max_instance_count:
            notes.append(
                "endpoint.max_instance_count: the local AWS keeps the scaling policy, and the "
                "number of instances as it is"
            )
        return notes

    def engine(self, docker: DockerClient) -> DockerClient:
        """The Docker engine as far as it sends anything to the target."""
        return self.dry_run.engine(docker) if self.dry_run else docker

    @property
    def region(self) -> str:
        return self.boto.region_name

    @property
    def url(self) -> str | None:
        """The endpoint URL of every service, or None where it is AWS's own."""
        session = self.boto._session
        return session.url if isinstance(session, LocalBotocoreSession) else None

    @property
    def account(self) -> str:
        return self.boto.client("sts").get_caller_identity()["Account"]

    def ledger(self, run: str) -> Ledger:
        """The ledger of a run: on disk, unless what it creates ends with this process."""
        if self.ephemeral:
            return Ledger()
        return Ledger.create(
            {
                "run": run,
                "target": self.target,
                "account": self.account,
                "region": self.region,
                "url": self.url or "",
            }
        )


def connect_dry(settings: Settings, tell: Callable[[Call], None]) -> Connection:
    """A connection that tells each call instead of making it. Needs no credentials."""
    from harness.flow.dry_run import DryRun

    dry_run = DryRun(settings.region, tell)
    return Connection(dry_run.boto, ephemeral=True, target=settings.target, dry_run=dry_run)


def load_models(region: str) -> None:
    """Let botocore load what the clients of a run will need."""
    boto = local_boto_session("http://localhost", region)
    for service in ("s3", "sagemaker", "logs", "sagemaker-runtime"):
        boto.client(service)


@contextmanager
def connect(settings: Settings, started: LocalProcess | None = None) -> Iterator[Connection]:
    """Connect to the settings' target.

    Where that is a local AWS of the caller's own, it is `started`, or else started here, and ends
    with the context.

    Raises:
        ConfigError: `target` is "aws" and the account lacks something; the text names all of it.
        ServiceError: the local AWS doesn't start, or ended before its time.
    """
    if settings.target == "aws":
        from harness.account import preflight, session

        preflight.require(settings)
        yield Connection(session.session(settings), ephemeral=False, target="aws")
    elif settings.local.endpoint_url:
        boto = local_boto_session(settings.local.endpoint_url, settings.region)
        ensure_bucket(boto, settings.local.bucket)
        with faults.added(settings.local.endpoint_url, settings.faults):
            yield Connection(boto, ephemeral=False)
    else:
        with started or LocalProcess() as server:
            server.start(settings)
            load_models(settings.region)  # while it loads its own
            boto = local_boto_session(server.url, settings.region)
            ensure_bucket(boto, settings.local.bucket)
            yield Connection(boto, ephemeral=True)
