"""Takes out of an environment what no program in the image reads. The image's build calls it, once.

What programs may use stays: every public module of every package that is left, as fast to import
as before. What goes:

- what only sagemaker-training requires, and doesn't need here;
- sources, headers and a build system that take a compiler, type stubs, Windows' programs, packages'
  own tests, the files that statsmodels' data sets were made from;
- descriptions of AWS's services, for boto3, but for those that jobs and models talk to: all of them
  stay where requirements.txt leads to boto3 without sagemaker-training, as when it names boto3;
- the second of two libraries with the same content: a link to the first takes its place;
- what follows the last segment of a library: names for debuggers. The loader reads segments only.

Modules are compiled here as well, without the columns that tracebacks underline; lines stay.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.utils import canonicalize_name

TOOLKIT = "sagemaker-training"

# It imports gevent and Werkzeug nowhere, and paramiko for what can't run here: stand_ins/ tells.
UNUSED = {TOOLKIT: {"gevent", "paramiko", "werkzeug"}}

# What takes a compiler, a type checker or Windows to read.
SUFFIXES = {
    ".a", ".c", ".cpp", ".exe", ".h", ".hpp", ".in", ".pxd", ".pxi", ".pyi", ".pyx", ".tp", ".tpl",
}  # fmt: skip

# statsmodels reads each data set from the folder above its sources.
FOLDERS = ("*/**/tests", "joblib/test", "numpy/distutils", "statsmodels/datasets/*/src")

SERVICES = {
    "athena", "bedrock-runtime", "cloudwatch", "codeartifact", "cognito-idp", "dynamodb", "ecr",
    "events", "firehose", "glue", "iam", "kinesis", "kms", "lambda", "logs", "rds-data",
    "redshift-data", "s3", "sagemaker", "sagemaker-a2i-runtime", "sagemaker-featurestore-runtime",
    "sagemaker-metrics", "sagemaker-runtime", "secretsmanager", "signin", "sns", "sqs", "ssm",
    "sso", "sso-oidc", "stepfunctions", "sts",
}  # fmt: skip


# What is imported for libraries that aren't here, or by hand: it is compiled when that happens.
NOT_COMPILED = (
    r"/pip/|/google/protobuf/|/array_api_compat/(cupy|dask|torch)/"
    r"|/narwhals/_(arrow|dask|duckdb|ibis|polars|spark_like|sql)/"
)


def main(requirements: Path) -> None:
    site = Path(sysconfig.get_path("purelib"))
    before = size(site)
    asked = [
        Requirement(line)
        for line in (line.partition("#")[0].strip() for line in requirements.open())
        if line and not line.startswith("-")
    ]
    uninstall(installed() - reached(asked, UNUSED))
    remove_unread(site)
    if "botocore" not in reached([each for each in asked if each.name != TOOLKIT]):
        remove_services(site)
    libraries = [path for path in site.rglob("*.so*") if path.is_file()]
    link_duplicates(libraries)
    for library in libraries:
        cut(library)
    compile_modules(site)
    print(f"{before / 1e6:.0f} MB before, {size(site) / 1e6:.0f} MB now with compiled modules")


def size(folder: Path) -> int:
    """Bytes of the files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def installed() -> set[str]:
    return {canonicalize_name(each.name) for each in metadata.distributions()}


def reached(asked: list[Requirement], unused: dict[str, set[str]] | None = None) -> set[str]:
    """The packages that the requirements lead to, except over those that one has `unused`."""
    found: set[tuple[str, str]] = set()
    to_do = [
        (canonicalize_name(each.name), extra) for each in asked for extra in ("", *each.extras)
    ]
    while to_do:
        name, extra = to_do.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for line in metadata.requires(name) or ():
            each = Requirement(line)
            child = canonicalize_name(each.name)
            if child in (unused or {}).get(name, ()):
                continue
            if each.marker is None or each.marker.evaluate({"extra": extra}):
                to_do += [(child, extra) for extra in ("", *each.extras)]
    return {name for name, _ in found}


def uninstall(names: set[str]) -> None:
    if names:
        pip = [sys.executable, "-B", "-m", "pip", "--disable-pip-version-check", "uninstall"]
        options = ["--quiet", "--yes", "--root-user-action", "ignore"]
        subprocess.run([*pip, *options, *sorted(names)], check=True)


def remove_unread(site: Path) -> None:
    for pattern in FOLDERS:
        for folder in list(site.glob(pattern)):
            shutil.rmtree(folder, ignore_errors=True)  # it may be in one that has gone
    for path in list(site.rglob("*")):
        if path.suffix in SUFFIXES and path.is_file():
            path.unlink()


def remove_services(site: Path) -> None:
    for package in ("botocore", "boto3"):
        for folder in (site / package / "data").iterdir():
            if folder.is_dir() and folder.name not in SERVICES:
                shutil.rmtree(folder)


def link_duplicates(libraries: list[Path]) -> None:
    """Leave one of each: NumPy's and SciPy's wheels bring the same Fortran runtime."""
    first: dict[bytes, Path] = {}
    for path in sorted(libraries):
        if path.is_symlink():
            continue
        kept = first.setdefault(hashlib.sha256(path.read_bytes()).digest(), path)
        if kept != path:
            path.unlink()
            path.symlink_to(os.path.relpath(kept, path.parent))


def cut(library: Path) -> None:
    """End a library where its last segment does, with no table of sections."""
    if library.is_symlink():
        return
    content = bytearray(library.read_bytes())
    if content[:6] != b"\x7fELF\x02\x01":  # 64 bits, little-endian
        return
    (headers,) = struct.unpack_from("<Q", content, 32)
    entry, number = struct.unpack_from("<HH", content, 54)
    end = headers + entry * number
    for header in range(headers, end, entry):
        (offset,) = struct.unpack_from("<Q", content, header + 8)
        (length,) = struct.unpack_from("<Q", content, header + 32)
        end = max(end, offset + length)
    struct.pack_into("<Q", content, 40, 0)  # where the sections' headers start
    struct.pack_into("<HH", content, 60, 0, 0)  # how many, and which of them has the names
    library.write_bytes(content[:end])


def compile_modules(site: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "compileall", "-q", "-j", "0", "-x", NOT_COMPILED),
            *("--invalidation-mode", "unchecked-hash", str(site)),
        ],
        env={**os.environ, "PYTHONNODEBUGRANGES": "1"},
        check=True,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
