"""What a check is: a function for one rule of SageMaker's container contract, and its verdict.

The rule is the function's docstring. `check` registers it under its group and name, with the
section of AWS's developer guide that the rule is from.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from harness.check.verdict import NotTriedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.check.subject import Subject
    from harness.check.verdict import Verdict

_GUIDE = "https://docs.aws.amazon.com/sagemaker/latest/dg/{}.html"


class Section(str):
    """The title of a section of AWS's developer guide; `url` is where it stands."""

    __slots__ = ("url",)

    def __new__(cls, title: str, page: str) -> Self:
        made = super().__new__(cls, title)
        made.url = _GUIDE.format(page)
        return made

    url: str


TRAINING_IMAGE = Section(
    "How Amazon SageMaker AI Runs Your Training Image",
    "your-algorithms-training-algo-dockerfile",
)
TRAINING_INFORMATION = Section(
    "How Amazon SageMaker AI Provides Training Information",
    "your-algorithms-training-algo-running-container",
)
TRAINING_END = Section(
    "How Amazon SageMaker AI Signals Algorithm Success and Failure",
    "your-algorithms-training-signal-success-failure",
)
TRAINING_OUTPUT = Section(
    "How Amazon SageMaker AI Processes Training Output",
    "your-algorithms-training-algo-output",
)
ISOLATION = Section(
    "Run Training and Inference Containers in Internet-Free Mode", "mkt-algo-model-internet-free"
)
HOSTING = Section("Custom Inference Code with Hosting Services", "your-algorithms-inference-code")
BATCH = Section("Custom Inference Code with Batch Transform", "your-algorithms-batch-code")
MULTI_MODEL = Section(
    "Build Your Own Container for SageMaker AI Multi-Model Endpoints",
    "build-multi-model-build-container",
)
PIPELINE = Section(
    "Real-time Predictions with an Inference Pipeline", "inference-pipeline-real-time"
)
SERVERLESS = Section(
    "Deploy Models with Amazon SageMaker Serverless Inference", "serverless-endpoints"
)
LOGS = Section("CloudWatch Logs for Amazon SageMaker AI", "logging-cloudwatch")
SECURITY = Section("Data Protection in Amazon SageMaker AI", "data-protection")


@dataclass(frozen=True)
class Check:
    """One rule, and the function that sees whether an image keeps it."""

    group: str
    title: str
    section: Section
    function: Callable[[Subject], Verdict]

    @property
    def name(self) -> str:
        return f"{self.group}/{self.title}"

    @property
    def rule(self) -> str:
        """The function's docstring, each paragraph in one line."""
        text = inspect.getdoc(self.function) or ""
        return "\n\n".join(" ".join(each.split()) for each in text.split("\n\n"))

    def __call__(self, subject: Subject) -> Verdict:
        try:
            return self.function(subject)
        except NotTriedError as error:
            return error.verdict


CHECKS: dict[str, Check] = {}
"""All that are registered, by name."""


def check(
    group: str, title: str, section: Section
) -> Callable[[Callable[[Subject], Verdict]], Callable[[Subject], Verdict]]:
    """Register a function as the check `group/title`."""

    def register(function: Callable[[Subject], Verdict]) -> Callable[[Subject], Verdict]:
        made = Check(group, title, section, function)
        CHECKS[made.name] = made
        return function

    return register
