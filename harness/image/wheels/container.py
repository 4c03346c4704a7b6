"""A command in a container of the base image, with files given and files taken."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from docker.errors import DockerException

from harness.errors import BuildError
from harness.image.context import tar_stream
from harness.local.engine.log_lines import lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from docker import DockerClient

WORK = "/wheelhouse"
"""The folder that it runs in."""


def run_in(
    client: DockerClient,
    image: str,
    command: list[str],
    *,
    seconds: float,
    files: dict[str, Path] | None = None,
    result: Path | None = None,
    network_mode: str = "none",
    environment: dict[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> tuple[str, int]:
    """Run a command in `WORK` of a container; its output and exit status.

    `files` are put there before, and what is in its `wheels` goes to `result` after. `on_line` is
    called with each line of the output as it comes, in a thread. If we are killed, the next start
    sees by the session's label that it is nobody's.
    """
    from harness.local.engine.sessions import Session  # seldom needed

    with closing(Session()) as session:
        container: Any = None
        try:
            container = client.containers.create(
                image,
                entrypoint=command,
                command=[],
                working_dir=WORK,
                network_mode=network_mode,
                environment=environment or {},
                labels=session.labels,
            )
            if files:
                container.put_archive(WORK, tar_stream(files))
            container.start()
            if on_line is not None:
                threading.Thread(target=_follow, args=(container, on_line), daemon=True).start()
            status = int(container.wait(timeout=seconds)["StatusCode"])
            said = container.logs().decode(errors="replace")
            if result is not None and status == 0:
                chunks, _ = container.get_archive(f"{WORK}/wheels")
                _extract(chunks, result)
        except requests.exceptions.RequestException as error:
            raise BuildError(
                f"`{' '.join(command)[:80]}` in {image} did not end within {seconds:.0f} s: "
                f"{error}."
            ) from error
        except DockerException as error:
            reason = getattr(error, "explanation", None) or error
            raise BuildError(f"`{command[0]}` could not be run in {image}: {reason}.") from error
        finally:
            if container is not None:
                container.remove(force=True)
    return said, status


def _follow(container: Any, on_line: Callable[[str], None]) -> None:
    """Pass on its lines as they come; it ends with the container."""
    with suppress(requests.exceptions.RequestException, DockerException, OSError, ValueError):
        for line in lines(container.logs(stream=True, follow=True)):
            on_line(line)


def _extract(chunks: Iterable[bytes], folder: Path) -> None:
    """The files of a tar, flat; by hand, as Debian 12's Python has no extraction filters yet."""
    with tempfile.TemporaryFile() as spool:
        spool.writelines(chunks)
        spool.seek(0)
        with tarfile.open(fileobj=spool) as tar:
            for entry in tar:
                if content := tar.extractfile(entry):
                    with (folder / Path(entry.name).name).open("wb") as file:
                        shutil.copyfileobj(content, file)
