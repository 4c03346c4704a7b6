"""What moto's other services are to see of SageMaker: the resources that run here, and not its own.

moto's state is that of the whole process, in which there may be more than one local AWS: which of
them a request has come to is known while it is answered.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class View(Protocol):
    """The SageMaker of one local AWS, as moto's services get to it."""

    def tagged(self, account_id: str, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        """The ARNs and tags of ours in an account and a region."""

    def call(
        self, operation: str, request: Mapping[str, Any], account_id: str, region: str
    ) -> Mapping[str, Any]:
        """Call one of SageMaker's operations. Raises `AwsError` as it does."""


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
