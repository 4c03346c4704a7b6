"""Where a test suite runs: the local AWS or the real one, and what it has made there."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from harness.errors import ConfigError
from harness.flow.context import Run, begin, unique_name
from harness.flow.progress import Log

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from docker import DockerClient

    from harness.config.settings import Settings
    from harness.flow.connection import Connection
    from harness.image.build import BuiltImage
    from harness.testing.budget import Budget


class Lines:
    """What was said while something was made: progress, and the containers' lines among it."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def __call__(self, line: str) -> None:
        self.all.append(line)

    @property
    def of_containers(self) -> list[str]:
        return [line.removeprefix(Log.MARK) for line in self.all if line.startswith(Log.MARK)]


class Target:
    """The settings' target for a whole suite. What tests make there is removed in the end.

    On AWS it is entered in a ledger first, as that of a run is, so that `harness clean` finds what
    a killed suite has left.
    """

    def __init__(
        self,
        settings: Settings,
        connection: Connection,
        docker: Callable[[], DockerClient],
        budget: Budget | None = None,
    ) -> None:
        self.settings = settings
        self.connection = connection
        self._docker = docker
        self.budget = budget
        self._suite = begin(settings, connection, print, keep=False)
        self._stack = ExitStack()
        self._images: dict[str, str] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._stack.enter_context(self._suite.tear_down)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def run(self, lines: Lines, **sections: Any) -> Run:
        """A run of its own name, with these sections of the settings in place of the project's."""
        settings = self.settings.model_copy(update=sections) if sections else self.settings
        return Run(
            name=unique_name(),
            settings=settings,
            connection=self.connection,
            progress=lines,
            tear_down=self._suite.tear_down,
        )

    def image(self, image: str | Path | None = None) -> str:
        """The name that the target runs an image by: the project's, or that of a folder or a name.

        A folder has a Dockerfile; its image is built, once for the suite. On AWS it is pushed.
        """
        key = str(image or "")
        with self._lock:
            if key not in self._images:
                self._images[key] = self._pushed(image)
            return self._images[key]

    def built(self, image: str | Path | None = None) -> str:
        """The same as the Docker engine here has it, whatever the target is."""
        return self._build(self._of(image)).name

    def _build(self, settings: Settings) -> BuiltImage:
        from harness.image.build import build

        return build(settings, self._docker(), progress=print)

    def _pushed(self, image: str | Path | None) -> str:
        from harness.image.ecr.push import push

        settings = self._of(image)
        built = self._build(settings)
        if not self.settings.place.repository:
            return built.name
        boto = self.connection.boto
        return str(push(settings, boto, self._docker(), built, progress=print))

    def _of(self, image: str | Path | None) -> Settings:
        if image is None:
            return self.settings
        folder = self.settings.root / image
        if not folder.is_dir():
            if isinstance(image, Path):
                raise ConfigError(f"there is no folder {folder} to build an image of.")
            existing = self.settings.image.model_copy(update={"uri": image})
            return self.settings.model_copy(update={"image": existing})
        from harness.config.loading import FILE_NAME, load
        from harness.config.settings import Image, Settings

        if (folder / FILE_NAME).is_file():
            loaded = load(folder / FILE_NAME, {})
            return loaded.model_copy(
                update={"target": self.settings.target, "aws": self.settings.aws}
            )
        name = Settings(root=folder).project.name
        own = Image(name=f"harness-{name}", context=".")
        return self.settings.model_copy(update={"root": folder, "image": own})


def as_source(value: Any, folder: Path) -> str:
    """A test's data as a source of the settings: a path, a URI, or files that are written here.

    `value` is a path, an S3 URI, `FILE.py:FUNCTION`, or files by their names, whose content is
    bytes or text.
    """
    if isinstance(value, str | Path):
        return str(value)
    if not isinstance(value, dict):
        raise TypeError(
            f"data is a path, an S3 URI or files by name, and this is {type(value).__name__}"
        )
    folder.mkdir(parents=True)
    for name, content in value.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else str(content).encode())
    return str(folder)
