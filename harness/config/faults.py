"""A fault on demand: what the local AWS does wrong, to whom, and how often."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, model_validator

from harness.config.values import Section

Pattern = Annotated[str, Field(min_length=1, max_length=256)]


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
    event: Literal[
        "", "InsufficientInstanceCapacity", "SpotInterruption", "OutOfMemory", "HostLost",
        "DataError", "SlowData", "PingFailure", "ContainerExit",
    ] = Field(
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
        if self.event:
            if self.error or self.status or self.reset:
                raise ValueError("event can't be together with error, status and reset")
        elif not (self.error or self.status or self.latency or self.reset):
            raise ValueError("it has no effect: give error, status, latency, reset or event")
        if self.event == "SlowData" and not self.latency:
            raise ValueError("SlowData needs latency, in seconds for each MB")
        if self.status and not 400 <= self.status <= 599:
            raise ValueError(f"status is {self.status}, and an error's is 400 to 599")
        return self
