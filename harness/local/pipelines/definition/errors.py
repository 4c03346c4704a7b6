"""How a pipeline definition is refused."""

from __future__ import annotations

from harness.local.protocol.errors import AwsError


def refusal(why: str) -> AwsError:
    """`why` is a sentence without its full stop."""
    return AwsError("ValidationException", f"Unable to parse pipeline definition. {why}.")
