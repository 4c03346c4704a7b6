"""What makes any SDK use the service: variables for a shell, and a file with the SDK's defaults."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness.aws_model import endpoints, waiters
from harness.service.state import DEFAULTS, data_folder, defaults_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.service.state import Running

# What would turn calls away from AWS_ENDPOINT_URL, or sign them with keys of yours.
_UNSET = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
)
_ENDPOINT_PREFIX = "AWS_ENDPOINT_URL_"
_START = str(Path(__file__).parent / "python")
"""A folder that has nothing but a `sitecustomize`."""

_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


def variables_for(
    running: Running, environ: Mapping[str, str], folder: Path | None = None
) -> dict[str, str | None]:
    """The variables that any SDK needs, and as None those that must not be set.

    `environ` is the environment that they are meant for. `folder` has the files that they lead to;
    by default it is the service's own.
    """
    from harness.local.core.client import DUMMY_KEY

    variables: dict[str, str | None] = {
        "AWS_ENDPOINT_URL": running.url,
        "AWS_ACCESS_KEY_ID": DUMMY_KEY,
        "AWS_SECRET_ACCESS_KEY": DUMMY_KEY,
        "AWS_REGION": running.region,
        "AWS_DEFAULT_REGION": running.region,
        # Host prefixes ("sync-127.0.0.1") don't resolve.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(folder / DEFAULTS if folder else defaults_file()),
        # With which these defaults cost nothing.
        "PYTHONPATH": _with(_START, environ.get("PYTHONPATH", "")),
        # boto3's waiters would look at a job every two minutes, and old ones at AWS.
        "AWS_DATA_PATH": _data_path(environ.get("AWS_DATA_PATH", ""), running.url, folder),
        "AWS_STS_REGIONAL_ENDPOINTS": "regional",
    }
    if any(environ.get(name) for name in _PROXIES):
        host = urlsplit(running.url).hostname or ""
        for name in ("no_proxy", "NO_PROXY"):
            listed = [each for each in environ.get(name, "").split(",") if each]
            variables[name] = ",".join(listed if host in listed else [*listed, host])
    others = sorted(name for name in environ if name.startswith(_ENDPOINT_PREFIX))
    return variables | dict.fromkeys((*_UNSET, *others))


def _data_path(own: str, url: str, folder: Path | None) -> str:
    folder = folder / "botocore" if folder else data_folder()
    _write_data(url, folder)
    if own or Path(endpoints.OWN_MODELS, endpoints.FILE).expanduser().is_file():
        return endpoints.data_path(own, str(folder))
    return str(folder)


def _write_data(url: str, folder: Path) -> None:
    """What botocore reads beside its own models.

    Waiters that look more often, and where AWS is, for those that AWS_ENDPOINT_URL doesn't tell.
    """
    for name, document in (waiters.extras(), *endpoints.files(url).items()):
        _write(folder / name, json.dumps(document))


def _write(file: Path, text: str) -> None:
    """Have the file say so, at no moment half of it."""
    if file.is_file() and file.read_text(encoding="utf-8") == text:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(f".{os.getpid()}")
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def _with(folder: str, others: str) -> str:
    """A path with a folder in front, once."""
    listed = [each for each in others.split(os.pathsep) if each and each != folder]
    return os.pathsep.join([folder, *listed])


def as_shell(variables: Mapping[str, str | None]) -> str:
    """The variables as commands of a POSIX shell."""
    exports = [
        f"export {name}={shlex.quote(value)}"
        for name, value in variables.items()
        if value is not None
    ]
    unset = [name for name, value in variables.items() if value is None]
    return "\n".join([*exports, f"unset {' '.join(unset)}"])


def sdk_defaults(bucket: str) -> str:
    """The SageMaker SDK's defaults file, for v2 and v3: YAML, of which JSON is a part."""
    modules = {"Session": {"DefaultS3Bucket": bucket}, "TelemetryOptOut": True}
    document = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": modules}}}
    return json.dumps(document, indent=2) + "\n"
