"""What to do about a step that failed, where its own words don't say so."""

from __future__ import annotations

import re

_HINTS = {
    r"MaxRuntimeExceeded": "raise training.max_runtime_seconds in harness.toml, or train less",
    r"exit code: 137|OutOfMemory|out of memory": (
        "give it more memory: a larger instance_type under [training] or [endpoint], or less data "
        "at once"
    ),
    r"ModuleNotFoundError: No module named '(?P<name>[\w.]+)'": (
        "add the package that has {name} to the image's requirements (image.requirements); the "
        "next `harness run` builds it anew"
    ),
    r"No such file or directory: '/opt/ml/input/data/(?P<name>[\w.-]+)": (
        "the program looks for the channel {name}; [channels.{name}] in harness.toml makes one"
    ),
    r"Cannot pull image": (
        "`docker images` lists those that are here; `harness build` makes the project's, and "
        "image.uri in harness.toml names another"
    ),
    r"CapacityError|InsufficientInstanceCapacity": "try again later, or another instance_type",
    r"ping health check": "`harness check --only serving` says how the image fails to serve",
    r"training job \S+ is Failed": (
        "mend the program, and try it alone with `harness run --only train`; `harness check` says "
        "whether the image keeps SageMaker's rules"
    ),
    r"^predict: ": (
        "mend the container's input_fn or predict_fn; with `harness run --keep` an endpoint stays "
        "that `harness invoke` may ask"
    ),
    r"endpoint \S+ is Failed": (
        "`harness check --only serving` says whether the image serves as SageMaker has it"
    ),
}
"""Patterns of what is said, and what to do then; the first that is found counts."""


def hint(sentence: str) -> str:
    """What to do; empty where the sentence says it, or nobody knows."""
    for pattern, text in _HINTS.items():
        if found := re.search(pattern, sentence):
            return text.format(**found.groupdict())
    return ""
