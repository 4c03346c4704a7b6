"""The whole of what a local AWS knows: forgotten, saved, and taken up again."""

from __future__ import annotations

import json
import logging
import sys
import threading
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from harness.errors import ServiceError
from harness.local.core.documents import plain, value_of
from harness.local.state.folder import StateFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from harness.local.core.backend import Backend
    from harness.local.moto.app import MotoApp
    from harness.local.state.turns import Turns

_log = logging.getLogger(__name__)

_RESOURCES = "resources.json"
_MOTO = "moto"


@runtime_checkable
class Keeps(Protocol):
    """A provider that has resources: as a document, and of one again."""

    def saved(self) -> list[dict[str, Any]]: ...

    def restore(self, saved: list[dict[str, Any]]) -> None: ...


class NoFolderError(ServiceError):
    """A state is to be saved or loaded, and there is no folder for it."""

    def __init__(self) -> None:
        super().__init__(
            "this local AWS has no state folder: start it with `harness up --state DIR`."
        )


class Keeper:
    """Knows what there is to be kept: the providers' resources, and moto's.

    `turns` lets no request in while it is at work.
    """

    def __init__(
        self,
        moto: MotoApp,
        backend: Backend | None,
        providers: Iterable[object],
        turns: Turns,
        account_id: str,
    ) -> None:
        self._moto = moto
        self._backend = backend
        self._providers = {
            type(each).__name__: each for each in providers if isinstance(each, Keeps)
        }
        self._turns = turns
        self._account_id = account_id
        self._folder: StateFolder | None = None
        self._lock = threading.Lock()
        self.after_reset: list[Callable[[], None]] = []
        """Called once everything is forgotten: they make what is to be there all the same."""

    def open(self, path: Path) -> None:
        """Take up what was saved in this folder, if anything was, and save there from now on.

        Raises:
            ServiceError: it can't be had, or what is in it can't be read.
        """
        self._folder = StateFolder(path)
        with self._lock:
            self._load(self._folder)

    def close(self) -> None:
        """Let others have the folder."""
        if self._folder is not None:
            self._folder.close()

    @property
    def folder(self) -> StateFolder:
        """Raises `NoFolderError`."""
        if self._folder is None:
            raise NoFolderError
        return self._folder

    def reset(self) -> None:
        """Forget everything, and end what runs; what `after_reset` makes is there again."""
        with self._lock:
            self._forget()
            for call in self.after_reset:
                call()
        _log.info("everything is forgotten, as it was asked for")

    def save(self) -> None:
        """Save everything in the folder.

        Raises:
            NoFolderError: there is none.
            ServiceError: it can't be written; what was saved before stays.
        """
        folder = self.folder
        with self._lock:
            if self._backend is not None:
                self._backend.logs.flush()
            with self._turns.alone():
                folder.save(self._account_id, self._write)
        _log.info("the state is saved in %s", folder.path)

    def load(self) -> None:
        """Forget everything, and take up what was saved last instead.

        Raises:
            NoFolderError: there is none.
            ServiceError: nothing was saved, or it can't be read; nothing is forgotten then.
        """
        folder = self.folder
        with self._lock:
            if folder.open(self._account_id) is None:
                raise ServiceError(f"no state was saved in {folder.path} yet.")
            self._forget()
            self._load(folder)

    def _forget(self) -> None:
        if self._backend is not None:
            self._backend.reset()
        with self._turns.alone():
            self._moto.reset()

    def _write(self, folder: Path) -> None:
        documents = {name: plain(each.saved()) for name, each in self._providers.items()}
        (folder / _RESOURCES).write_text(json.dumps(documents), encoding="utf-8")
        (folder / _MOTO).mkdir()
        if "moto.core.base_backend" in sys.modules:  # else there is nothing, and it is slow
            from harness.local.state import backends

            backends.save(folder / _MOTO)

    def _load(self, folder: StateFolder) -> None:
        found = folder.open(self._account_id)
        if found is None:
            return
        with self._turns.alone():
            try:
                documents = json.loads((found / _RESOURCES).read_text(encoding="utf-8"))
                if any((found / _MOTO).iterdir()):
                    from harness.local.state import backends

                    self._moto.prepare_for_state()
                    backends.load(found / _MOTO)
                for name, each in self._providers.items():
                    each.restore(value_of(documents.get(name, [])))
            except Exception as error:
                self._forget_quietly()
                _log.debug("the state in %s", folder.path, exc_info=True)
                raise folder.damaged(error) from error
        _log.info("the state of %s is taken up from %s", folder.saved, folder.path)

    def _forget_quietly(self) -> None:
        """Have nothing rather than a half."""
        if self._backend is not None:
            self._backend.store.clear()
        self._moto.reset()
