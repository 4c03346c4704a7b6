"""All that moto knows, into a folder and back: a pickle for each service, account and region.

Beside the pickles are the bytes of large objects in S3, each a file, and the events of all logs, as
a database. A service that has what can't be pickled, a thread of its own for instance, is left out,
and said so.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import tempfile
from typing import TYPE_CHECKING, Any

from harness.local.engine.streams.pieces import Content
from harness.local.moto import s3_streaming
from harness.local.moto.logs import events
from harness.local.state import pickles
from harness.local.state.folder import BLOBS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.local.state.pickles import Restorer

_log = logging.getLogger(__name__)

_INDEX = "moto.json"
_EVENTS = "log-events.sqlite"

_TRIES = 5
"""How often a service is tried that a job changes while it is looked at."""

Place = tuple[str, str, str, str]
"""Which backend: module and name of its class, account, region."""


def save(folder: Path) -> None:
    """Write all that moto knows. What moto doesn't know, hasn't been imported, isn't either."""
    saving = _Saving(folder)
    index: dict[str, Place] = {}
    for number, (place, backend) in enumerate(saving.backends.items()):
        name = f"{number:04}.pickle"
        if saving.save(backend, place, folder / name):
            index[name] = place
    (folder / _INDEX).write_text(json.dumps(index), encoding="utf-8")
    if saving.has_events:
        events.save(folder / _EVENTS)


def load(folder: Path) -> None:
    """Let moto know what was saved, instead of what it knows by now.

    Raises whatever a pickle does that isn't as it was written.
    """
    index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    loading = _Loading(folder)
    try:
        for place in index.values():
            loading.make(*place)
        with events.saved_in(folder / _EVENTS):
            for name, place in index.items():
                loading.load(folder / name, *place)
    except BaseException:
        loading.undo()  # moto would fall over one that knows nothing
        raise


class _Saving:
    """One save. Backends that know each other are one backend each again."""

    def __init__(self, folder: Path) -> None:
        self._blobs = folder / BLOBS
        self._count = 0
        self.has_events = False
        self.backends: dict[Place, Any] = dict(_backends())
        self._places = {id(each): place for place, each in self.backends.items()}

    def save(self, backend: Any, place: Place, file: Path) -> bool:
        for attempt in range(1, _TRIES + 1):
            try:
                pickles.dumped(_fields(backend), file, self._special, self._place)
                _require_loadable(file)
            except OSError:
                raise
            except Exception as error:  # noqa: BLE001  # whatever is in it says so in its own way
                # "dictionary changed size during iteration"
                if isinstance(error, RuntimeError) and "changed" in str(error) and attempt < _TRIES:
                    continue
                self._left_out(place, file, error)
                return False
            return True
        return False

    def _left_out(self, place: Place, file: Path, error: Exception) -> None:
        file.unlink(missing_ok=True)
        module, _, _, region = place
        _log.error(
            "the state has nothing of moto's %s in %s: %s: %s",
            module.split(".")[1], region, type(error).__name__, error,
        )  # fmt: skip

    def _place(self, value: Any) -> Place | None:
        return self._places.get(id(value))

    def _special(self, value: Any) -> Restorer | None:
        module = type(value).__module__
        if module == "moto.s3.models" and type(value).__name__ == "FakeKey":
            return "object", self._object(value)
        if isinstance(value, events.Events):
            self.has_events = True
            return "events", value.saved()
        if module.startswith("cryptography.hazmat.bindings"):
            return _key(value)
        return None

    def _object(self, key: Any) -> tuple[Any, ...]:
        """moto's object in S3, whose bytes are in a file of their own if it is large."""
        fields = {
            name: each for name, each in vars(key).items() if name not in ("_value_buffer", "lock")
        }
        if key.disposed:
            return fields, b""
        content = s3_streaming.content(key)
        if isinstance(content, bytes):
            return fields, content
        self._blobs.mkdir(exist_ok=True)
        self._count += 1
        with (self._blobs / str(self._count)).open("wb") as file:
            content.copy_to(file.fileno())
        return fields, self._count


class _Loading:
    """One load."""

    def __init__(self, folder: Path) -> None:
        self._blobs = folder / BLOBS
        self._made: list[tuple[dict[str, Any], str]] = []
        self._restorers: dict[str, Callable[..., Any]] = {
            "object": self._object,
            "events": events.Events.restored,
            **_KEYS,
        }

    def make(self, module: str, name: str, account: str, region: str) -> Any:
        """A backend that knows nothing at all yet, in its place."""
        table = _table(module, name)
        made = table.backend.__new__(table.backend)
        table[account][region] = made
        self._made.append((table[account], region))
        return made

    def undo(self) -> None:
        """Let moto have no backend in these places."""
        for regions, region in self._made:
            regions.pop(region, None)

    def load(self, file: Path, module: str, name: str, account: str, region: str) -> None:
        table = _table(module, name)
        backend = table[account][region]
        _fields(backend).update(pickles.loaded(file, self._restorers, self._backend))
        if module == "moto.s3.models":
            for bucket in backend.buckets:
                table.bucket_accounts[bucket] = (region, account)

    def _backend(self, place: Place) -> Any:
        module, name, account, region = place
        return _table(module, name)[account][region]

    def _object(self, fields: dict[str, Any], content: bytes | int) -> Any:
        import threading

        from moto.s3.models import FakeKey

        key: Any = FakeKey.__new__(FakeKey)
        vars(key).update(fields)
        file = tempfile.SpooledTemporaryFile(key._max_buffer_size)  # noqa: SIM115  # it is the key's
        key._value_buffer = file
        key.lock = threading.Lock()
        if isinstance(content, bytes):
            file.write(content)
            return key
        file.rollover()
        descriptor = os.open(self._blobs / str(content), os.O_RDONLY)
        Content(descriptor, 0, os.fstat(descriptor).st_size).copy_to(file.fileno())
        return key


def _fields(backend: Any) -> dict[str, Any]:
    """Its own, of one that hands everything on to another, too."""
    found: dict[str, Any] = object.__getattribute__(backend, "__dict__")
    return found


def _require_loadable(file: Path) -> None:
    """Raise what reading the pickle will: better to know it now, without what is beside it."""
    stubs = dict.fromkeys(("object", "events"), lambda *_: None)
    pickles.loaded(file, _KEYS | stubs, lambda _: None)


def _backends() -> Iterator[tuple[Place, Any]]:
    from moto.core.base_backend import BackendDict

    for table in list(BackendDict._instances):  # type: ignore[misc]  # mypy takes it for generic
        for account, regions in list(table.items()):
            for region, backend in list(regions.items()):
                yield (type(backend).__module__, type(backend).__name__, account, region), backend


def _table(module: str, name: str) -> Any:
    """moto's table of the backends of a class."""
    from moto.core.base_backend import BackendDict

    if not module.startswith("moto."):
        raise ValueError(f"{module} is none of moto's modules")
    for value in vars(importlib.import_module(module)).values():
        if isinstance(value, BackendDict) and value.backend.__name__ == name:
            return value
    raise ValueError(f"moto has no {module}.{name}")


# Keys of KMS, and certificates: objects of another library, which has formats for them.


def _key(value: Any) -> Restorer | None:
    from cryptography.hazmat.primitives import serialization as as_

    der = as_.Encoding.DER
    if hasattr(value, "private_bytes"):
        return "private key", (
            value.private_bytes(der, as_.PrivateFormat.PKCS8, as_.NoEncryption()),
        )
    if hasattr(value, "fingerprint"):
        return "certificate", (value.public_bytes(der),)
    if hasattr(value, "public_bytes"):
        return "public key", (value.public_bytes(der, as_.PublicFormat.SubjectPublicKeyInfo),)
    return None


def _private_key(data: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    return load_der_private_key(data, None)


def _public_key(data: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    return load_der_public_key(data)


def _certificate(data: bytes) -> Any:
    from cryptography.x509 import load_der_x509_certificate

    return load_der_x509_certificate(data)


_KEYS: dict[str, Callable[..., Any]] = {
    "private key": _private_key,
    "public key": _public_key,
    "certificate": _certificate,
}
