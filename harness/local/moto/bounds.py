"""What moto would fall over, or be busy with for minutes, refused before it does.

Numbers for which it makes as much as they say, documents that are none, or nest without end,
and forms of so many parameters that reading them takes minutes.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import io
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.local.protocol.messages import Request

MAX_COUNT = 1_000
"""Resources that one member of a request may ask for."""

MAX_PARAMETERS = 3_000
"""Parameters of a form: moto's time to read them grows with their square."""

MAX_DEPTH = 100
"""Levels of a JSON document. DynamoDB, whose documents are the deepest, has 32, each two here."""

MAX_FORM = 10 * 1024 * 1024
"""Bytes of a form, and of a JSON document whose shape is looked at."""

MAX_COUNTED = 1024 * 1024
"""Bytes of a JSON document whose counts are looked at."""

MAX_DATAPOINTS = 100_800
"""Data points of an answer (`MaxDatapoints` of GetMetricData in CloudWatch's API reference)."""

MAX_INSTANCES = 1_000
"""EC2 instances of a request; an account's own quota is in processors."""

MAX_SHARDS = 500
"""Shards of a stream of Kinesis: the default of the smaller regions."""

_COUNT = re.compile(
    "(?:Counts?|Quantity|Capacity|Shards|Nodes|Brokers|Replicas|NodeGroups|Partitions"
    "|ReplicationFactor|ReplicasPerNodeGroup|ReplicasPerShard)$"
    "|^(?:counts?|quantity|capacity|shards|nodes|brokers|replicas|partitions|replicationFactor)$"
)
"""Names of members that say how many there are to be (never `CapacityUnits`, nor `Account`)."""

_UNCOUNTED = frozenset({
    # These have documents of their users' own, whose members may have any name:
    "s3", "sagemaker", "logs", "lambda", "iotdata", "execute-api", "appsync", "bedrock", "dynamodb",
    # and these are told, or measure, large amounts, of which they make nothing:
    "monitoring", "xray", "securityhub", "ce", "aws-marketplace", "application-autoscaling", "fsx",
    "ebs", "wafv2", "network-firewall", "emr-serverless",
    # and this has its own bound, and AWS's own error (`prepare`).
    "kinesis",
})  # fmt: skip

_BOUNDED = frozenset({("ec2", "MinCount"), ("ec2", "MaxCount")})
"""Those that `prepare` bounds, with AWS's own error."""

_JSON_NUMBER = re.compile(rb'"\s*:\s*([1-9]\d{3,})')
"""The end of a member's name, and its number. In strings such quotes have backslashes."""

_FORM_NUMBER = re.compile(rb"=([\d%A-Fa-f+_]{4,})(?:&|\Z)")
"""What may be a parameter's number, in whatever digits and signs `int` takes."""

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class RefusedError(Exception):
    """A request that moto doesn't get to see: AWS's code, and one sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def checked(request: Request, service: str) -> Request:
    """The request, whose stream may be another now: its body has been looked at.

    Raises:
        RefusedError: moto is not to see it.
        DisconnectedError: the request's body broke off.
    """
    if service == "s3":
        return request
    if "Action=" in request.query:
        _check_form(request.query.encode(), service)
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/x-amz-json"):
        return _with_checked_json(request, service)
    if kind.startswith("application/x-www-form-urlencoded"):
        body = _short(request)
        _check_form(body, service)
    elif request.length and request.length <= MAX_COUNTED:
        body = request.stream.read()
        if "json" in kind or body[:1] == b"{":
            _check_counts(body, service)
        elif b"Action=" in body:  # which moto takes for a form, whatever it is called
            _check_form(body, service)
    else:
        return request
    return dataclasses.replace(request, stream=io.BytesIO(body))


def _with_checked_json(request: Request, service: str) -> Request:
    if "content-encoding" in request.headers or (request.length or 0) > MAX_FORM:
        return request
    body = _short(request)
    if body.lstrip()[:1] != b"{":
        raise RefusedError("SerializationException", "The request's body is not a JSON object.")
    if _is_deep(body):
        raise RefusedError(
            "SerializationException",
            f"The request's JSON document nests more than {MAX_DEPTH} levels deep, or its brackets "
            "don't match.",
        )
    if len(body) <= MAX_COUNTED:
        _check_counts(body, service)
    return dataclasses.replace(request, stream=io.BytesIO(body))


def _short(request: Request) -> bytes:
    """The body, of whose length one may not be told beforehand."""
    text = f"The request's body has more than {MAX_FORM} bytes."
    if (request.length or 0) > MAX_FORM:
        raise RefusedError("RequestEntityTooLarge", text)
    if request.length is not None:
        return request.stream.read()
    body = bytearray()
    while piece := request.stream.read(64 * 1024):
        body += piece
        if len(body) > MAX_FORM:
            raise RefusedError("RequestEntityTooLarge", text)
    return bytes(body)


def _is_deep(document: bytes) -> bool:
    """Whether it nests too deeply, at the speed of `bytes`: no parser has to go there for that."""
    if document.count(b"[") + document.count(b"{") <= MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", document).translate(None, _ALL_BUT_BRACKETS)
    for _ in range(MAX_DEPTH):  # each time around the innermost go
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return bool(brackets)


def _check_form(form: bytes, service: str) -> None:
    if form.count(b"&") >= MAX_PARAMETERS:
        raise RefusedError(
            "MalformedInput",
            f"The request has more than {MAX_PARAMETERS} parameters, the most the local AWS reads.",
        )
    if service in _UNCOUNTED:
        return
    for match in _FORM_NUMBER.finditer(form):
        value = unquote_plus(match[1].decode()).strip().removeprefix("+").replace("_", "")
        if value.isdecimal():
            start = form.rfind(b"&", 0, match.start()) + 1
            name = unquote_plus(form[start : match.start()].decode("latin-1"))
            _check_count(name.rpartition(".")[2], value, service, _IN_FORMS)


def _check_counts(document: bytes, service: str) -> None:
    if service in _UNCOUNTED:
        return
    for match in _JSON_NUMBER.finditer(document):
        end = match.start()
        if document[end - 1 : end] == b"\\":
            continue  # in a string
        name = document[document.rfind(b'"', 0, end) + 1 : end].decode(errors="replace")
        if "\\u" in name:
            name = re.sub(r"\\u([0-9a-fA-F]{4})", lambda escaped: chr(int(escaped[1], 16)), name)
        _check_count(name, match[1].decode(), service, _IN_JSON)


_IN_FORMS = "InvalidParameterValue"
_IN_JSON = "ValidationException"


def _check_count(name: str, value: str, service: str, code: str) -> None:
    if not _COUNT.search(name) or (service, name) in _BOUNDED:
        return
    digits = value.lstrip("0")
    if len(digits) > len(str(MAX_COUNT)) or int(digits or "0") > MAX_COUNT:  # int() has a limit
        raise RefusedError(
            code,
            f"Value {digits[:20]} at '{name}' is above {MAX_COUNT}, the most the local AWS makes "
            "at once.",
        )


def prepare(service: str) -> None:
    """Let moto's service have its bounds. May be called again."""
    if service == "s3":
        from moto.iam.access_control import IAMPolicyStatement
        from moto.s3.models import S3Backend

        _check_first(S3Backend, "put_bucket_policy", _check_policy)
        statement: Any = IAMPolicyStatement
        statement._match = staticmethod(_matches)
    if service in ("cloudwatch", "monitoring"):
        from moto.cloudwatch.models import CloudWatchBackend

        _check_first(CloudWatchBackend, "get_metric_data", _check_datapoints)
    # Other services start instances, too: autoscaling, Batch, EMR.
    if service in ("ec2", "autoscaling", "batch", "elasticmapreduce", "cloudformation"):
        from moto.ec2.models.instances import InstanceBackend

        _check_first(InstanceBackend, "run_instances", _check_instances)
    if service in ("kinesis", "cloudformation"):
        from moto.kinesis.models import Stream

        _check_first(Stream, "init_shards", _check_shards)
        _check_first(Stream, "update_shard_count", _check_shards)


def _check_first(class_: Any, name: str, check: Callable[..., None]) -> None:
    """Let `check` see what a method is called with, and refuse it."""
    method = getattr(class_, name)
    if hasattr(method, "harness_check"):
        return

    @functools.wraps(method)
    def checked(self: Any, *arguments: Any, **named: Any) -> Any:
        check(*arguments, **named)
        return method(self, *arguments, **named)

    checked.harness_check = check  # type: ignore[attr-defined]
    setattr(class_, name, checked)


def _matches(pattern: str, value: str) -> re.Match[str] | None:
    """Whether a policy's action or resource is meant. moto takes it for a regular expression."""
    return re.match(fnmatch.translate(pattern.replace("[", "[[]")), value)


def _check_policy(bucket_name: str, policy: bytes) -> None:  # noqa: ARG001
    """S3's own look at a policy, which moto has at each request for one of the bucket's objects."""
    from moto.s3.exceptions import S3ClientError

    if wrong := _wrong_in_policy(policy):
        raise S3ClientError("MalformedPolicy", wrong)


def _wrong_in_policy(policy: bytes) -> str | None:
    try:
        document = json.loads(policy.decode()) if policy[:1] == b"{" else None
    except (ValueError, RecursionError):
        document = None
    if document is None:
        return "Policies must be valid JSON and the first byte must be '{'"
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        return "Missing required field Statement"
    return next(filter(None, map(_wrong_in_statement, statements)), None)


def _wrong_in_statement(statement: Any) -> str | None:
    if not isinstance(statement, dict):
        return "Statement must be an object"
    if statement.get("Effect") not in ("Allow", "Deny"):
        return "Missing required field Effect"
    for field in ("Action", "Resource"):
        value = statement.get(field) or statement.get(f"Not{field}")
        if not value:
            return f"Missing required field {field}"
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str) for each in values):
            return f"Policy has invalid {field.lower()}"
    if not isinstance(statement.get("Principal") or statement.get("NotPrincipal"), str | dict):
        return "Missing required field Principal"
    conditions = statement.get("Condition", {})
    if not isinstance(conditions, dict) or not all(
        isinstance(each, dict) for each in conditions.values()
    ):
        return "Conditions must be objects"
    return None


def _check_datapoints(
    queries: list[dict[str, Any]], start_time: Any, end_time: Any, *_: Any, **__: Any
) -> None:
    from moto.cloudwatch.exceptions import ValidationError

    seconds = (end_time - start_time).total_seconds()
    points = 0
    for query in queries:
        stat = query.get("MetricStat")
        if stat is None:
            continue
        period = int(stat["Period"])
        if period < 1:
            raise ValidationError("The parameter Period must be greater than or equal to 1.")
        points += int(seconds) // period
    if points > MAX_DATAPOINTS:
        raise ValidationError(
            f"You have requested up to {points} datapoints, which exceeds the limit of "
            f"{MAX_DATAPOINTS}. Increase Period, or decrease the time range."
        )


def _check_instances(image_id: str, count: Any, *_: Any, **__: Any) -> None:  # noqa: ARG001
    from moto.ec2.exceptions import EC2ClientError

    if int(count) > MAX_INSTANCES:
        raise EC2ClientError(
            "InstanceLimitExceeded",
            f"You have requested more instances ({int(count)}) than your current instance limit "
            f"of {MAX_INSTANCES} allows for the specified instance type.",
        )


def _check_shards(count: Any) -> None:
    from moto.core.exceptions import JsonRESTError

    if int(count) > MAX_SHARDS:
        raise JsonRESTError(
            "LimitExceededException",
            f"This request would exceed the shard limit for the account. Limit: {MAX_SHARDS}. "
            f"Number of additional shards that would have resulted from this request: {count}.",
        )
