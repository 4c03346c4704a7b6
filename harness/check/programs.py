"""What `docker run IMAGE train` starts: the entry point, or a program of that name, looked up."""

from __future__ import annotations

import io
import stat
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.local.data.opt_ml import CHUNK, TarReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Get = Callable[[str], Iterator[bytes] | None]

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LINKS = 8
"""Symbolic links that are followed."""

HEAD = 256


@dataclass(frozen=True)
class Program:
    """A program in an image. `problem`, empty if it can run, says why not, `remedy` what to do."""

    seen: str
    problem: str = ""
    remedy: str = ""
    missing: bool = False
    """Whether there is nothing of that name."""


@dataclass(frozen=True)
class _File:
    path: str
    mode: int
    head: bytes


def find(name: str, config: Mapping[str, Any], get: Get) -> Program:
    """What is started for the argument `name`.

    Args:
        config: the image's configuration.
        get: a path in the image to the tar of what stands there.
    """
    entrypoint = list(config.get("Entrypoint") or [])
    program = entrypoint[0] if entrypoint else name
    folder = config.get("WorkingDir") or "/"
    paths = [program if program.startswith("/") else f"{folder.rstrip('/')}/{program}"]
    if "/" not in program:
        variables = dict(each.partition("=")[::2] for each in config.get("Env") or [])
        path = variables.get("PATH") or DEFAULT_PATH
        paths = [f"{each.rstrip('/')}/{program}" for each in path.split(":") if each]
    files = [file for path in paths if (file := _look(path, get))]
    runnable = next((file for file in files if file.mode & 0o111), None)
    if runnable is None and files:
        return Program(
            files[0].path,
            f"{files[0].path} is not executable",
            f"RUN chmod +x {files[0].path}",
        )
    if runnable is None:
        return _missing(name, entrypoint)
    return _judge(runnable, name, entrypoint, get)


def _missing(name: str, entrypoint: list[str]) -> Program:
    if entrypoint:
        problem = f"the entry point {entrypoint[0]!r} isn't there"
        return Program("nothing", problem, "name a program that is in the image in ENTRYPOINT")
    return Program(
        "nothing",
        f"there is no ENTRYPOINT, and no {name!r} on the PATH",
        f"put an executable named {name} into a folder of the PATH (/usr/local/bin), or name a "
        f'program in ENTRYPOINT that takes the argument "{name}"',
        missing=True,
    )


def _judge(file: _File, name: str, entrypoint: list[str], get: Get) -> Program:
    seen = f"{file.path} {name}" if entrypoint else file.path
    if file.head.startswith(b"\x7fELF"):
        return Program(seen)
    if not file.head.startswith(b"#!"):
        return Program(
            seen,
            f"{file.path} is neither a program nor a script that begins with #!",
            "begin it with the line #!/usr/bin/env python3, or #!/bin/sh",
        )
    line = file.head[2:].partition(b"\n")[0].decode(errors="replace")
    if line.endswith("\r"):
        return Program(
            seen,
            f"{file.path} has Windows' line ends, so its interpreter is not found",
            f"save it with Unix' line ends: sed -i 's/\\r$//' {file.path}",
        )
    interpreter = (line.split() or [""])[0]
    if _look(interpreter, get) is None:
        return Program(
            seen,
            f"{file.path} begins with #!{line.strip()}, and there is no {interpreter}",
            "name an interpreter that is in the image",
        )
    return Program(seen)


def _look(path: str, get: Get) -> _File | None:
    """A file, where symbolic links have led to it; None if there is none."""
    for _ in range(LINKS):
        stream = get(path)
        if stream is None:
            return None
        try:
            source = io.BufferedReader(TarReader(stream), CHUNK)
            with tarfile.open(fileobj=source, mode="r|") as archive:
                member = archive.next()
                if member is None or member.isdir():
                    return None
                if not member.issym():
                    content = archive.extractfile(member)
                    head = content.read(HEAD) if content else b""
                    return _File(path, stat.S_IMODE(member.mode), head)
                target = member.linkname
        finally:
            for _rest in stream:  # until its end, the engine lets nobody else at the container
                pass
        path = target if target.startswith("/") else f"{path.rpartition('/')[0]}/{target}"
    return None
