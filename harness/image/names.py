"""What images of ours are called, and the labels by which they are told from others."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from harness.image import base

if TYPE_CHECKING:
    from pathlib import Path

    from harness.config.settings import Image, Settings

# Every layer of ours carries the first, so that nothing else is ever taken for ours.
NAME_LABEL = "harness.image"
HASH_LABEL = "harness.content-hash"
# The folder of the project that has built it: its own are all that a project prunes.
PROJECT_LABEL = "harness.project"


def project_id(root: Path) -> str:
    """What tells a project's images from those of another one of the same name."""
    return hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]


def image_name(settings: Settings, content_hash: str) -> str:
    return f"{settings.image.name}:{content_hash[:12]}"


def stages_name(settings: Settings) -> str:
    return f"{settings.image.name}-stage"


def base_name(image: Image) -> str:
    return base.TAG if image.base == "auto" else image.base
