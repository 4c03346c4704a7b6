"""IAM policies that tests of several kinds need, as the JSON that IAM takes."""

from __future__ import annotations

import json

ALL = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
})  # fmt: skip
"""Everything is allowed."""


def trust(service: str) -> str:
    """The trust policy of a role for one of AWS's services: `sagemaker`, `lambda`."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
