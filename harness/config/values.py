"""The values that keys of `harness.toml` may have, and what its tables have in common."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Region = Annotated[str, Field(pattern=r"^[a-z]{2,}(-[a-z]+)+-\d+$")]
InstanceType = Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")]
# S3's naming rules. "" stands for "not set", since TOML has no null.
Bucket = Annotated[str, Field(pattern=r"^$|^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
KeyPrefix = Annotated[str, Field(pattern=r"^$|^[A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*$")]
RoleArn = Annotated[str, Field(pattern=r"^$|^arn:aws[a-z-]*:iam::\d{12}:role/\S+$")]
_REPOSITORY = r"[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*"
RepositoryName = Annotated[str, Field(pattern=rf"^$|^{_REPOSITORY}$", max_length=256)]
Registry = Annotated[str, Field(pattern=r"^$|^[a-z0-9]([a-z0-9.-]*[a-z0-9])?:\d{1,5}$")]
ProjectName = Annotated[str, Field(pattern=r"^$|^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9\.\-_]+$", min_length=1, max_length=64)]
"""Of a channel, an input, an output: what the API takes as `ChannelName`."""
Variables = dict[Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")], str]
Function = Annotated[str, Field(pattern=r"^$|^[^:]+\.py:[A-Za-z_]\w*$")]
Source = Annotated[str, Field(min_length=1)]
"""A file, a folder, an `s3://` URI, or `FILE.py:FUNCTION`, relative to harness.toml."""


def as_hyperparameter(value: Any) -> str:
    """A TOML value as SageMaker has hyperparameters: as a string, which the SDK writes as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    try:
        return json.dumps(value, default=as_hyperparameter)  # TOML has dates in lists, too
    except RecursionError:
        raise ValueError("its lists or tables are too deep in each other") from None


Hyperparameter = Annotated[str, BeforeValidator(as_hyperparameter), Field(max_length=2500)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
