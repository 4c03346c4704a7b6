"""A boto3 session on the real AWS, with the user's own credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config

from harness.aws_model.loader import LOADER

if TYPE_CHECKING:
    from harness.config.settings import Settings


def session(settings: Settings) -> boto3.Session:
    """A boto3 session as the settings have it, whose calls outlast throttling and lost servers.

    "standard" takes every throttling error and 5xx for transient, and waits up to 20 s between two
    attempts: a run of a quarter of an hour doesn't fail for a bad minute.
    """
    core = botocore.session.Session(profile=settings.aws.profile or None)
    core.register_component("data_loader", LOADER)  # service models are parsed once
    core.set_default_client_config(Config(retries={"mode": "standard", "total_max_attempts": 10}))
    return boto3.Session(botocore_session=core, region_name=settings.region)
