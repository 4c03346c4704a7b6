"""The folder that a state is saved in, and read from: whole, or not at all.

Each time it is saved into a folder of its own; the one that counts is named by `state.json`, which
is replaced last. So a process that is killed in the middle leaves the state of before.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import shutil
import stat
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from harness.errors import ServiceError
from harness.limits import disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FORMAT = 1
"""Of what is in the folder. It goes up when a state of before can't be read any more."""

BLOBS = "blobs"
"""The folder of large objects. Of these the size is checked, and not every byte."""

_MANIFEST = "state.json"
_PREFIX = "saved-"


class StateFolder:
    """A folder of ours, which nobody else may look into, held for as long as it is open."""

    def __init__(self, path: Path) -> None:
        """Raises `ServiceError` if there can't be such a folder, or it is somebody's already."""
        self.path = path.expanduser().absolute()
        try:
            if self.path.exists() and not self.path.is_dir():
                raise ServiceError(f"the state folder {self.path} is a file: name a folder.")
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            names = [each.name for each in self.path.iterdir()]
            found = self.path.stat()
            if not names and found.st_uid == os.getuid():
                self.path.chmod(0o700)
                found = self.path.stat()
        except OSError as error:
            raise ServiceError(f"there can be no state in {self.path}: {error}.") from error
        others = [name for name in names if not _is_ours(name)]
        if others:
            raise ServiceError(
                f"the state folder {self.path} has other files ({others[0]}): name one that is "
                "empty, or that a state was saved in."
            )
        # Part of it are Python's pickles: who may write them may run code as us.
        if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise ServiceError(
                f"the state folder {self.path} is to be yours alone, since what is in it is "
                f"trusted: `chmod 700` it, or name another one."
            )
        self._lock = filelock.FileLock(self.path / ".lock")
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise ServiceError(
                f"the state folder {self.path} is another local AWS's that runs: end that one, or "
                "name another folder."
            ) from None

    def close(self) -> None:
        """Let others have it."""
        self._lock.release()

    @property
    def saved(self) -> str | None:
        """When a state was saved in it, as ISO 8601 has it; None if there is none."""
        manifest = self._manifest()
        return None if manifest is None else str(manifest["saved"])

    def save(self, account_id: str, write: Callable[[Path], None]) -> None:
        """Have a state written into an empty folder, and let it be the one that counts.

        Raises:
            ServiceError: there is no room, or the folder is gone; the state of before stays.
        """
        new = self.path / f"{_PREFIX}{time.time_ns()}"
        try:
            new.mkdir(mode=0o700)
            write(new)
            manifest = {
                "format": FORMAT,
                "harness": _version("sagemaker-harness"),
                "moto": _version("moto"),
                "account_id": account_id,
                "saved": datetime.now(UTC).isoformat(timespec="seconds"),
                "folder": new.name,
                "files": {name: _seal(file) for name, file in _files(new)},
            }
            draft = self.path / f"{_MANIFEST}.new"
            with draft.open("w", encoding="utf-8") as file:
                json.dump(manifest, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path / _MANIFEST)
        except BaseException as error:
            shutil.rmtree(new, ignore_errors=True)
            if isinstance(error, OSError):
                why = disk.sentence(error) if disk.is_full(error) else str(error)
                raise ServiceError(
                    f"the state can't be saved in {self.path}: {why}; what was saved there before "
                    "is as it was."
                ) from error
            raise
        self._remove_others(new.name)

    def open(self, account_id: str) -> Path | None:
        """The folder of the state that was saved last, whole; None if there is none yet.

        Raises:
            ServiceError: it is of another version or account, or damaged.
        """
        manifest = self._manifest()
        if manifest is None:
            return None
        moto = _version("moto")
        if manifest["format"] != FORMAT or manifest["moto"] != moto:
            raise ServiceError(
                f"the state in {self.path} is of another version: format {manifest['format']}, "
                f"moto {manifest['moto']}, saved by sagemaker-harness {manifest['harness']}; this "
                f"one reads format {FORMAT} of moto {moto}. Use that version, or another folder."
            )
        if manifest["account_id"] != account_id:
            raise ServiceError(
                f"the state in {self.path} is of account {manifest['account_id']}, and this local "
                f"AWS is of {account_id}: set local.account_id, or name another folder."
            )
        folder = self.path / str(manifest["folder"])
        for name, seal in manifest["files"].items():
            if not _is_whole(folder / name, seal):
                raise self._damaged(f"{folder.name}/{name} isn't as it was saved")
        self._remove_others(folder.name)
        return folder

    def _manifest(self) -> dict[str, Any] | None:
        file = self.path / _MANIFEST
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            for name, kind in (
                ("format", int), ("harness", str), ("moto", str), ("account_id", str),
                ("saved", str), ("folder", str), ("files", dict),
            ):  # fmt: skip
                _require(found[name], kind, name)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._damaged(f"{_MANIFEST} can't be read ({error})") from error
        names = [found["folder"], *found["files"]]
        if "/" in found["folder"] or any(".." in Path(name).parts for name in names):
            raise self._damaged(f"{_MANIFEST} names files elsewhere")
        return dict(found)

    def damaged(self, error: Exception) -> ServiceError:
        """What is said of a state that can't be taken up, though its files are whole."""
        return self._damaged(f"{type(error).__name__}: {error}")

    def _damaged(self, why: str) -> ServiceError:
        return ServiceError(
            f"the state in {self.path} is damaged: {why}. Name another folder, or remove this one "
            "to begin anew."
        )

    def _remove_others(self, kept: str) -> None:
        """Remove what earlier and broken-off saves have left."""
        for each in self.path.glob(f"{_PREFIX}*"):
            if each.name != kept:
                shutil.rmtree(each, ignore_errors=True)
        with contextlib.suppress(OSError):
            (self.path / f"{_MANIFEST}.new").unlink()


def _require(value: Any, kind: type, name: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{name} is no {kind.__name__}")


def _is_ours(name: str) -> bool:
    return name in (_MANIFEST, f"{_MANIFEST}.new", ".lock") or name.startswith(_PREFIX)


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield file.relative_to(folder).as_posix(), file


def _seal(file: Path) -> list[Any]:
    """A file's size, and the digest of its content if that is looked at."""
    size = file.stat().st_size
    if file.parent.name == BLOBS:
        return [size]
    with file.open("rb") as content:
        return [size, hashlib.file_digest(content, "sha256").hexdigest()]


def _is_whole(file: Path, seal: list[Any]) -> bool:
    try:
        return _seal(file) == seal
    except OSError:
        return False
