"""What moto's modules have of others': boto3 sessions, which ask for no more than AWS's regions and
services, and `print`, which writes to the log: stdout is for those who have started us, and may be
a pipe that nobody reads any more.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import boto3
import botocore.session

from harness.aws_model.loader import IsolatedSession

_log = logging.getLogger(__name__)


def isolate() -> None:
    """Let the modules of moto that are imported by now make sessions that ignore the user's AWS,
    and print nothing.

    In moto, any call fails where AWS_PROFILE names a profile that isn't there. May be called again.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith("moto."):
            vars(module)["print"] = _print
            made: Any = vars(module).get("Session")
            if made is boto3.Session:
                vars(module)["Session"] = _boto_session
            elif made is botocore.session.Session:
                vars(module)["Session"] = IsolatedSession


def _print(*words: object, **_: object) -> None:
    _log.debug("moto: %s", " ".join(map(str, words)))


def _boto_session() -> boto3.Session:
    return boto3.Session(botocore_session=IsolatedSession())
