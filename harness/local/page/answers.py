"""Answers to a browser: HTML of the templates, and what it may do with them.

Names, reasons, log lines and objects are somebody's input: the templates escape all of it, and
the browser runs no script but ours, which it knows by a number that is new with each answer.
"""

from __future__ import annotations

import functools
import hashlib
import http
import json
import re
import secrets
import urllib.parse
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from harness.figures import size
from harness.local.page.parts.kinds import PREFIX, duration
from harness.local.page.parts.kinds import url as resource_url
from harness.local.protocol.messages import Response

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from jinja2 import Environment

MOST_SHOWN = 100_000
"""Characters of a form's text that are shown again."""

STATIC = {"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}

_COMMON = {
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": a form's Origin would be null, and it would be refused as another page's.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_INERT = {**_COMMON, "Content-Security-Policy": "default-src 'none'; sandbox"}
"""For what somebody else has written: nothing in it runs, should it ever be shown."""


@dataclass(frozen=True)
class Stream:
    """A log stream's last lines, and the token of what comes behind them."""

    name: str
    events: Sequence[Any]
    after: str


def html(template: str, code: int = http.HTTPStatus.OK, **values: Any) -> Response:
    """A page, with that HTTP status. `values` are what its template needs."""
    nonce = secrets.token_urlsafe(16)
    body = templates().get_template(template).render(**values, nonce=nonce)
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
        "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    headers = {
        **_COMMON, "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy
    }  # fmt: skip
    return Response(code, headers, body.encode())


def redirect(location: str) -> Response:
    """To another page, asked for with GET."""
    return Response(http.HTTPStatus.SEE_OTHER, {**_COMMON, "Location": location}, b"")


def file(name: str, body: bytes | Generator[bytes, None, None], size: int | None) -> Response:
    """Something to keep under that name, of so many bytes if that is known."""
    plain = re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII)[-100:] or "file"
    quoted = urllib.parse.quote(name, safe="")
    headers = {
        **_INERT,
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quoted}",
    }
    if size is not None:
        headers["Content-Length"] = str(size)
    return Response(http.HTTPStatus.OK, headers, body)


def inert(content_type: str, body: bytes) -> Response:
    """Something to show within a page: an image."""
    return Response(http.HTTPStatus.OK, {**_INERT, "Content-Type": content_type}, body)


def events(pieces: Any) -> Response:
    """Server-sent events, as they come."""
    return Response(http.HTTPStatus.OK, {**_COMMON, "Content-Type": "text/event-stream"}, pieces)


def static(name: str) -> Response | None:
    """The page's style or its script; None if it has no such file."""
    if name not in STATIC:
        return None
    kept = {"Cache-Control": "max-age=31536000, immutable"}  # its URL changes with it
    return Response(
        http.HTTPStatus.OK, {**_COMMON, **kept, "Content-Type": STATIC[name]}, _static(name)
    )


@functools.cache
def _static(name: str) -> bytes:
    return files(__package__).joinpath("static", name).read_bytes()


def static_url(name: str) -> str:
    digest = hashlib.sha256(_static(name)).hexdigest()[:12]
    return f"{PREFIX}/static/{name}?{digest}"


def place(path: str, region: str = "", **query: str | int) -> str:
    """A URL of the page: `path` below its own, and what it is asked with."""
    asked = {key: value for key, value in {**query, "region": region}.items() if value != ""}
    return f"{PREFIX}{path}" + (f"?{urllib.parse.urlencode(asked)}" if asked else "")


def clock(milliseconds: int) -> str:
    """A log event's time of day."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%H:%M:%S.%f}"[:-3]


def document(value: Any) -> str:
    """An operation's answer as JSON."""
    return json.dumps(value, indent=2, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return f"({len(value)} bytes)"
    return str(value)


def _after(streams: Sequence[Stream]) -> str:
    """From where on log streams are followed, as the browser says it."""
    return json.dumps({each.name: each.after for each in streams})


def _when(value: datetime) -> str:
    return f"{value.astimezone(UTC):%-d %b %Y %H:%M:%S}"


@functools.cache
def templates() -> Environment:
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.local.page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "clock": clock, "size": size, "document": document, "when": _when, "duration": duration
    }  # fmt: skip
    made.globals |= {
        "static_url": static_url, "place": place, "resource_url": resource_url, "after": _after
    }  # fmt: skip
    return made
