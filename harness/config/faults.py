"""A fault on demand: what the local AWS does wrong, to whom, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, FiniteFloat, model_validator

from harness.config import fault_names
from harness.config.values import Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Pattern = Annotated[str, Field(min_length=1, max_length=256)]


def _known_event(value: Any) -> Any:
    if value != "" and value not in list(fault_names.EVENTS):
        meant = fault_names.meant(str(value)[:64], fault_names.EVENTS)
        there = "" if meant else f"; there are {', '.join(fault_names.EVENTS)}"
        raise ValueError(f"there is no event {str(value)[:64]!r}{meant}{there}")
    return value


class Fault(Section):
    """A fault on demand of the local AWS; the real one takes none. docs/how-to/faults.md."""

    operation: Pattern = Field(
        "*", description="Calls of this operation, as the API names it, `CreateTrainingJob`; `*` "
        "and `?` stand for anything. With `event`, the operation that creates what it happens to."
    )  # fmt: skip
    service: Pattern = Field(
        "*",
        description="Calls of this service: `s3`, `sagemaker`, `sagemaker-runtime`, `sts`, ….",
    )
    resource: Pattern = Field(
        "*", description="Calls about what has this name: a job, an endpoint, a bucket, "
        "`bucket/key`."
    )  # fmt: skip
    error: str = Field(
        "", pattern=r"^[A-Za-z0-9.]*$", max_length=128, description="The error's code. "
        "`Throttling` is each service's own: `SlowDown` and 503 of S3, `ThrottlingException`."
    )  # fmt: skip
    status: int = Field(
        0, description="The error's HTTP status, if it isn't the service model's, 400 to 599."
    )
    message: str = Field("", max_length=1024, description="The error's text, if it isn't AWS's.")
    latency: FiniteFloat = Field(
        0, ge=0, le=3600, description="Seconds that a call waits first, or with SlowData each MB."
    )
    reset: bool = Field(False, description="Whether the connection breaks off, without an answer.")
    event: Annotated[Literal[
        "", "InsufficientInstanceCapacity", "SpotInterruption", "OutOfMemory", "HostLost",
        "DataError", "SlowData", "PingFailure", "ContainerExit",
    ], BeforeValidator(_known_event)] = Field(
        "", description="What happens to a job or an endpoint, in place of a call's error."
    )  # fmt: skip
    delay: FiniteFloat = Field(
        0, ge=0, le=86_400, description="Seconds from a container's start to the event."
    )
    megabytes: FiniteFloat = Field(
        0, ge=0, description="With DataError: what has come of the data by then."
    )
    host: str = Field("", max_length=63, description="With HostLost: which. Empty: the last one.")
    probability: FiniteFloat = Field(
        1, gt=0, le=1, description="Of those that it could happen to, the part that it happens to."
    )
    seed: int = Field(
        0, ge=0, lt=1 << 63, description="Of the chance: with the same one, the same calls fail."
    )
    count: int = Field(
        0, ge=0, lt=1 << 31, description="How often it happens at the most; 0: always."
    )

    @model_validator(mode="after")
    def _does_something(self) -> Fault:
        if wrong := list(self._contradictions()) or list(self._wrong_names()):
            raise ValueError("; ".join(wrong))
        return self

    def _wrong_names(self) -> Iterator[str]:
        if self.event:
            return fault_names.of_event(self.event, self.service, self.operation)
        error = "" if self.status else self.error  # any code will do if its status is given
        return fault_names.of_calls(self.service, self.operation, error)

    def _contradictions(self) -> Iterator[str]:
        """What its keys can't do, or can't do together, a clause each."""
        failed = self.error or self.status
        if self.event:
            if failed or self.reset or self.message:
                yield "event can't be together with error, status, message and reset"
            if self.latency and self.event != "SlowData":
                yield f"latency is of calls and of SlowData, not of {self.event}"
        elif not (failed or self.latency or self.reset):
            yield "it has no effect: give error, status, latency, reset or event"
        elif self.reset and (failed or self.message):
            yield "reset can't be together with error, status and message: it is no answer"
        elif self.message and not failed:
            yield "message is an error's: give error or status, too"
        if self.event == "SlowData" and not self.latency:
            yield "SlowData needs latency, in seconds for each MB"
        for key, events in _OF_EVENTS.items():
            if getattr(self, key) and self.event not in events:
                yield f"{key} needs the event {fault_names.either(events)}"
        if self.seed and self.probability == 1:
            yield "seed is of the chance: give probability, too"
        if self.status and not 400 <= self.status <= 599:
            yield f"status is {self.status}, and an error's is 400 to 599"


_OF_EVENTS = {
    "delay": ("SpotInterruption", "OutOfMemory", "HostLost", "ContainerExit"),
    "megabytes": ("DataError",),
    "host": ("HostLost",),
}
"""Keys that some events have, and calls don't."""


def problem(error: Mapping[str, Any]) -> str:
    """One thing that is wrong with a fault, as pydantic has found it, in a clause."""
    key = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key{fault_names.meant(key, Fault.model_fields)}"
    if error["type"] == "value_error":
        return f"{error['ctx']['error']}"
    text = f"{error['msg'][0].lower()}{error['msg'][1:]}"
    return f"{key} = {repr(error['input'])[:64]}: {text}" if key else text


def times(number: int) -> str:
    """How often: `once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
