"""Imports `sagemaker-training` without boto3, which takes most of its start and few jobs use.

The toolkit downloads scripts and uploads intermediate output with it. It also asks it for a default
region whenever it reads a job's settings; that is answered here where boto3 would look no further
than the environment.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any


class Later(ModuleType):
    """Stands for a module, which is imported when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


def trainer() -> Any:
    """The toolkit's module of that name; boto3 is whole for whoever imports it from here on."""
    boto3, s3, transfer = (Later(name) for name in ("boto3", "boto3.s3", "boto3.s3.transfer"))
    vars(boto3).update(s3=s3, session=SimpleNamespace(Session=_session))
    vars(s3).update(transfer=transfer)
    stand_ins = {each.__name__: each for each in (boto3, s3, transfer)}
    sys.modules.update(stand_ins)
    try:
        from sagemaker_training import trainer
    finally:
        for name in stand_ins:
            del sys.modules[name]
    return trainer


def _session() -> Any:
    config = Path(os.environ.get("AWS_CONFIG_FILE", "~/.aws/config")).expanduser()
    profile = {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"} & os.environ.keys()
    if profile or config.exists():
        from boto3.session import Session

        return Session()
    return SimpleNamespace(region_name=os.environ.get("AWS_DEFAULT_REGION"))
