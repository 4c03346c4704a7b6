"""The page at `/` for a browser: jobs and endpoints, their states, and their logs.

It knows no more than any client: what it shows are the answers of the List and Describe
operations, and what is in CloudWatch Logs. Names, reasons and log lines are somebody's input:
the templates escape all of it, and the browser is told to run nothing.
"""

from __future__ import annotations

import functools
import http
import re
import secrets
import urllib.parse
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from harness.local.protocol.errors import AwsError
from harness.local.protocol.messages import Request, RequestContext, Response
from harness.local.protocol.signing import credential_scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import Environment
    from types_boto3_logs import CloudWatchLogsClient

    from harness.local.faults.faults import Faults
    from harness.local.protocol.service import Service

LOGS_PATH = "/_harness/logs"

REFRESH_SECONDS = 3

LIMIT = 100
"""Resources of a kind that are shown, the latest first."""

LINES = 2_000
"""The last lines of a log stream that are shown."""

_STREAMS = 50

_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")


@dataclass(frozen=True)
class Kind:
    """A kind of resource: its name in the API, and where its logs are."""

    noun: str
    title: str
    log_group: str
    log_prefix: str

    @property
    def list_operation(self) -> str:
        return f"List{self.noun}s"

    @property
    def describe_operation(self) -> str:
        return f"Describe{self.noun}"


KINDS = {
    kind.noun: kind
    for kind in (
        Kind("Endpoint", "Endpoints", "/aws/sagemaker/Endpoints/{name}", ""),
        Kind("TrainingJob", "Training jobs", "/aws/sagemaker/TrainingJobs", "{name}/"),
        Kind("ProcessingJob", "Processing jobs", "/aws/sagemaker/ProcessingJobs", "{name}/"),
        Kind("TransformJob", "Transform jobs", "/aws/sagemaker/TransformJobs", "{name}/"),
    )
}

_TONES = {
    "InService": "good",
    "Completed": "good",
    "Failed": "bad",
    "UpdateRollbackFailed": "bad",
    "OutOfService": "bad",
    "Stopped": "quiet",
}
"""How a status looks; one that isn't here is on its way to another."""


@dataclass(frozen=True)
class Row:
    """A resource, as the page shows it."""

    kind: str
    name: str
    status: str
    step: str
    subject: str
    created: datetime
    seconds: float | None
    reason: str
    url: str

    @property
    def tone(self) -> str:
        return _TONES.get(self.status, "busy")

    @property
    def took(self) -> str:
        """`12 s`, `3 min 5 s`, `2 h 5 min`; empty where there is no time to be told."""
        if self.seconds is None:
            return ""
        minutes, seconds = divmod(round(self.seconds), 60)
        hours, minutes = divmod(minutes, 60)
        if hours:
            return f"{hours} h {minutes} min"
        return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


class Page:
    """Answers browsers. `logs` makes a client of CloudWatch Logs for a region, `faults` are those
    on demand.
    """

    def __init__(
        self,
        service: Service,
        logs: Callable[[str], CloudWatchLogsClient],
        faults: Faults,
        *,
        region: str,
        account_id: str,
    ) -> None:
        self._service = service
        self._logs = logs
        self._faults = faults
        self._region = region
        self._account_id = account_id

    def respond(self, request: Request) -> Response | None:
        """The page that `request` asks for; None if it isn't a browser that asks for one.

        S3's ListBuckets has the same path: an SDK signs it, and asks for no HTML.
        """
        if request.method != "GET" or credential_scope(request) is not None:
            return None
        query = dict(urllib.parse.parse_qsl(request.query))
        region = query.get("region", self._region)
        if not _REGION.fullmatch(region):
            region = self._region
        if request.path == LOGS_PATH:
            return self._log_page(query, region)
        if request.path == "/" and "text/html" in request.headers.get("accept", ""):
            return self._overview(request, region)
        return None

    def _overview(self, request: Request, region: str) -> Response:
        sections = [
            (kind, self._rows(kind, region))
            for kind in KINDS.values()
            if kind.list_operation in self._service.operations
        ]
        return self._render(
            "overview.html",
            region=region,
            sections=sections,
            faults=self._faults.rules,
            url=f"http://{request.headers.get('host', '')}",
            limit=LIMIT,
            refresh=REFRESH_SECONDS,
        )

    def _rows(self, kind: Kind, region: str) -> list[Row]:
        asked = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": LIMIT}
        answer = self._call(kind.list_operation, region, asked) or {}
        (summaries,) = (each for each in answer.values() if isinstance(each, list))
        names = [summary[f"{kind.noun}Name"] for summary in summaries]
        rows = (self._row(kind, region, name) for name in names)
        return [row for row in rows if row is not None]

    def _row(self, kind: Kind, region: str, name: str) -> Row | None:
        """None if there is no such resource (any more)."""
        found = self._call(kind.describe_operation, region, {f"{kind.noun}Name": name})
        if found is None:
            return None
        status, created = found[f"{kind.noun}Status"], found["CreationTime"]
        step = found.get("SecondaryStatus") or ""
        seconds: float | None = None
        if kind.noun != "Endpoint":
            ended = next((found[each] for each in found if each.endswith("EndTime")), None)
            seconds = ((ended or datetime.now(UTC)) - created) / timedelta(seconds=1)
        query = {"kind": kind.noun, "name": name, "region": region}
        return Row(
            kind=kind.noun,
            name=name,
            status=status,
            step=step if step != status else "",
            subject=_subject(found),
            created=created,
            seconds=seconds,
            reason=found.get("FailureReason") or "",
            url=f"{LOGS_PATH}?{urllib.parse.urlencode(query)}",
        )

    def _log_page(self, query: dict[str, str], region: str) -> Response:
        kind = KINDS.get(query.get("kind", ""))
        name = query.get("name", "")
        known = kind is not None and kind.describe_operation in self._service.operations
        row = self._row(kind, region, name) if kind and known else None
        if kind is None or row is None:
            return self._render(
                "missing.html", status=http.HTTPStatus.NOT_FOUND, name=name, region=region
            )
        return self._render(
            "logs.html",
            region=region,
            kind=kind,
            row=row,
            group=kind.log_group.format(name=name),
            streams=self._streams(kind, region, name),
            lines=LINES,
            # What has ended says no more.
            refresh=REFRESH_SECONDS if row.tone == "busy" or kind.noun == "Endpoint" else None,
        )

    def _streams(self, kind: Kind, region: str, name: str) -> list[tuple[str, list[Any]]]:
        """The last events of each of the resource's log streams, by the stream's name."""
        client = self._logs(region)
        group = kind.log_group.format(name=name)
        asked: Any = {"logGroupName": group, "limit": _STREAMS}
        if kind.log_prefix:
            asked["logStreamNamePrefix"] = kind.log_prefix.format(name=name)
        try:
            found = client.describe_log_streams(**asked)["logStreams"]
            return [
                (
                    stream["logStreamName"],
                    client.get_log_events(
                        logGroupName=group, logStreamName=stream["logStreamName"], limit=LINES
                    )["events"],
                )
                for stream in found
            ]
        except ClientError:  # there is no such group yet, or any more
            return []

    def _call(self, operation: str, region: str, request: dict[str, Any]) -> dict[str, Any] | None:
        """An operation's answer; None if it is an error, since the resource is gone."""
        context = RequestContext("sagemaker", operation, region, self._account_id, "page")
        try:
            return dict(self._service.operations[operation](context, request) or {})
        except AwsError:
            return None

    def _render(
        self, template: str, *, status: int = http.HTTPStatus.OK, **values: Any
    ) -> Response:
        nonce = secrets.token_urlsafe(16)
        body = (
            _templates()
            .get_template(template)
            .render(**values, nonce=nonce, account_id=self._account_id)
        )
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'"
        )
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        return Response(status, headers, body.encode())


def _subject(found: dict[str, Any]) -> str:
    """What runs: an image, or what names one."""
    if variants := found.get("ProductionVariants"):
        return ", ".join(_variant(each) for each in variants)
    return str(
        found.get("AlgorithmSpecification", {}).get("TrainingImage")
        or found.get("AppSpecification", {}).get("ImageUri")
        or found.get("ModelName")
        or found.get("EndpointConfigName")
        or ""
    )


def _variant(variant: dict[str, Any]) -> str:
    images = " ".join(
        image.get("SpecifiedImage", "") for image in variant.get("DeployedImages", [])
    )
    return f"{variant['VariantName']} ({variant.get('CurrentInstanceCount', 0)}) {images}"


def _time(milliseconds: int) -> str:
    """A log event's time of day."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%H:%M:%S.%f}"[:-3]


@functools.cache
def _templates() -> Environment:
    import jinja2

    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.local.http"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["time"] = _time
    return templates
