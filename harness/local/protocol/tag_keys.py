"""What AWS says of tags beside the service models: keys are unique, and `aws:` is AWS's own.

("Best practices and strategies", "Tag naming limits and requirements" in AWS's guide to tagging.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping

RESERVED = "aws:"


def check(request: Mapping[str, Any]) -> None:
    """Raises `ValidationException` for tags that no resource can be given."""
    tags = request.get("Tags")
    if not isinstance(tags, list):
        return
    keys = [tag["Key"] for tag in tags if isinstance(tag, dict) and "Key" in tag]
    for number, key in enumerate(keys):
        if key in keys[:number]:
            raise AwsError(
                "ValidationException",
                f"Tag keys must be unique per resource; '{key}' is given more than once.",
            )
        if key.lower().startswith(RESERVED):
            raise AwsError(
                "ValidationException",
                f"Tag key '{key}': aws: prefixed tag names are not allowed for external use.",
            )
