"""moto's own boto3 sessions, which ask for no more than AWS's regions and services."""

from __future__ import annotations

import sys
from typing import Any

import boto3
import botocore.session

from harness.aws_model.loader import IsolatedSession


def isolate() -> None:
    """Let the modules of moto that are imported by now make sessions that ignore the user's AWS.

    In moto, any call fails where AWS_PROFILE names a profile that isn't there. May be called again.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith("moto."):
            made: Any = vars(module).get("Session")
            if made is boto3.Session:
                vars(module)["Session"] = _boto_session
            elif made is botocore.session.Session:
                vars(module)["Session"] = IsolatedSession


def _boto_session() -> boto3.Session:
    return boto3.Session(botocore_session=IsolatedSession())
