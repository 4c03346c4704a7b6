"""A program that comes with a job or a model: brought here, bounded, with what it requires.

SageMaker's SDKs send it as `sourcedir.tar.gz`, in S3 or in a channel. What is in such an archive is
whatever somebody has put there: it is read once, front to back, and nothing of it is believed.
"""

from __future__ import annotations

import gzip
import logging
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import zlib
from pathlib import Path
from typing import IO, Any, cast

from serving.errors import StartError

logger = logging.getLogger("program")

MAX_BYTES = 2 << 30
"""Bytes of an archive, and of what is in it."""

MAX_MEMBERS = 100_000
"""Files, folders and links of an archive."""

MAX_HEADER = 1 << 20
"""Bytes of an archive before a member's content: its name, and whatever is said of it."""

MAX_ERROR = 700
"""Characters of what an installation says."""

_CHUNK = 1 << 16
_GZIP = b"\x1f\x8b"


def fetch(uri: str, folder: Path) -> None:
    """Put the program at `uri` into an empty folder.

    Args:
        uri: an object in S3 or a file, either a tar archive; or a folder.
        folder: where to.

    Raises:
        StartError: it isn't there, it can't be unpacked, or it is too large.
    """
    path = Path(uri.removeprefix("file://"))
    try:
        if uri.startswith("s3://"):
            with tempfile.TemporaryFile() as file:
                _download(uri, file)
                _unpack(uri, file, folder)
        elif path.is_dir():
            shutil.copytree(path, folder, dirs_exist_ok=True)
        elif path.is_file():
            with path.open("rb") as file:
                _unpack(uri, file, folder)
        else:
            raise StartError(f"The program that was submitted is not at {uri}: there is nothing.")
    except (OSError, shutil.Error) as error:
        raise StartError(f"The program at {uri} can't be put into {folder}: {error}.") from error


def _download(uri: str, file: IO[bytes]) -> None:
    import boto3  # half a second, for those who need it
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, key = uri.removeprefix("s3://").partition("/")
    region = os.environ.get("AWS_REGION") or os.environ.get("SAGEMAKER_REGION") or None
    endpoint = os.environ.get("S3_ENDPOINT_URL") or None
    try:
        client = boto3.client("s3", region_name=region, endpoint_url=endpoint)
        answer = client.get_object(Bucket=bucket, Key=key)
        if answer["ContentLength"] > MAX_BYTES:
            raise StartError(_too_large(uri))
        shutil.copyfileobj(cast("IO[bytes]", answer["Body"]), file, _CHUNK)
    except (BotoCoreError, ClientError) as error:
        reason = str(error).rstrip(".")
        raise StartError(
            f"The program that was submitted can't be fetched from {uri}: {reason}."
        ) from error
    file.seek(0)


class _Bounded:
    """Reads a stream, as far as is allowed."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.left = MAX_HEADER
        """How many bytes more it may be read."""

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise OverflowError
        return data


def _unpack(uri: str, file: IO[bytes], folder: Path) -> None:
    compressed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    stream = _Bounded(gzip.GzipFile(fileobj=file) if compressed else file)  # type: ignore[arg-type]
    try:
        with tarfile.open(fileobj=cast("Any", stream), mode="r|") as archive:
            _extract(archive, stream, folder)
    except OverflowError:
        raise StartError(_too_large(uri)) from None
    except (
        tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, RecursionError
    ) as error:  # fmt: skip
        raise StartError(
            f"The program at {uri} is not a tar archive, or not a whole one: {error}."
        ) from error


def _extract(archive: tarfile.TarFile, stream: _Bounded, folder: Path) -> None:
    """Put what the archive holds into the folder, and nothing anywhere else.

    Raises `OverflowError` where that is too much.
    """
    total, root = 0, folder.resolve()
    for number in range(MAX_MEMBERS + 1):
        # Whatever is said of a member is held in memory; the blocks that it comes in are a few KB.
        stream.left = MAX_HEADER
        member = archive.next()
        if member is None:
            return
        archive.members.clear()  # type: ignore[attr-defined]  # it keeps them all
        total += max(0, member.size)
        if number == MAX_MEMBERS or total > MAX_BYTES:
            raise OverflowError
        path = root / os.path.normpath(f"/{member.name}").lstrip("/")
        if path == root or not path.parent.resolve().is_relative_to(root):
            continue
        stream.left = member.size + MAX_HEADER
        path.parent.mkdir(parents=True, exist_ok=True)
        _put(archive, member, path, root)


def _put(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path, root: Path) -> None:
    if member.isdir():
        path.mkdir(exist_ok=True)
        return
    if path.is_symlink() or path.is_file():  # of two with one name the last one counts
        path.unlink()
    content = archive.extractfile(member) if member.isreg() else None
    if content is not None:
        with path.open("wb") as file:
            shutil.copyfileobj(content, file, _CHUNK)
        path.chmod(stat.S_IRUSR | stat.S_IWUSR | member.mode & 0o755)
    elif member.issym():
        if (path.parent / member.linkname).resolve().is_relative_to(root):
            path.symlink_to(member.linkname)
        else:
            logger.warning("%s leads out of the program, and is left out.", member.name)
    elif member.islnk():
        linked = (root / os.path.normpath(f"/{member.linkname}").lstrip("/")).resolve()
        if linked.is_file() and linked.is_relative_to(root):
            path.hardlink_to(linked)
    else:
        logger.warning("%s is no file, and is left out.", member.name)


def _too_large(uri: str) -> str:
    return (
        f"The program at {uri} is too large: it may have {MAX_BYTES >> 30} GiB and "
        f"{MAX_MEMBERS:,} files. Send data in a channel."
    )


def install(folder: Path) -> None:
    """Install what a program's requirements.txt asks for, if it has one.

    Raises:
        StartError: pip failed; with its own words.
    """
    if not (folder / "requirements.txt").is_file():
        return
    logger.info("Installing what requirements.txt asks for")
    options = ["--disable-pip-version-check", "--no-input", "--root-user-action", "ignore"]
    pip = subprocess.Popen(
        [sys.executable, "-m", "pip", "install", *options, "-r", "requirements.txt"],
        cwd=folder,
        stderr=subprocess.PIPE,
    )
    stderr = Tail(pip.stderr)
    if status := pip.wait():
        errors = [line for line in stderr.text().splitlines() if line.startswith("ERROR")]
        said = " ".join(errors or stderr.text().split())[-MAX_ERROR:]
        raise StartError(f"`pip install -r requirements.txt` ended with status {status}: {said}")


class Tail:
    """Copies a stream (a buffered reader) to our stderr and keeps its end."""

    _SIZE = 64 * 1024  # bytes

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._kept = b""
        self._thread = threading.Thread(target=self._copy, name="stderr", daemon=True)
        self._thread.start()

    def text(self) -> str:
        """The end of what was written. To be called when the writer has ended.

        A process it left behind may hold the stream open, so this waits for at most a second.
        """
        self._thread.join(timeout=1)
        return self._kept.decode(errors="replace")

    def _copy(self) -> None:
        while chunk := self._stream.read1(self._SIZE):
            sys.stderr.buffer.write(chunk)
            sys.stderr.buffer.flush()
            self._kept = (self._kept + chunk)[-self._SIZE :]


def with_function(folder: Path, function: str) -> list[str]:
    """The Python files right in a folder that define or import a function of this name."""
    return [path.name for path in sorted(folder.glob("*.py")) if function in _names(path)]


def _names(path: Path) -> set[str]:
    import ast

    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return set()
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    imports = [node.names for node in tree.body if isinstance(node, ast.ImportFrom)]
    return defined | {each.asname or each.name for names in imports for each in names}
