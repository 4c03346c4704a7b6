"""What a project's image is checked with: its channels, hyperparameters, and the first request."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.check.inputs import Inputs
from harness.flow.project import requests, sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.config.settings import Settings


CODE = "code"
"""The channel that has script mode's program, as the SDK calls it."""


@contextmanager
def inputs(settings: Settings) -> Iterator[Inputs]:
    """The project's data, as far as it is on this machine; what functions make goes in the end.

    Raises:
        HarnessError: a source isn't there, or can't be read.
    """
    with tempfile.TemporaryDirectory(prefix="harness-check-") as folder:
        train = {
            name: _copied(settings, name, channel.source, Path(folder))
            for name, channel in settings.channels.items()
            if not sources.is_uri(channel.source) and not sources.is_output(channel.source)
        }
        payload, content_type = _request(settings)
        program = _script(settings)
        yield Inputs(
            train=train | ({CODE: settings.root / settings.training.source_dir} if program else {}),
            hyperparameters=settings.hyperparameters | program,
            payload=payload,
            content_type=content_type,
        )


def _script(settings: Settings) -> dict[str, str]:
    """Script mode's hyperparameters, with the program in a channel instead of in S3."""
    if not settings.training.entry_point:
        return {}
    return {
        "sagemaker_program": json.dumps(settings.training.entry_point),
        "sagemaker_submit_directory": json.dumps(f"/opt/ml/input/data/{CODE}"),
    }


def _copied(settings: Settings, name: str, source: str, folder: Path) -> Path:
    """A channel's files, where they stay as long as they are needed."""
    if not sources.is_function(source):
        sources.check(settings.root, source, f"channels.{name}.source")
        return settings.root / source
    target = folder / name
    with sources.files(settings.root, source, f"channels.{name}.source") as found:
        for path, file in found.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / path)
    return target


def _request(settings: Settings) -> tuple[bytes | None, str]:
    """The body of the first request that the project makes, of one row where it has rows."""
    for name, each in settings.requests.items():
        (one,) = requests.read(
            settings.model_copy(update={"requests": {name: each.model_copy(update={"rows": 1})}})
        )
        body = one.bodies[0]
        return body.content, body.content_type
    return None, ""
