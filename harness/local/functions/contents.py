"""What stands in the container of a function: its code, its layers, and what runs it, as tars."""

from __future__ import annotations

import importlib.util
import io
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from harness.local.data import opt_ml
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.local.engine.streams.pieces import Piece

CODE, LAYERS = "var/task", "opt"
"""Folders of the container, as Lambda has them."""

RUNTIME = "var/runtime"
"""The folder of what runs a function in an image that has only a Python."""

PROGRAM = Path(__file__).parent / "python" / "bootstrap.py"

EVENT = "event.json"
"""The file there that has the event."""

MAX_UNPACKED = 262_144_000
"""Bytes of code and layers ("Deployment package size" in Lambda's quotas)."""

_BOTO3 = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
"""What Lambda's runtimes for Python have beside Python."""


def unpacked(folder: str, *archives: bytes) -> bytes:
    """The files of zip archives, each over those before it, as a tar with that folder.

    Raises `AwsError`: one is no zip archive, or they are larger than Lambda's may be.
    """
    packed, size = io.BytesIO(), 0
    with tarfile.open(fileobj=packed, mode="w") as tar:
        _add_folder(tar, folder)
        for archive in archives:
            try:
                with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
                    for info in zipped.infolist():
                        size += info.file_size
                        if size > MAX_UNPACKED:
                            raise _refusal(f"it has more than {MAX_UNPACKED} bytes, unpacked")
                        _add(tar, folder, zipped, info)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
                raise _refusal(f"it can't be unpacked: {error}") from error
    return packed.getvalue()


def _add_folder(tar: tarfile.TarFile, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    tar.addfile(entry)


def _add(tar: tarfile.TarFile, folder: str, zipped: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    path = PurePosixPath(info.filename)
    if path.is_absolute() or ".." in path.parts:
        raise _refusal(f"it has a file outside of itself, {info.filename!r}")
    if info.is_dir():
        _add_folder(tar, f"{folder}/{path}")
        return
    entry = tarfile.TarInfo(f"{folder}/{path}")
    content = zipped.read(info)
    entry.size, entry.mode = len(content), (info.external_attr >> 16) & 0o777 or 0o644
    tar.addfile(entry, io.BytesIO(content))


def _refusal(why: str) -> AwsError:
    return AwsError("InvalidZipFileException", f"The code of the function can't be run: {why}.")


def runtime(code: bytes, event: str) -> Iterator[Piece]:
    """A tar with what runs a function, its event, and this Python's boto3 if it asks for that."""
    entries = [
        opt_ml.file(f"{RUNTIME}/{PROGRAM.name}", PROGRAM.read_bytes()),
        opt_ml.file(f"{RUNTIME}/{EVENT}", event.encode()),
    ]
    if _uses_boto3(code):
        entries += _boto3()
    return opt_ml.tar_stream([opt_ml.folder(RUNTIME), *entries])


def _uses_boto3(code: bytes) -> bool:
    """Whether any module of the code names it: it is 35 MB, which takes a moment."""
    with zipfile.ZipFile(io.BytesIO(code)) as zipped:
        return any(
            b"boto" in zipped.read(name) for name in zipped.namelist() if name.endswith(".py")
        )


def _boto3() -> Iterator[opt_ml.Entry]:
    for name in _BOTO3:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        origin = Path(spec.origin)
        found = sorted(origin.parent.rglob("*")) if origin.name == "__init__.py" else [origin]
        root = origin.parents[1] if origin.name == "__init__.py" else origin.parent
        for path in found:
            if path.is_file() and path.suffix != ".pyc":
                size = path.stat().st_size
                to = f"{RUNTIME}/{path.relative_to(root).as_posix()}"
                yield opt_ml.Entry(to, size, (path.read_bytes() for path in [path]))
