"""Reading the settings: `harness.toml`, overridden by `HARNESS_*` variables.

`load()` is the only way in, and it refuses what it doesn't know: a misspelt key must not pass for
a default.
"""

from __future__ import annotations

import os
import re
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from harness import machine
from harness.config import extras, scores
from harness.config.faults import Fault
from harness.config.places import Aws, Local
from harness.config.reporting import Reporting
from harness.config.settings import (
    Channel,
    Endpoint,
    Image,
    Metrics,
    Processing,
    ProcessingInput,
    ProcessingOutput,
    Project,
    Requests,
    Settings,
    Threshold,
    Training,
    Transform,
)
from harness.errors import ConfigError
from harness.limits import memory
from harness.suggestions import meant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FILE_NAME = "harness.toml"
PREFIX = "HARNESS_"

# Variables of ours that are not keys: they say how the harness starts, not what it does.
CONFIG_VARIABLE = "HARNESS_CONFIG"
NO_ENGINE_SETUP_VARIABLE = "HARNESS_NO_ENGINE_SETUP"
OTHER_VARIABLES = frozenset(
    {
        CONFIG_VARIABLE,
        NO_ENGINE_SETUP_VARIABLE,
        extras.NO_SETUP_VARIABLE,
        machine.VARIABLE,
        memory.VARIABLE,
    }
)

_SHOWN = 200
"""Characters of a wrong value that are told."""

_MEANT = {
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_parsing": "should be a number",
    "bool_parsing": "should be true or false",
}
"""pydantic's words for a value of another kind, in ours."""

SECTIONS: dict[str, type[BaseModel]] = {
    "project": Project,
    "image": Image,
    "metrics": Metrics,
    "training": Training,
    "endpoint": Endpoint,
    "transform": Transform,
    "processing": Processing,
    "report": Reporting,
    "aws": Aws,
    "local": Local,
}
"""Tables with keys that are known."""

FREE: dict[str, type[BaseModel] | None] = {
    "hyperparameters": None,
    "thresholds": Threshold,
    "channels": Channel,
    "requests": Requests,
    "processing.inputs": ProcessingInput,
    "processing.outputs": ProcessingOutput,
    "faults": Fault,
}
"""Tables whose keys are the project's own, and what stands under each, if that is a table."""


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the nearest `harness.toml`, with the variables of `environ` on top.

    `path` names the file; else the variable HARNESS_CONFIG does; else it is looked for in the
    working directory and its parents, and without one the defaults hold.

    Raises:
        ConfigError: a key or variable is unknown or has an impossible value (all of them are
            named, one a line, each with where it stands), or the file can't be read.
    """
    file = _find(path, environ)
    data = _read(file) if file else {}
    origin = _override(data, environ)
    memory.asked(environ)  # which the local AWS would say only once it is started
    root = file.parent if file else Path.cwd()
    try:
        settings = Settings.model_validate({**data, "root": root})
    except ValidationError as error:
        raise ConfigError(_sentence(error, file, origin)) from None
    if unknown := list(_unknown_metrics(settings, file, origin)):
        # A misspelt score has none of the metrics that were meant, and is all that is wrong then.
        raise ConfigError("\n".join(list(_unknown_scores(settings, file)) or unknown))
    return settings


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
    except RecursionError:
        raise ConfigError(f"{file}: its lists or tables are too deep in each other.") from None
    except ValueError as error:  # of TOML, of UTF-8, or of a number with too many digits
        raise ConfigError(f"{file}: is not valid TOML: {error}{_line(file, error)}.") from None
    if "root" in data:
        raise ConfigError(f"{file}: root: unknown key (it is the folder of this file).")
    return data


def _line(file: Path, error: ValueError) -> str:
    """The line that an error of TOML names, to stand behind it."""
    found = re.search(r"at line (\d+)", str(error))
    lines = file.read_bytes().decode(errors="replace").splitlines() if found else []
    if not found or int(found[1]) > len(lines):
        return ""
    return f": {_shown(lines[int(found[1]) - 1].strip())}; text stands in quotes"


def _override(data: dict[str, Any], environ: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Put the variables into `data`; returns which variable each key came from."""
    origin = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES:
            continue
        key = _key(variable, data)
        origin[key] = variable
        table = data
        for name in key[:-1]:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):  # the file has `thresholds = 1`
                break
        else:
            if key[0] == "thresholds" and isinstance(table.get(key[1]), dict):
                value = table[key[1]] | {"min": value}
            table[key[-1]] = value
    return origin


def _key(variable: str, data: Mapping[str, Any]) -> tuple[str, ...]:
    """HARNESS_TARGET → target; HARNESS_AWS_BUCKET → aws.bucket.

    HARNESS_HYPERPARAMETERS_TRAIN_FILE is the file's hyperparameter of that name, however that is
    written (`train-file`); without one, `train_file`.
    """
    name = variable.removeprefix(PREFIX).lower()
    if name in {"target", "region"}:
        return (name,)
    section, _, rest = name.partition("_")
    if section in {"hyperparameters", "thresholds"} and rest:
        there = data.get(section, {})
        known = {_plain(each): each for each in there} if isinstance(there, dict) else {}
        return section, known.get(rest, rest)
    if section not in SECTIONS or rest not in SECTIONS[section].model_fields:
        names = [
            f"{PREFIX}{each}_{key}".upper()
            for each, model in SECTIONS.items()
            for key in model.model_fields
        ]
        raise ConfigError(
            f"{variable}: unknown variable{meant(variable, names)}; HARNESS_TABLE_KEY stands for "
            f"a key of a table of {FILE_NAME}, as HARNESS_ENDPOINT_INSTANCE_TYPE does."
        )
    return section, rest


def _plain(name: str) -> str:
    return re.sub(r"\W", "_", name).lower()


def _unknown_metrics(
    settings: Settings, file: Path | None, origin: Mapping[tuple[str, ...], str]
) -> Iterator[str]:
    """What is wrong with thresholds of metrics that no run will have."""
    if settings.metrics.score and settings.requests:  # only it knows which it returns
        return
    names = settings.metric_names
    for name in settings.thresholds:
        if name not in names:
            where = origin.get(("thresholds", name)) or f"{file}: thresholds.{name}"
            there = f"there are {', '.join(names)}" if names else "there are none: see [metrics]"
            yield f"{where}: no such metric{meant(name, names)}; {there}."


def _unknown_scores(settings: Settings, file: Path | None) -> Iterator[str]:
    """What is wrong with scores that there are not, as far as scikit-learn is here to be asked."""
    with suppress(ImportError):
        for name in settings.metrics.scores:
            if wrong := scores.problem(name):
                yield f"{file}: metrics.scores: {wrong}"


def _sentence(
    error: ValidationError, file: Path | None, origin: Mapping[tuple[str, ...], str]
) -> str:
    problems = [f"{_problem(dict(e), file, origin)}." for e in error.errors()]
    return "\n".join(dict.fromkeys(problems))  # a value that may be either has failed as both


def _problem(
    error: dict[str, Any], file: Path | None, origin: Mapping[tuple[str, ...], str]
) -> str:
    loc = tuple(str(part) for part in error["loc"] if part != "[key]")
    if error["loc"][-1:] in (("str",), ("int",)):  # of a value that may be either
        loc = loc[:-1]
        error |= {"msg": "Input should be a text or a whole number", "type": "either"}
    if loc[:2] == ("requests", ""):  # the one set that has no name
        loc = ("requests", *loc[2:])
    # What a variable says of a metric becomes a part of its bounds.
    variable = origin.get(loc[:2] if loc[:1] == ("thresholds",) and loc[2:] == ("min",) else loc)
    if error["type"] == "value_error":
        # A rule over several keys is reported for their table, whichever variable broke it.
        variable = next((v for key, v in origin.items() if loc and key[: len(loc)] == loc), None)
    key = ".".join(loc)
    if loc[:1] == ("faults",) and loc[1:]:
        key = ": ".join([f"[[faults]] number {int(loc[1]) + 1}", *loc[2:]])
    where = variable or (f"{file}: {key}" if file and key else str(file or key))
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key{meant(loc[-1], _keys(loc[:-1]))}"
    if error["type"] == "missing":
        return f"{where}: must be given"
    if error["type"] == "value_error":
        return f"{where}: {error['ctx']['error']}"
    if error["type"] in _MEANT:
        error |= {"msg": _MEANT[error["type"]]}
    return f"{where} = {_shown(error['input'])}: {error['msg'][0].lower()}{error['msg'][1:]}"


def _shown(value: Any) -> str:
    """A value as Python writes it; of a long one, its beginning."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _keys(table: tuple[str, ...]) -> Iterable[str]:
    """The keys that there are in a table."""
    if not table:
        return [name for name in Settings.model_fields if name != "root"]
    model = SECTIONS.get(".".join(table)) or FREE.get(".".join(table[:-1])) or FREE.get(table[0])
    return model.model_fields if model else ()
