"""The errors a person is meant to read.

The text of each is one clear sentence: what went wrong, where, and what to do about it.
`harness.cli.main` prints it as it is and leaves with `exit_code`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class HarnessError(Exception):
    """Whatever the harness can explain. Anything else that escapes is a bug of ours."""

    exit_code = 1
    last_lines: Sequence[str] = ()
    """What a container has written last, where that may say more."""


class ConfigError(HarnessError):
    """A key, variable or argument that makes no sense, or one that is missing."""

    exit_code = 2


class MissingExtraError(ConfigError):
    """A part of the harness is needed that isn't installed; the sentence ends with how to."""


class EngineError(HarnessError):
    """No Docker engine answers, or the one that does can't do what is needed."""


class BuildError(HarnessError):
    """The image, its base or its wheels could not be made."""


class PushError(HarnessError):
    """The image could not be put into its repository, or is none that can run there."""


class FlowError(HarnessError):
    """A step of the flow failed: a training job, an endpoint, a prediction."""


class ServiceError(HarnessError):
    """The local AWS as a service can't start, end, or be found."""
