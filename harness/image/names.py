"""What images of ours are called, and the labels by which they are told from others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.image import base

if TYPE_CHECKING:
    from harness.config import Settings

# Every layer of ours carries the first, so that nothing else is ever taken for ours.
NAME_LABEL = "harness.image"
HASH_LABEL = "harness.content-hash"


def image_name(settings: Settings, content_hash: str) -> str:
    return f"{settings.image.name}:{content_hash[:12]}"


def stages_name(settings: Settings) -> str:
    return f"{settings.image.name}-stage"


def base_name(settings: Settings) -> str:
    return base.TAG if settings.image.base == "auto" else settings.image.base
