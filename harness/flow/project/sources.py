"""Where a project's data is: files, folders, functions of its own, and objects in S3."""

from __future__ import annotations

import importlib.util
import re
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from harness.errors import ConfigError, FlowError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

_FUNCTION = re.compile(r"(?P<file>[^:]+\.py):(?P<name>[A-Za-z_]\w*)")


def is_function(source: str) -> bool:
    return _FUNCTION.fullmatch(source) is not None


def is_uri(source: str) -> bool:
    return source.startswith("s3://")


def is_output(source: str) -> bool:
    """Whether it is an output of the processing job."""
    return source.startswith("processing:")


def check(root: Path, source: str, key: str) -> None:
    """Raises `ConfigError`, with the key of the settings, for what isn't there.

    Whether there is such an output of the processing job, the settings have seen to.
    """
    if is_uri(source) or is_output(source):
        return
    if is_function(source):
        function(root, source, key)
        return
    if not _exists(root / source):
        raise ConfigError(
            f"{key} = {source!r}: there is no such file or folder in {root} (a function is "
            "FILE.py:FUNCTION, an object s3://BUCKET/KEY)."
        )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long, a folder that may not be looked into
        return False


def function(root: Path, source: str, key: str) -> Callable[..., Any]:
    """The project's function `FILE.py:FUNCTION`.

    Raises:
        ConfigError: there is no such file, it can't be imported, or has no such function.
    """
    match = _FUNCTION.fullmatch(source)
    if match is None:
        raise ConfigError(f"{key} = {source!r}: a function is FILE.py:FUNCTION.")
    file = root / match["file"]
    if not _exists(file) or not file.is_file():
        raise ConfigError(f"{key} = {source!r}: there is no file {file}.")
    module = _imported(file, key)
    found = getattr(module, match["name"], None)
    if not callable(found):
        raise ConfigError(f"{key} = {source!r}: {file} has no function {match['name']}.")
    return cast("Callable[..., Any]", found)


def _imported(file: Path, key: str) -> ModuleType:
    """The module of a file, imported once; its folder is where it finds its own modules.

    There they come first while it is imported, and last when its functions import more.
    """
    name = f"harness_project_{file.stem}_{abs(hash(file.resolve())):x}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None  # noqa: S101  # it ends with .py
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(file.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ConfigError(f"{key}: {file} can't be imported: {_words(error)}.") from error
    finally:
        sys.path.remove(str(file.parent))
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    return module


def _words(error: BaseException) -> str:
    """What was raised, on one line."""
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def call(what: Callable[..., Any], key: str, *arguments: Any, **named: Any) -> Any:
    """Call a function of the project. Raises `FlowError` for whatever it raises."""
    try:
        return what(*arguments, **named)
    except (Exception, SystemExit) as error:
        raise FlowError(f"{key}: it raised {_words(error)}.") from error


@contextmanager
def files(root: Path, source: str, key: str) -> Iterator[dict[str, Path]]:
    """The files of a source by their paths in it; those that a function made go in the end.

    Raises:
        FlowError: there are none, or the function failed.
    """
    if not is_function(source):
        yield _found(root / source, key)
        return
    with tempfile.TemporaryDirectory(prefix="harness-source-") as folder:
        call(function(root, source, key), f"{key} = {source!r}", Path(folder))
        yield _found(Path(folder), key)


def _found(path: Path, key: str) -> dict[str, Path]:
    if path.is_file():
        return {path.name: path}
    if not path.exists():
        raise FlowError(f"{key}: there is no {path}.")
    found = {
        each.relative_to(path).as_posix(): each
        for each in sorted(path.rglob("*"))
        if each.is_file() and not any(p.startswith(".") for p in each.relative_to(path).parts)
    }
    if not found:
        raise FlowError(f"{key}: there are no files in {path}.")
    return found
