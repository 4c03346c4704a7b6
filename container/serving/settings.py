"""The environment variables that the server reads; the names are SageMaker's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from serving import submitted
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
    submitted: str = ""

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
        SAGEMAKER_PROGRAM: the file with the hooks (see below).
        SAGEMAKER_SUBMIT_DIRECTORY: the folder it is in; or an archive, in S3 or here, that has it.
        DEFAULT_PROGRAM: the image's own file with hooks, in /opt/ml/code (model_logic.py).
        SAGEMAKER_BASE_DIR: what to take for /opt/ml.

        Without a folder it is /opt/ml/model/code, where a job in script mode has left its program
        and the SDKs put theirs, if the program is there, or else /opt/ml/code. Without a program it
        is a file of /opt/ml/model/code: the one called as the image's own, inference.py, or the
        only one that has model_fn; or else the image's own.

        Raises:
            StartError: a value that makes no sense, or more than one program that may be meant.
        """
        base_dir = Path(environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml")
        own = environ.get("DEFAULT_PROGRAM") or cls.program
        code_dir, program, archive = _program(environ, base_dir, own)
        default_accept = environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or JSON
        return cls(
            port=_whole(environ, "SAGEMAKER_BIND_TO_PORT", 8080, 65535),
            workers=_whole(environ, "SAGEMAKER_MODEL_SERVER_WORKERS", None, 1024) or cpus(),
            timeout=_whole(environ, "SAGEMAKER_MODEL_SERVER_TIMEOUT", 60, 86400),
            default_accept=default_accept,
            base_dir=base_dir,
            code_dir=code_dir,
            program=program,
            submitted=archive,
        )


def _program(environ: Mapping[str, str], base_dir: Path, own: str) -> tuple[Path, str, str]:
    """Folder and name of the file with the hooks; and the archive that the folder has to come from.

    The folder is then the one to take where the archive can't be had.
    """
    directory = environ.get("SAGEMAKER_SUBMIT_DIRECTORY") or ""
    program = environ.get("SAGEMAKER_PROGRAM") or ""
    folder = Path(directory.removeprefix("file://"))
    if directory and not directory.startswith("s3://") and not folder.is_file():
        return folder, program or own, ""
    in_model = base_dir / "model" / "code"
    if not program:
        program = "" if directory else _found(in_model, own)
        if not program:
            return base_dir / "code", own, directory
    return in_model if (in_model / program).is_file() else base_dir / "code", program, directory


def _found(in_model: Path, own: str) -> str:
    """The name of the file with the hooks that came with the model; empty if none did."""
    for name in (own, "inference.py"):
        if (in_model / name).is_file():
            return name
    names = submitted.with_function(in_model, "model_fn")
    if len(names) > 1:
        raise StartError(
            f"{', '.join(names)} in {in_model} have model_fn: SAGEMAKER_PROGRAM must name the one "
            "that is to serve."
        )
    return names[0] if names else ""


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
