"""What an image is checked with: data to train on, hyperparameters, a request, and time limits."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.config.values import as_hyperparameter
from harness.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_CHANNEL = "train"
"""The channel of `--train PATH`, which names none."""

MAX_BODY = 6_291_456
"""Bytes that the body of InvokeEndpoint may have."""


@dataclass(frozen=True)
class Inputs:
    """What the image is run with. What isn't given leaves the checks that need it untried."""

    train: Mapping[str, Path] = field(default_factory=dict)
    """The file or folder of each channel."""
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    payload: bytes | None = None
    """The body of a request that the model answers."""
    content_type: str = ""
    model: Path | None = None
    """A model.tar.gz to serve, instead of the one that the image trains."""

    def over(self, other: Inputs) -> Inputs:
        """These, with another's where one isn't given. What is sent to a model is one's own."""
        return Inputs(
            train=self.train or other.train,
            hyperparameters=self.hyperparameters
            or (other.hyperparameters if not self.train else {}),
            payload=self.payload if self.payload is not None else other.payload,
            content_type=self.content_type if self.payload is not None else other.content_type,
            model=self.model or other.model,
        )

    @property
    def trains(self) -> bool:
        """Whether there is something to train with."""
        return bool(self.train or self.hyperparameters)


@dataclass(frozen=True)
class Limits:
    """How long things may take, in seconds, and how much is sent. SageMaker's own where it has any.

    Tests of broken images shorten them.
    """

    training: float = 600
    """Of one run on the data given; a real job may take days."""
    training_stop: int = 120
    startup: float = 480
    """From the start to the first ping that is answered with 200."""
    ping: float = 2
    invocation: float = 60
    serving_stop: int = 30
    elsewhere: float = 20
    """While it listens on another port only, or answers pings with the same error."""
    unhealthy: float = 5
    """In which a container whose model is missing must not become healthy."""
    random_bodies: float = 2
    """How long random bodies are sent."""
    requests: int = 5000
    """How many are sent to see whether memory grows."""
    requests_time: float = 15
    memory: int = 4 << 30
    """Bytes that a container may take that is sent hostile bodies."""
    image_size: int = 10 * 1000**3


def hyperparameters(text: str) -> dict[str, str]:
    """Those of a JSON object, or of a file that holds one, as SageMaker has them: strings.

    Strings stay as they are, other values become JSON, as SageMaker's SDK encodes them.

    Raises:
        ConfigError: it is no JSON object.
    """
    if not text.lstrip().startswith("{"):
        try:
            text = Path(text).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"--hyperparameters is neither a JSON object nor a file that can be read: {error}"
            ) from error
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"--hyperparameters is not JSON: {error}; names and texts stand in double quotes, as "
            'in \'{"depth": 3, "mode": "fast"}\'.'
        ) from error
    if not isinstance(value, dict):
        raise ConfigError("--hyperparameters must be a JSON object: names and values")
    return {name: as_hyperparameter(each) for name, each in value.items()}


def channels(arguments: Sequence[str]) -> dict[str, Path]:
    """Channels of `CHANNEL=PATH`, or of a path alone, which is the channel `train`.

    Raises:
        ConfigError: there is no such file or folder, or a channel is named twice.
    """
    found: dict[str, Path] = {}
    for argument in arguments:
        name, equals, rest = argument.partition("=")
        if not equals or "/" in name or Path(argument).exists():
            name, rest = DEFAULT_CHANNEL, argument
        if name in found:
            raise ConfigError(
                f"--train names the channel {name!r} twice; name each one: --train {name}=PATH"
            )
        if not Path(rest).exists():
            raise ConfigError(f"--train: there is no file or folder {rest}")
        found[name] = Path(rest)
    return found


def of_arguments(
    train: Sequence[str],
    hyperparameters_text: str | None,
    payload: Path | None,
    content_type: str | None,
    model: Path | None,
) -> Inputs:
    """The inputs that a command line gives.

    Raises:
        ConfigError: one of them makes no sense.
    """
    body = None
    if payload is not None:
        if not content_type:
            raise ConfigError("--payload needs its --content-type, such as text/csv")
        body = _read("--payload", payload)
        if len(body) > MAX_BODY:
            raise ConfigError(f"--payload has {len(body)} bytes; InvokeEndpoint takes {MAX_BODY}")
    elif content_type:
        raise ConfigError("--content-type needs the --payload that is of it")
    if model is not None and not model.is_file():
        raise ConfigError(f"--model: there is no file {model}")
    if model is not None and not _is_tar(model):
        raise ConfigError(f"--model: {model} is no tar, nor a compressed one, that can be read")
    return Inputs(
        train=channels(train),
        hyperparameters=hyperparameters(hyperparameters_text) if hyperparameters_text else {},
        payload=body,
        content_type=content_type or "",
        model=model,
    )


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except OSError:
        return False


def _read(option: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{option}: {path} can't be read: {error.strerror}") from error
