"""What moto's other services are to see of what runs here: SageMaker's resources, and functions.

moto's state is that of the whole process, in which there may be more than one local AWS: which of
them a request has come to is known while it is answered.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


class Function(NamedTuple):
    """A function of moto's Lambda, and what it is invoked with."""

    name: str
    arn: str
    version: str
    account_id: str
    region: str
    runtime: str
    handler: str
    code: bytes
    """A zip archive."""
    layers: Sequence[bytes]
    """More of them, the first one first."""
    environment: Mapping[str, str]
    memory: int
    """MiB."""
    timeout: int
    """Seconds."""
    event: str
    """JSON."""


class Outcome(NamedTuple):
    """What has come of a function."""

    payload: str
    """JSON; of a function that failed, what Lambda says of that."""
    failed: bool
    log: str
    """What it has written, in lines."""


class View(Protocol):
    """One local AWS, as moto's services get to what is ours of it."""

    def tagged(self, account_id: str, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """The ARNs and tags of ours in an account and a region."""

    def call(
        self, operation: str, request: Mapping[str, Any], account_id: str, region: str
    ) -> Mapping[str, Any]:
        """Call one of SageMaker's operations. Raises `AwsError` as it does."""

    def run(self, function: Function) -> Outcome:
        """Run a function in a container. Raises `AwsError` if it can't be run."""


_current: ContextVar[View | None] = ContextVar("view", default=None)


@contextlib.contextmanager
def answering(view: View | None) -> Iterator[None]:
    """In this context, requests are those to the local AWS that `view` is of."""
    token = _current.set(view)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> View | None:
    """That of the local AWS whose request is being answered; None where it has no SageMaker."""
    return _current.get()
