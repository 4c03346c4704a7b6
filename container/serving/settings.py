"""The environment variables that the server reads; the names are SageMaker's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from serving.content import JSON
from serving.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Settings:
    """How to serve; see `from_environ` for the variable behind each field."""

    port: int = 8080
    workers: int = 1
    timeout: float = 60.0  # seconds
    default_accept: str = JSON
    base_dir: Path = Path("/opt/ml")
    code_dir: Path = Path("/opt/ml/code")
    program: str = "model_logic.py"

    @property
    def model_dir(self) -> Path:
        return self.base_dir / "model"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings.

        SAGEMAKER_BIND_TO_PORT: the port (8080).
        SAGEMAKER_MODEL_SERVER_WORKERS: worker processes (one a CPU this container may use).
        SAGEMAKER_MODEL_SERVER_TIMEOUT: seconds that a request may take, after which its worker
            is replaced (60, which is when SageMaker gives up on a request).
        SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT: content type of the answer where the client names
            none (application/json).
        SAGEMAKER_PROGRAM: the file with the hooks (model_logic.py).
        SAGEMAKER_SUBMIT_DIRECTORY: the folder it is in; an S3 URI is no folder and is ignored.
            Without one it is /opt/ml/model/code, where a job in script mode has left it, or else
            /opt/ml/code.
        SAGEMAKER_BASE_DIR: what to take for /opt/ml.

        Raises:
            StartError: a value that makes no sense.
        """
        base_dir = Path(environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml")
        submit_dir = environ.get("SAGEMAKER_SUBMIT_DIRECTORY") or ""
        program = environ.get("SAGEMAKER_PROGRAM") or cls.program
        in_model = base_dir / "model" / "code"
        own_dir = in_model if (in_model / program).is_file() else base_dir / "code"
        default_accept = environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or JSON
        return cls(
            port=_whole(environ, "SAGEMAKER_BIND_TO_PORT", 8080, 65535),
            workers=_whole(environ, "SAGEMAKER_MODEL_SERVER_WORKERS", None, 1024) or cpus(),
            timeout=_whole(environ, "SAGEMAKER_MODEL_SERVER_TIMEOUT", 60, 86400),
            default_accept=default_accept,
            base_dir=base_dir,
            code_dir=Path(submit_dir) if submit_dir.startswith("/") else own_dir,
            program=program,
        )


def cpus() -> int:
    """CPUs that this container may use: affinity and cgroup limits count."""
    from joblib import cpu_count  # NumPy comes with it, so not before main

    return int(cpu_count())


def _whole(environ: Mapping[str, str], name: str, default: int | None, most: int) -> int:
    text = environ.get(name)
    if not text:
        return default or 0
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise StartError(f"{name} is {text!r}; it must be a whole number from 1 to {most}.")
    return int(text)
