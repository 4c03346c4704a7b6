"""A table that is moved sideways where it is wider than the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from harness.flow.record.html.element import element

if TYPE_CHECKING:
    from collections.abc import Iterable


def table(label: str, heads: Iterable[str | Markup], rows: Iterable[Markup], kind: str) -> Markup:
    """`heads` are the columns', `rows` their elements; `label` is for who can't see it."""
    columns = [each if isinstance(each, Markup) else _head(each) for each in heads]
    return element(
        "div",
        element(
            "table", element("thead", element("tr", columns)), element("tbody", rows)
        ),
        class_=f"scrolled {kind}", tabindex="0", role="region", aria_label=label,
    )  # fmt: skip


def _head(text: str) -> Markup:
    return element("th", text, scope="col")
