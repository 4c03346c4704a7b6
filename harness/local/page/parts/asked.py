"""What a browser asks for, and whom the page asks: the operations of SageMaker, and clients."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.local.page.parts.commands import Where
from harness.local.page.parts.kinds import EXECUTION, PREFIX
from harness.local.protocol.errors import AwsError
from harness.local.protocol.messages import RequestContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.local.page.parts.kinds import Kind
    from harness.local.protocol.messages import Request
    from harness.local.protocol.service import Service

_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")


@dataclass(frozen=True)
class Asked:
    """A request of a browser, in whose `region` it looks."""

    request: Request
    own_region: str

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(urllib.parse.parse_qsl(self.request.query))

    @cached_property
    def region(self) -> str:
        """The one asked for, or the local AWS's own."""
        region = self.query.get("region", self.own_region)
        return region if _REGION.fullmatch(region) else self.own_region

    @cached_property
    def parts(self) -> list[str]:
        """Of the path, below the page's own; none if it isn't."""
        path = self.request.path
        if not path.startswith(f"{PREFIX}/"):
            return []
        return [urllib.parse.unquote(part) for part in path[len(PREFIX) + 1 :].split("/")]

    @cached_property
    def where(self) -> Where:
        """The local AWS as this browser reaches it."""
        host = self.request.headers.get("host", "")
        return Where(f"http://{host}", self.region)


@dataclass(frozen=True)
class Local:
    """The local AWS that the page belongs to.

    `client` makes those of its services, by name and region; they are kept.
    """

    service: Service
    client: Callable[[str, str], Any]
    region: str
    account_id: str

    def which(self, kind: Kind, region: str, name: str) -> dict[str, str]:
        """By what operations are told of which resource: its name, or of an execution the ARN."""
        if kind.noun != EXECUTION:
            return {kind.name_member: name}
        pipeline, _, number = name.partition("/")
        context = RequestContext("sagemaker", "", region, self.account_id, "")
        return {f"{EXECUTION}Arn": context.arn(f"pipeline/{pipeline}/execution/{number}")}

    def call(
        self, operation: str, region: str, request: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """A SageMaker operation's answer; None if it is refused: what it is of isn't there."""
        if operation not in self.service.operations:
            return None
        where = {"region": region, "account_id": self.account_id}
        try:
            answer = self.service.call(operation, request, **where)
        except AwsError:
            return None
        found: dict[str, Any] = _sent(answer)
        return found


def _sent(value: Any) -> Any:
    """An answer as a client gets it: without what has no value."""
    if isinstance(value, Mapping):
        return {key: _sent(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_sent(each) for each in value]
    return value
