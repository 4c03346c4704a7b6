"""Settings: `harness.toml`, overridden by `HARNESS_*` variables.

`load()` is the only way in, and it refuses what it doesn't know: a misspelt key must not pass for
a default. `harness.toml` explains every key.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from harness import machine
from harness.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_NAME = "harness.toml"
PREFIX = "HARNESS_"

# Variables of ours that are not keys: they say how the harness starts, not what it does.
CONFIG_VARIABLE = "HARNESS_CONFIG"
NO_ENGINE_SETUP_VARIABLE = "HARNESS_NO_ENGINE_SETUP"
OTHER_VARIABLES = frozenset({CONFIG_VARIABLE, NO_ENGINE_SETUP_VARIABLE, machine.VARIABLE})

Region = Annotated[str, Field(pattern=r"^[a-z]{2,}(-[a-z]+)+-\d+$")]
InstanceType = Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")]
# S3's naming rules. "" stands for "not set", since TOML has no null.
Bucket = Annotated[str, Field(pattern=r"^$|^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
KeyPrefix = Annotated[str, Field(pattern=r"^$|^[A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*$")]
RoleArn = Annotated[str, Field(pattern=r"^$|^arn:aws[a-z-]*:iam::\d{12}:role/\S+$")]
RepositoryName = Annotated[
    str, Field(pattern=r"^[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*$")
]
Registry = Annotated[str, Field(pattern=r"^$|^[a-z0-9]([a-z0-9.-]*[a-z0-9])?:\d{1,5}$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Hyperparameters(_Section):
    """What the training job is given: the parameters of `gam_model.GAMRegressor`."""

    df: int = Field(20, ge=2)
    alpha: FiniteFloat = Field(1.0, ge=0)
    degree: int = Field(3, ge=1)

    @model_validator(mode="after")
    def _degree_below_df(self) -> Hyperparameters:
        if self.degree >= self.df:
            raise ValueError(f"degree ({self.degree}) must be below df ({self.df})")
        return self


class Thresholds(_Section):
    """R² that a run has to reach, on the rows it trained on and on the held-out ones."""

    train_r2: FiniteFloat = Field(0.996, le=1)
    test_r2: FiniteFloat = Field(0.996, le=1)


class Image(_Section):
    name: RepositoryName = "harness-gam"
    base: str = Field("auto", min_length=1)


class Training(_Section):
    instance_type: InstanceType = "ml.m5.large"
    instance_count: int = Field(1, ge=1, le=100)
    volume_size_gb: int = Field(5, ge=1, le=16_384)
    max_runtime_seconds: int = Field(600, ge=1, le=28 * 24 * 3600)
    spot: bool = False
    max_wait_seconds: int = Field(3600, ge=1)

    @model_validator(mode="after")
    def _time_to_wait_for_spot(self) -> Training:
        if self.spot and self.max_wait_seconds < self.max_runtime_seconds:
            raise ValueError(
                f"max_wait_seconds ({self.max_wait_seconds}) must be at least max_runtime_seconds "
                f"({self.max_runtime_seconds}), which it includes"
            )
        return self

    @property
    def limit_seconds(self) -> int:
        """How long the job may take, beside what AWS needs for instances and transfers."""
        return self.max_wait_seconds if self.spot else self.max_runtime_seconds


class Endpoint(_Section):
    instance_type: InstanceType = "ml.t2.medium"
    instance_count: int = Field(1, ge=1, le=100)
    # The range is that of ContainerStartupHealthCheckTimeoutInSeconds.
    startup_timeout_seconds: int = Field(480, ge=60, le=3600)
    max_instance_count: int = Field(0, ge=0, le=1000)
    invocations_per_instance: FiniteFloat = Field(1000.0, gt=0)

    @model_validator(mode="after")
    def _room_to_scale(self) -> Endpoint:
        if 0 < self.max_instance_count < self.instance_count:
            raise ValueError(
                f"max_instance_count ({self.max_instance_count}) must be 0 or at least "
                f"instance_count ({self.instance_count})"
            )
        return self


class Place(_Section):
    """What the two targets have in common; the flow reads only this."""

    bucket: Bucket
    prefix: KeyPrefix = "harness"
    poll_seconds: FiniteFloat = Field(gt=0, le=60)
    provisioning_seconds: int = Field(ge=1, le=24 * 3600)


class Aws(Place):
    profile: str = ""
    role_arn: RoleArn = ""
    bucket: Bucket = ""
    repository: RepositoryName = Field("harness-gam", min_length=2, max_length=256)
    poll_seconds: FiniteFloat = Field(5.0, gt=0, le=60)
    provisioning_seconds: int = Field(1800, ge=1, le=24 * 3600)
    compare_locally: bool = True


class Local(Place):
    account_id: str = Field("123456789012", pattern=r"^\d{12}$")
    endpoint_url: str = Field("", pattern=r"^$|^https?://\S+$")
    port: int = Field(4599, ge=0, le=65_535)
    registry: Registry = ""
    bucket: Bucket = Field("harness-local", min_length=3)
    poll_seconds: FiniteFloat = Field(0.05, gt=0, le=60)
    provisioning_seconds: int = Field(300, ge=1, le=24 * 3600)

    @property
    def role_arn(self) -> str:
        """The local AWS asks for a role, as AWS does, and uses it for nothing."""
        return f"arn:aws:iam::{self.account_id}:role/harness"

    @property
    def compare_locally(self) -> bool:
        """It would be compared with itself."""
        return False

    @property
    def repository(self) -> str:
        """None: the engine that runs the image is the one that has built it."""
        return ""


class Settings(_Section):
    target: Literal["local", "aws"] = "local"
    region: Region = "us-east-1"
    hyperparameters: Hyperparameters = Hyperparameters()
    thresholds: Thresholds = Thresholds()
    image: Image = Image()
    training: Training = Training()
    endpoint: Endpoint = Endpoint()
    aws: Aws = Aws()
    local: Local = Local()
    root: Path = Field(default_factory=Path.cwd)

    @property
    def place(self) -> Aws | Local:
        """The section of the chosen target."""
        return self.aws if self.target == "aws" else self.local

    @property
    def own_local_aws(self) -> bool:
        """Whether a run starts a local AWS for itself."""
        return self.target == "local" and not self.local.endpoint_url


_SECTIONS: dict[str, type[BaseModel]] = {
    "hyperparameters": Hyperparameters,
    "thresholds": Thresholds,
    "image": Image,
    "training": Training,
    "endpoint": Endpoint,
    "aws": Aws,
    "local": Local,
}


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the nearest `harness.toml`, with the variables of `environ` on top.

    `path` names the file; else the variable HARNESS_CONFIG does; else it is looked for in the
    working directory and its parents, and without one the defaults hold.

    Raises:
        ConfigError: a key or variable is unknown or has an impossible value (all of them are
            named, each with where it stands), or the file can't be read.
    """
    file = _find(path, environ)
    data = _read(file) if file else {}
    origin = _override(data, environ)
    root = file.parent if file else Path.cwd()
    try:
        return Settings.model_validate({**data, "root": root})
    except ValidationError as error:
        raise ConfigError(_sentence(error, file, origin)) from None


def _find(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    if path is None and (named := environ.get(CONFIG_VARIABLE)):
        path = Path(named)
    if path is not None:
        return path.absolute()
    here = Path.cwd()
    return next((f for d in (here, *here.parents) if (f := d / FILE_NAME).is_file()), None)


def _read(file: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: can't be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: is not valid TOML: {error}.") from None
    if "root" in data:
        raise ConfigError(f"{file}: root: unknown key (it is the folder of this file).")
    return data


def _override(data: dict[str, Any], environ: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Put the variables into `data`; returns which variable each key came from."""
    origin = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES:
            continue
        key = _key(variable)
        origin[key] = variable
        table = data
        for name in key[:-1]:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):  # the file has `thresholds = 1`
                break
        else:
            table[key[-1]] = value
    return origin


def _key(variable: str) -> tuple[str, ...]:
    """HARNESS_TARGET → target; HARNESS_THRESHOLDS_TRAIN_R2 → thresholds.train_r2."""
    name = variable.removeprefix(PREFIX).lower()
    if name in {"target", "region"}:
        return (name,)
    section, _, rest = name.partition("_")
    if section not in _SECTIONS or rest not in _SECTIONS[section].model_fields:
        raise ConfigError(f"{variable}: unknown variable; {FILE_NAME} lists the keys there are.")
    return section, rest


def _sentence(
    error: ValidationError, file: Path | None, origin: Mapping[tuple[str, ...], str]
) -> str:
    return "; ".join(_problem(dict(e), file, origin) for e in error.errors()) + "."


def _problem(
    error: dict[str, Any], file: Path | None, origin: Mapping[tuple[str, ...], str]
) -> str:
    loc = tuple(str(part) for part in error["loc"])
    variable = origin.get(loc)
    if error["type"] == "value_error":
        # A rule over several keys is reported for their table, whichever variable broke it.
        variable = next((v for key, v in origin.items() if key[: len(loc)] == loc), None)
    where = variable or (f"{file}: {'.'.join(loc)}" if file else ".".join(loc))
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key"
    if error["type"] == "value_error":
        return f"{where}: {error['ctx']['error']}"
    return f"{where} = {error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}"
