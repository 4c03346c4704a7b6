"""What an image that exists says of itself, for the project that is made around it."""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import Any

from harness.errors import ConfigError, EngineError

PORT = "8080/tcp"
"""Where SageMaker asks an image that serves."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")


def about(image: str) -> str:
    """Lines of a comment about an image: its entry point, ports and labels that SageMaker reads.

    Nothing is pulled: of an image that isn't here, the comment says so.

    Raises:
        ConfigError: no image can be called that.
    """
    if not _NAME.fullmatch(image):
        raise ConfigError(f"--image {image}: that is no name of an image.")
    config = _config(image)
    if config is None:
        lines = ["It wasn't here to be looked at when this was written; a run pulls it."]
    else:
        lines = list(_said(config))
    return "\n".join(f"# {line}" for line in lines)


def _config(image: str) -> dict[str, Any] | None:
    """The image's configuration as the engine has it; None where there is no engine or image."""
    from docker.errors import DockerException

    from harness.image import docker_engine

    try:
        with closing(docker_engine.connect()) as client:
            return dict(client.images.get(image).attrs["Config"])
    except (EngineError, DockerException):
        return None


def _said(config: dict[str, Any]) -> list[str]:
    entry, command = config.get("Entrypoint"), config.get("Cmd")
    lines = [
        f"ENTRYPOINT {json.dumps(entry)}: SageMaker adds `train` or `serve`."
        if entry
        else "No ENTRYPOINT: SageMaker runs the programs `train` and `serve` in the image's PATH."
    ]
    if entry and entry[:2] == ["/bin/sh", "-c"]:
        lines.append(
            "That is its shell form, which drops `train` and `serve`, and never hears SIGTERM."
        )
    if command:
        lines.append(f"CMD {json.dumps(command)}: not used by SageMaker.")
    ports = sorted(config.get("ExposedPorts") or {})
    if ports and PORT not in ports:
        lines.append(f"EXPOSE {', '.join(ports)}, but SageMaker asks port 8080.")
    elif ports:
        lines.append(f"EXPOSE {', '.join(ports)}.")
    labels = config.get("Labels") or {}
    lines += [
        f"LABEL {name}={value}"
        for name, value in sorted(labels.items())
        if name.startswith("com.amazonaws.sagemaker.")
    ]
    if user := config.get("User"):
        lines.append(f"USER {user}: SageMaker's containers run as root where none is given.")
    return [" ".join(line.split()) for line in lines]
