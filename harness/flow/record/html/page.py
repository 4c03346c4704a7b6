"""report.html: one file, which asks for nothing else and runs no script."""

from __future__ import annotations

from importlib.resources import files as packaged
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from harness.flow.record.html import numbers, parts, told
from harness.flow.record.html.element import element, joined

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.flow.record.document import Document
    from harness.flow.record.seen import Seen

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
"""What the page may ask for: nothing, whatever came into it."""


def page(
    document: Document, seen: Seen, earlier: Sequence[Mapping[str, Any]], files: Sequence[str]
) -> str:
    """The whole page. `earlier`: the reports of runs before, `files`: those beside it."""
    verdict = "passed" if document["passed"] else "failed"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("title", f"{document['project']} {verdict}: {document['run']}"),
        element("link", rel="icon", href="data:,"),
        element("style", _style()),
    )
    body = element(
        "body",
        parts.header(document),
        element(
            "main",
            parts.error(document),
            parts.cards(document, earlier),
            parts.notes(document),
            *numbers.sections(seen, document),
            *told.sections(seen),
            parts.metrics(document, earlier),
            parts.timeline(document),
            parts.samples(document),
            parts.logs(document, seen),
            parts.about(document, files),
        ),
    )
    return f"<!doctype html>\n{element('html', joined(head, body), lang='en')}\n"


def _style() -> Markup:
    text = packaged(__package__).joinpath("style.css").read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704  # of this folder
