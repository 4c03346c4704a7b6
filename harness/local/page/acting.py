"""What the page's forms do: stop, delete, invoke. Each is a call that any client could make."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness.local.core.client import local_boto_session
from harness.local.page import answers, pipelines, registry
from harness.local.page.forms import MAX_FIELDS
from harness.local.page.parts import commands
from harness.local.page.parts.kinds import EXECUTION, KINDS, PIPELINE
from harness.local.page.parts.kinds import url as resource_url
from harness.local.page.parts.tables import Shown, shown

if TYPE_CHECKING:
    from harness.local.page.forms import Form
    from harness.local.page.parts.asked import Asked, Local
    from harness.local.page.resources import Resources
    from harness.local.protocol.messages import Response

TIMEOUT = 75
"""Seconds that an answer of an endpoint is waited for: a little more than SageMaker gives it."""

VERBS = ("Stop", "Delete", "Retry")


@dataclass(frozen=True)
class Invoked:
    """An invocation's outcome: what was answered, or why nothing was, and how long it took."""

    status: int
    milliseconds: float
    content_type: str
    variant: str
    seen: Shown
    error: str
    lines: commands.Lines


class Acting:
    """Does it, and shows the page of the resource with what came of it."""

    def __init__(self, local: Local, resources: Resources) -> None:
        self._local = local
        self._resources = resources
        self._runtimes: dict[str, Any] = {}
        self._lock = threading.Lock()

    def act(self, asked: Asked, noun: str, name: str, form: Form) -> Response:
        """Start, stop, retry, delete, approve or reject a resource, as the form's `action` says."""
        verb, kind = form.fields.get("action", ""), KINDS.get(noun)
        operation, known = f"{verb}{noun}", kind is not None and verb in VERBS
        members: dict[str, Any] = self._local.which(kind, asked.region, name) if kind else {}
        if noun == PIPELINE and verb == "Start":
            known, operation = True, "StartPipelineExecution"
            members = pipelines.started(name, form.fields)
        if noun == registry.PACKAGE and verb in registry.APPROVALS:
            found = self._local.call("DescribeModelPackage", asked.region, members)
            known, operation = found is not None, "UpdateModelPackage"
            members = registry.approval(found["ModelPackageArn"], verb) if found else {}
        if not known or operation not in self._local.service.operations:
            return self._resources.missing(asked, f"There is no such action on {noun} {name}")
        client = self._local.client("sagemaker", asked.region)
        try:
            answer = getattr(client, xform_name(operation))(**members)
        except (ClientError, BotoCoreError) as error:
            return self._resources.resource(asked, noun, name, error=str(error))
        if verb == "Start":
            noun, name = EXECUTION, KINDS[EXECUTION].name_of(answer)
        if verb == "Delete" and noun != "Endpoint":  # which takes its time
            first = f"/?region={asked.region}"
            is_listed = KINDS[noun].is_listed
            return answers.redirect(first if is_listed else answers.place("/others", asked.region))
        return answers.redirect(resource_url(noun, name, asked.region))

    def invoke(self, asked: Asked, name: str, form: Form) -> Response:
        """Send what is in the form to an endpoint, and show what it answers."""
        fields = {
            key: form.fields.get(key, "").strip() for key in ("content_type", "accept", "variant")
        }
        text = form.fields.get("body", "")
        # Browsers send each line break of a text as two characters.
        body = text.replace("\r\n", "\n").encode()
        if form.upload:
            body = form.upload.content.read(MAX_FIELDS)  # which is refused, if it is as much
        invoked = self._invoke(asked, name, fields, body)
        shown_form = {**fields, "body": text[: answers.MOST_SHOWN]}
        return self._resources.resource(asked, "Endpoint", name, invoked=invoked, form=shown_form)

    def _invoke(self, asked: Asked, name: str, fields: dict[str, str], body: bytes) -> Invoked:
        members = {
            "ContentType": fields["content_type"],
            "Accept": fields["accept"],
            "TargetVariant": fields["variant"],
        }
        members = {member: value for member, value in members.items() if value}
        lines = commands.invoke(asked.where, name, fields["content_type"], fields["accept"])
        content, content_type, variant, error, status = b"", "", "", "", 200
        begun = time.perf_counter()
        try:
            answer = self._runtime(asked.region).invoke_endpoint(
                EndpointName=name, Body=body, **members
            )
            content = answer["Body"].read()
            content_type = answer.get("ContentType", "")
            variant = answer.get("InvokedProductionVariant", "")
        except ClientError as refused:
            said: Any = refused.response
            status = said.get("OriginalStatusCode") or said["ResponseMetadata"]["HTTPStatusCode"]
            error = f"{said['Error']['Code']}: {said['Error']['Message']}"
        except BotoCoreError as refused:
            status, error = 0, str(refused)
        took = (time.perf_counter() - begun) * 1000
        return Invoked(
            status, took, content_type, variant, shown(content, content_type), error, lines
        )

    def _runtime(self, region: str) -> Any:
        """A client that asks once, and no longer than an endpoint may take."""
        with self._lock:
            if region not in self._runtimes:
                address = self._local.client("sagemaker", region).meta.endpoint_url
                config = Config(read_timeout=TIMEOUT, retries={"total_max_attempts": 1})
                session: Any = local_boto_session(address, region)
                self._runtimes[region] = session.client("sagemaker-runtime", config=config)
            return self._runtimes[region]

    def close(self) -> None:
        with self._lock:
            for client in self._runtimes.values():
                client.close()
            self._runtimes.clear()
