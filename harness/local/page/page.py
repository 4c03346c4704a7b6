"""The page at `/` for a browser: what runs and has run, its logs, its data, and what can be done.

It knows no more than any client: what it shows are the answers of the List and Describe
operations, of S3, CloudWatch and its logs; and what its forms do are calls of operations.
"""

from __future__ import annotations

import http
import threading
import urllib.parse
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.local.page import answers, logs
from harness.local.page.acting import Acting
from harness.local.page.buckets import Buckets
from harness.local.page.forms import Form, Tokens, read
from harness.local.page.others import Others
from harness.local.page.parts.asked import Asked, Local
from harness.local.page.parts.kinds import PREFIX
from harness.local.page.parts.kinds import url as resource_url
from harness.local.page.resources import Resources
from harness.local.protocol.errors import AwsError
from harness.local.protocol.signing import credential_scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.local.faults.faults import Faults
    from harness.local.protocol.messages import Request, Response
    from harness.local.protocol.service import Service

LOGS_PATH = "/_harness/logs"
"""Where the logs of a resource were before it had a page of its own."""


class Page:
    """Answers browsers. `client` makes a client of a service for a region, `faults` are those on
    demand.
    """

    def __init__(
        self,
        service: Service,
        client: Callable[[str, str], Any],
        faults: Faults,
        *,
        region: str,
        account_id: str,
    ) -> None:
        self._local = Local(service, client, region, account_id)
        self._tokens = Tokens()
        self._resources = Resources(self._local, faults, self._tokens.token)
        self._others = Others(self._local, self._resources)
        self._buckets = Buckets(self._local, self._tokens.token)
        self._acting = Acting(self._local, self._resources)
        self._ended = threading.Event()

    def close(self) -> None:
        """End what is followed: the server waits for what is being answered."""
        self._ended.set()
        self._acting.close()

    def respond(self, request: Request) -> Response | None:
        """The page that `request` asks for; None if it isn't a browser that asks for one.

        S3's ListBuckets has the same path: an SDK signs it, and asks for no HTML.

        Raises:
            DisconnectedError: the request's body broke off.
        """
        if credential_scope(request) is not None:
            return None
        asked = Asked(request, self._local.region)
        if request.path == "/":
            wants = request.method == "GET" and "text/html" in request.headers.get("accept", "")
            return self._resources.overview(asked) if wants else None
        if request.path == LOGS_PATH:
            kind, name = asked.query.get("kind", ""), asked.query.get("name", "")
            return answers.redirect(resource_url(kind, name, asked.region) + "#log")
        if not request.path.startswith(f"{PREFIX}/"):
            return None
        try:
            if request.method == "GET":
                return self._get(asked)
            if request.method == "POST":
                return self._post(asked)
        except (ClientError, BotoCoreError) as error:
            return answers.html(
                "missing.html", http.HTTPStatus.NOT_FOUND, asked=asked, what=str(error)
            )
        return self._nothing(asked)

    def _get(self, asked: Asked) -> Response:
        match asked.parts:
            case ["static", name] if (found := answers.static(name)) is not None:
                return found
            case ["sagemaker", noun, name]:
                return self._resources.resource(asked, noun, name)
            case ["others"]:
                return self._others.all(asked)
            case ["records", noun, name]:
                return self._others.record(asked, noun, name)
            case ["logs"]:
                return self._resources.log_groups(asked)
            case ["logs", "group"]:
                return self._resources.log_group(asked)
            case ["logs", "stream"]:
                return self._resources.log_stream(asked)
            case ["logs", "follow"]:
                return self._follow(asked)
            case ["logs", "download"]:
                return self._download_log(asked)
            case ["s3"]:
                return self._buckets.all(asked)
            case ["s3", "list"]:
                return self._buckets.folder(asked)
            case ["s3", "object"]:
                return self._buckets.look(asked)
            case ["s3", "image"]:
                return self._buckets.image(asked)
            case ["s3", "download"]:
                return self._buckets.download(asked)
        return self._nothing(asked)

    def _post(self, asked: Asked) -> Response:
        """Do what a form of ours says."""
        try:
            with read(asked.request) as form:
                if not self._tokens.are_from_us(asked.request, form):
                    return answers.html(
                        "missing.html", http.HTTPStatus.FORBIDDEN, asked=asked,
                        what="This form isn't of a page that was opened since the local AWS "
                        "started: go back, reload the page and try again",
                    )  # fmt: skip
                return self._act(asked, form)
        except AwsError as error:
            return answers.html(
                "missing.html", http.HTTPStatus.BAD_REQUEST, asked=asked, what=error.message
            )

    def _act(self, asked: Asked, form: Form) -> Response:
        match asked.parts:
            case ["sagemaker", "Endpoint", name, "invoke"]:
                return self._acting.invoke(asked, name, form)
            case ["sagemaker", noun, name]:
                return self._acting.act(asked, noun, name, form)
            case ["s3", "list"]:
                return self._buckets.upload(asked, form)
        return self._nothing(asked)

    def _follow(self, asked: Asked) -> Response:
        """What is logged from now on, or from where the browser lost its connection."""
        sent = asked.request.headers.get("last-event-id", "")
        after = logs.after(sent) or logs.after(asked.query.get("after", ""))
        group = asked.query.get("group", "")
        if not after or not group:
            return self._nothing(asked)
        client = self._local.client("logs", asked.region)
        return answers.events(logs.Following(client, group, after, self._ended))

    def _download_log(self, asked: Asked) -> Response:
        group, name = asked.query.get("group", ""), asked.query.get("stream", "")
        client = self._local.client("logs", asked.region)
        logs.stream(client, group, name)  # an error is said before anything is sent
        return answers.file(f"{name.replace('/', '-')}.log", logs.whole(client, group, name), None)

    def _nothing(self, asked: Asked) -> Response:
        path = urllib.parse.unquote(asked.request.path)
        return self._resources.missing(asked, f"There is no page {path}")
