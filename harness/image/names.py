"""What images of ours are called, and the labels by which they are told from others."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from harness import machine
from harness.image import base

if TYPE_CHECKING:
    from pathlib import Path

    from harness.config.settings import Image, Settings

# Every layer of ours carries the first, so that nothing else is ever taken for ours.
NAME_LABEL = "harness.image"
HASH_LABEL = "harness.content-hash"
# The folder of the project that has built it: its own are all that a project prunes.
PROJECT_LABEL = "harness.project"

_ECR = re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/.+")


def project_id(root: Path) -> str:
    """What tells a project's images from those of another one of the same name.

    Its folder, and the machine that this is on: where several use one engine, containers of a CI
    say, their folders may have the same path.
    """
    return hashlib.sha256(f"{machine.name()}:{root.resolve()}".encode()).hexdigest()[:16]


def image_name(settings: Settings, content_hash: str) -> str:
    return f"{settings.image.name}:{content_hash[:12]}"


def stage_name(settings: Settings) -> str:
    """The repository of a project's stages, whose tags are numbers.

    Each project has its own: a stage without a tag is what another project would prune.
    """
    return f"{settings.image.name}-stage-{project_id(settings.root)[:8]}"


def tag_of(name: str) -> str:
    """The tag of an image's name; of one by digest, the digest's first digits."""
    _, at, digest = name.partition("@")
    if at:
        return digest.rpartition(":")[2][:12]
    return name.rpartition("/")[2].partition(":")[2] or "latest"


def is_in_ecr(name: str) -> bool:
    """Whether an image is where SageMaker takes it from."""
    return _ECR.fullmatch(name) is not None


def base_name(image: Image) -> str:
    return base.TAG if image.base == "auto" else image.base
