"""Archives that nobody should extract as they are: as a model, and as what a job leaves."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

OUTSIDE = "/tmp/harness-torture-escaped"  # where nothing may ever arrive

Members = list[tuple[tarfile.TarInfo, bytes]]


def _file(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info, content


def _special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


UP = "../" * 12

HOSTILE: dict[str, Members] = {
    "name that climbs": [_file(UP + OUTSIDE[1:])],
    "absolute name": [_file(OUTSIDE)],
    "symbolic link out": [_special("a", tarfile.SYMTYPE, "/tmp"),
    _file("a/harness-torture-escaped")],
    "symbolic link that climbs": [_special("a", tarfile.SYMTYPE, UP + "etc"), _file("a/passwd")],
    "links in a chain": [
        _special("a", tarfile.SYMTYPE, "b"), _special("b", tarfile.SYMTYPE, ".."),
        _file("a/" + UP + OUTSIDE[1:]),
    ],
    "hard link out": [_special("a", tarfile.LNKTYPE, "/etc/passwd")],
    "hard link that climbs": [_special("a", tarfile.LNKTYPE, UP + "etc/shadow")],
    "devices": [_special("a", tarfile.CHRTYPE), _special("b", tarfile.BLKTYPE)],
    "pipe": [_special("a", tarfile.FIFOTYPE)],
    "link to itself": [_special("a", tarfile.SYMTYPE, "a"), _file("a/b")],
    "file and folder of one name": [_file("a"), _file("a/b"), _file("a")],
    "empty names": [_file("."), _file("./"), _file("//"), _file("..")],
    "control characters": [_file("a\nb"), _file("a\rb"), _file("\x1b[31m"), _file("é\udcff")],
    "deep": [_file("d/" * 1_500 + "x")],
    "long name": [_file("n" * 5_000)],
    "many": [_file(f"many/{number}") for number in range(20_000)],
    "set-user-id": [_file("a")],
}  # fmt: skip
HOSTILE["set-user-id"][0][0].mode = 0o6777


def archives() -> Iterator[tuple[str, bytes]]:
    """A name and the bytes of each `model.tar.gz`."""
    for name, members in HOSTILE.items():
        yield name, _tar_gz(members)
    whole = _tar_gz([_file("a", b"x" * 100_000)])
    yield "cut short", whole[: len(whole) // 2]
    yield "no archive", b"no archive"
    yield "empty", b""
    yield "gzip of nothing", gzip.compress(b"")
    yield "gzip of zeros", gzip.compress(bytes(50_000_000))
    yield "says a terabyte", _says(1 << 40)
    yield "says less than nothing", _says(-1)
    yield "checks nothing", gzip.compress(b"\xff" * 10_240)


def _tar_gz(members: Members) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", encoding="utf-8") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def _says(size: int) -> bytes:
    """An archive whose one member announces a size that it hasn't."""
    info = tarfile.TarInfo("a")
    info.size = abs(size)
    header = info.tobuf(tarfile.GNU_FORMAT)
    if size < 0:
        header = header[:124] + b"-0000000001\0" + header[136:]
        checksum = sum(header[:148]) + 8 * 32 + sum(header[156:512])
        header = header[:148] + b"%06o\0 " % checksum + header[156:]
    return gzip.compress(header + bytes(1_024))
