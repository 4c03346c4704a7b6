"""HTML and SVG as Python writes them: whatever is no markup already is escaped.

A template engine does the same and takes 0.1 s to import, which is as long as a whole report does.
"""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

from harness.flow.record.document import printable

Child = str | int | float | Markup | Iterable[Markup] | None

_VOID = frozenset({"meta", "link", "br", "col"})


def element(name: str, /, *children: Child, **attributes: object) -> Markup:
    """An element. An attribute of Python's own words has `_` behind it: `class_`.

    Other `_` are `-`. One that is None or False is left out, one that is True has no value.
    """
    text = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{text}>")  # noqa: S704  # all of it is escaped
    return Markup(f"<{name}{text}>{joined(*children)}</{name}>")  # noqa: S704


def joined(*children: Child) -> Markup:
    """Children one after another, escaped where they are no markup."""
    return Markup("").join(_child(each) for each in children)


def _child(child: Child) -> Markup:
    if child is None:
        return Markup("")
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return escape(printable(child))
    if isinstance(child, int | float):
        return escape(str(child))
    return joined(*child)


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    return f' {name}="{escape(printable(str(value)))}"'
