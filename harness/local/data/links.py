"""Links in a folder that goes to S3, which has none: the files that they lead to.

AWS doesn't say what its uploader makes of them. Here a link within the folder counts for what it
leads to. One that leads out of it, or nowhere, or back to where it is, is left out: nothing outside
of the folder is read for it. All of it is told by the names that the engine's archive of the folder
has; no file system is asked.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Iterator

MAX_FOLLOWED = 100_000
"""Files and folders that links add to those of a folder: links to folders of links multiply."""

MAX_KEY = 1024
"""Bytes of a key in S3."""

MAX_HOPS = 40
"""Links on the way to a file, as on Linux."""

_Parts = tuple[str, ...]


class _LostError(Exception):
    """A link that can't be followed; the text says where it leads, behind its target."""


class Tree:
    """What is in one folder, as far as it was `add`ed.

    `path` is the folder's own in the container, which absolute links may begin with.
    """

    def __init__(self, path: str, real: str = "") -> None:
        """`real` is where the folder is if there is a link to it at `path`."""
        self._path = _parts(path)
        self._root = _parts(real or path)
        self._files: set[_Parts] = set()
        self._folders: dict[_Parts, set[str]] = defaultdict(set)
        """By folder: the names of what is in it."""
        self._links: dict[_Parts, str] = {}
        self._same: dict[_Parts, _Parts] = {}
        """Hard links: which file each is."""
        self._left = MAX_FOLLOWED
        self.lost: dict[str, str] = {}
        """The links that `followed` or `check` left out, by name, and why."""
        self._folders[self._root] = set()

    def add(self, name: str, member: tarfile.TarInfo, target: str) -> None:
        """Note what the archive has; `name` is relative to the folder, as is a hard `target`."""
        parts = self._root + _parts(name)
        for end in range(len(self._root) + 1, len(parts) + 1):
            self._folders[parts[: end - 1]].add(parts[end - 1])
        if member.isdir():
            self._folders[parts] |= set()
        elif member.isreg():
            self._files.add(parts)
        elif member.issym():
            self._links[parts] = target
        elif member.islnk():
            first = self._root + _parts(target)
            if first in self._links:  # the link itself has two names
                self._links[parts] = self._links[first]
            else:
                self._same[parts] = self._same.get(first, first)

    def followed(self) -> Iterator[tuple[str, str]]:
        """The names of files that links add, and of the files that they are, in the folder."""
        for parts, file in self._same.items():
            if file in self._files:
                yield self._name(parts), self._name(file)
        for parts in sorted(self._links):
            for name, file in self._behind(parts):
                yield name, self._name(file)

    def check(self) -> None:
        """Put all links that can't be followed into `lost`."""
        for parts in sorted(self._links):
            self._target(parts)

    def _name(self, parts: _Parts) -> str:
        return "/".join(parts[len(self._root) :])

    def _lose(self, parts: _Parts, why: str) -> None:
        self.lost[self._name(parts)] = f"it is a link to {self._links[parts]!r}, {why}"

    def _target(self, parts: _Parts) -> _Parts | None:
        try:
            return self._resolved(parts)
        except _LostError as error:
            self._lose(parts, str(error))
            return None

    def _behind(self, link: _Parts) -> Iterator[tuple[str, _Parts]]:
        """The name of each file that a link adds, and the file itself."""
        todo: list[tuple[str, _Parts, frozenset[_Parts]]] = [(self._name(link), link, frozenset())]
        while todo:
            name, parts, entered = todo.pop()
            self._left -= 1
            if self._left < 0:
                self._lose(link, f"and links add more than {MAX_FOLLOWED} files and folders")
                return
            real: _Parts | None = parts
            if parts in self._links:
                real = self._target(parts)
                around = {parts[:end] for end in range(len(self._root), len(parts))}
                if real in around | entered:
                    self._lose(parts, "in which it is itself")
                    continue
            if real is None:
                continue
            file = self._same.get(real, real)
            if file in self._files:
                yield name, file
            elif real in self._folders:
                if len(name.encode(errors="replace")) > MAX_KEY:
                    self._lose(link, f"by which names get longer than {MAX_KEY} bytes")
                    return
                inside = entered | {real, parts[:-1]}
                todo += [
                    (f"{name}/{each}", (*real, each), inside)
                    for each in sorted(self._folders[real], reverse=True)
                ]

    def _resolved(self, link: _Parts) -> _Parts:
        """Where a link leads, past all others on its way. Raises `_LostError`."""
        at, todo, hops = link[:-1], list(reversed(_split(self._links[link]))), 1
        if self._links[link].startswith("/"):
            at = ()
        while todo:
            part = todo.pop()
            at = at[:-1] if part == ".." else (*at, part)
            if at == self._path:
                at = self._root
            if at not in self._links:
                continue
            hops += 1
            if hops > MAX_HOPS:
                raise _LostError("which leads back to itself")
            target = self._links[at]
            at = () if target.startswith("/") else at[:-1]
            todo += reversed(_split(target))
        if at[: len(self._root)] != self._root:
            raise _LostError(f"which is outside of /{'/'.join(self._path)}")
        if at not in self._folders and self._same.get(at, at) not in self._files:
            raise _LostError("where there is no file or folder")
        return at


def _parts(path: str) -> _Parts:
    return tuple(_split(posixpath.normpath(path)))


def _split(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
