"""What a browser sends: forms, with files in them."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.local.protocol.messages import Request

MAX_FIELDS = 8 << 20
"""Bytes of all fields of a form that are no files: more than any endpoint takes."""

MAX_PARTS = 100

MAX_FILE = 5 << 30
"""Bytes of an upload: the most that S3 takes in one request."""

TOKEN = "token"  # noqa: S105  # the field's name
"""The field by which we know that a form is ours."""


@dataclass(frozen=True)
class Upload:
    """A file of a form. Without one, a browser sends one without a name."""

    name: str
    content_type: str
    content: IO[bytes]


@dataclass(frozen=True)
class Form:
    fields: Mapping[str, str]
    upload: Upload | None


class Tokens:
    """Tells our own forms from those of others. Only who can read our pages knows the token."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(32)

    def are_from_us(self, request: Request, form: Form) -> bool:
        """Whether a form was sent by a page of ours.

        The server has looked at the Origin already, if there is one: to change something needs
        one, and the token.
        """
        sent = form.fields.get(TOKEN, "")
        return "origin" in request.headers and secrets.compare_digest(
            sent.encode(), self.token.encode()
        )


@contextlib.contextmanager
def read(request: Request) -> Iterator[Form]:
    """The form that a request has; its file is gone afterwards.

    Raises:
        AwsError: it is none, or too large.
        DisconnectedError: it broke off.
    """
    # Slow to import, and most processes have no form to read.
    from werkzeug.exceptions import RequestEntityTooLarge
    from werkzeug.formparser import FormDataParser
    from werkzeug.http import parse_options_header

    mimetype, options = parse_options_header(request.headers.get("content-type", ""))
    if request.length is None or request.length > MAX_FILE:
        raise AwsError("ValidationException", "The form's length is missing, or too much.")
    parser = FormDataParser(max_form_memory_size=MAX_FIELDS, max_form_parts=MAX_PARTS)
    try:
        _, fields, files = parser.parse(request.stream, mimetype, request.length, options)
    except RequestEntityTooLarge:
        raise AwsError("ValidationException", "The form has too much in it.") from None
    try:
        uploads = [
            Upload(each.filename, each.content_type or "", each.stream)
            for each in files.values()
            if each.filename
        ]
        yield Form(fields.to_dict(), uploads[0] if uploads else None)
    finally:
        for each in files.values():
            each.close()
