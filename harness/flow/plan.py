"""Which steps a run takes: all of the project's, or those that were asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import ConfigError
from harness.suggestions import meant

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from harness.config.settings import Settings

NEEDS: dict[str, tuple[str, ...]] = {
    "build": (),
    "push": ("build",),
    "stage": ("build",),
    "process": ("push", "stage"),
    "train": ("push", "stage", "process"),
    "deploy": ("push", "train"),
    "predict": ("deploy",),
    "compare": ("predict",),
    "transform": ("push", "train"),
}
"""The steps in their order, and which others each needs, if the project has them."""

STEPS = tuple(NEEDS)


@dataclass(frozen=True)
class Plan:
    """The steps of a run. `model`: what is deployed where nothing is trained (a file, or in S3).

    `output`: the folder that gets the model, the predictions and the report. `measured`: whether
    the answers are worth it, which those that nobody has given are not.
    """

    steps: frozenset[str] = frozenset(STEPS)
    model: str = ""
    output: Path | None = None
    measured: bool = True

    def __contains__(self, step: str) -> bool:
        return step in self.steps


def make(
    settings: Settings,
    *,
    only: Iterable[str] = (),
    start: str = "",
    skip: Iterable[str] = (),
    model: str = "",
    output: Path | None = None,
) -> Plan:
    """The plan of a project's run: `only` these steps, from one on, without some.

    `only` takes along what its steps need. From `deploy` on, the model is `model`.

    Raises:
        ConfigError: there is no such step, the project doesn't have it, or a step lacks another.
    """
    own = _of(settings)
    asked = tuple(only)
    only, skip = _known(asked, own), _known(skip, own)
    if asked and not only:  # of a variable that is empty, perhaps: not all steps
        raise ConfigError(f"--only names no step; there are {', '.join(STEPS)}.")
    (start,) = _known([start], own) if start else ("",)
    steps = set(own)
    if start:
        later = own & set(STEPS[STEPS.index(start) :])
        before = _needed(later, own) - {"stage", "process", "train"}
        steps = later | before | ({"stage"} if later & {"process", "train"} else set())
    if model:
        if "train" in (start, *only):
            raise ConfigError(
                "--model is what is deployed where nothing is trained; leave one out."
            )
        steps -= {"stage", "process", "train"}
    if only:
        steps &= _needed(only, steps)
    for step in skip:
        steps -= {step, *_needing(step)} if step != "process" else {step}
    # One that is named twice is meant to be skipped, unless nothing is left of --only then.
    wished = [step for step in only if step not in skip or not steps & set(only)]
    if missing := [step for step in wished if step not in steps]:
        raise ConfigError(f"--only {missing[0]}: what else was asked for leaves that step out.")
    if not model and {"deploy", "transform"} & steps and "train" not in steps:
        raise ConfigError(
            "there is no model to deploy: name one by --model (a model.tar.gz, here or in S3), "
            "which an earlier `harness run --output DIR` has left in DIR."
        )
    if not steps:
        raise ConfigError("no step is left to take: every one needs the image that build makes.")
    return Plan(frozenset(steps), model, output)


def _of(settings: Settings) -> set[str]:
    """The steps that the project has."""
    lacking = {
        "process": settings.processing is None,
        "predict": not settings.requests,
        "compare": not settings.requests or not settings.place.compare_locally,
        "transform": settings.transform is None,
    }
    return {step for step in STEPS if not lacking.get(step)}


def _known(steps: Iterable[str], own: set[str]) -> list[str]:
    """The steps by their names, which may be given with commas."""
    found = [each.strip() for text in steps for each in text.split(",") if each.strip()]
    for step in found:
        if step not in STEPS:
            close = meant(step, STEPS)
            raise ConfigError(f"there is no step {step}{close}; there are {', '.join(STEPS)}.")
        if step not in own:
            raise ConfigError(f"this project has no step {step}: its harness.toml asks for none.")
    return found


def _needed(steps: Iterable[str], there: set[str]) -> set[str]:
    """These steps, and those that they need, as far as they are there."""
    found: set[str] = set()
    waiting = list(steps)
    while waiting:
        step = waiting.pop()
        if step in there and step not in found:
            found.add(step)
            waiting += NEEDS[step]
    return found


def _needing(step: str) -> set[str]:
    """The steps that need this one."""
    found: set[str] = set()
    for each in STEPS:
        if {step, *found} & set(NEEDS[each]):
            found.add(each)
    return found
