"""moto's routes, whose variables end at a line break, which keys in S3 may have."""

from __future__ import annotations

from typing import Any


def prepare() -> None:
    """Let what is matched have line breaks. To be called before routes are made; may be again."""
    from moto.moto_server import utilities

    converter: Any = utilities.RegexConverter
    converter.__init__ = _init


def _init(self: Any, url_map: Any, *items: Any) -> None:
    from werkzeug.routing import BaseConverter

    BaseConverter.__init__(self, url_map)
    self.regex = f"(?s:{items[0]})"
