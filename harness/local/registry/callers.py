"""Who made or changed something, as AWS shows it: a `UserContext`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.local.protocol.messages import RequestContext


def caller(context: RequestContext) -> dict[str, Any]:
    """The account of a call. (Signatures aren't checked here: which of its users it was, isn't
    known.)
    """
    account = context.account_id
    return {
        "IamIdentity": {
            "Arn": f"arn:{context.partition}:iam::{account}:root",
            "PrincipalId": account,
        }
    }
