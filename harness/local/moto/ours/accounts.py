"""Whose account a request is made in: that of its access key, as on AWS.

Keys that STS or IAM have given out are of an account, and so is every number of an account itself:
by those, the local AWS calls its own services in the name of a job of another account.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from harness.local.protocol.signing import access_key

if TYPE_CHECKING:
    from harness.local.protocol.messages import Request

_GIVEN_OUT = ("AKIA", "ASIA")
"""What AWS's access keys begin with: IAM's, and temporary ones."""

_DIGITS = 12
"""Of an account's number."""


def account_of(request: Request) -> str | None:
    """The account whose key signs the request; None for keys that nobody here has given out."""
    key = access_key(request)
    if len(key) == _DIGITS and key.isdecimal():
        return key
    if not key.startswith(_GIVEN_OUT):
        return None
    # None has been given out before moto's IAM is there; another thread may be at importing it.
    backends = getattr(sys.modules.get("moto.iam.models"), "iam_backends", {})
    for account, partitions in list(backends.items()):
        for iam in list(partitions.values()):
            if key in iam.access_keys:
                return str(account)
    return None
