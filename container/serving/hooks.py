"""The user's functions, named and called as AWS's inference toolkit does.

`model_fn` is required; the others replace a default each:

    model_fn(model_dir) -> model
    input_fn(input_data, content_type) -> data
    predict_fn(data, model) -> prediction
    output_fn(prediction, accept) -> body, or (body, content_type)
    transform_fn(model, input_data, content_type, accept) -> body, or (body, content_type)

`transform_fn` stands for input_fn, predict_fn and output_fn together. `input_data` is a str for
application/json and text/csv, and bytes for every other content type; a body is a str or bytes.

A `ValueError` from input_fn, predict_fn or transform_fn says that the request can't be answered:
the client gets status 400 and its first line. So does `serving.errors.RequestError`, with its own
status. Anything else is a fault of the model: status 500, with the trace in the log only.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serving.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

ARGUMENTS = {
    "model_fn": ("model_dir",),
    "input_fn": ("input_data", "content_type"),
    "predict_fn": ("data", "model"),
    "output_fn": ("prediction", "accept"),
    "transform_fn": ("model", "input_data", "content_type", "accept"),
}


@dataclass(frozen=True)
class Hooks:
    """The functions that the user's file has; None where the default holds."""

    model_fn: Callable[[str], Any]
    input_fn: Callable[[Any, str], Any] | None = None
    predict_fn: Callable[[Any, Any], Any] | None = None
    output_fn: Callable[[Any, str], Any] | None = None
    transform_fn: Callable[[Any, Any, str, str], Any] | None = None


def load(code_dir: Path, program: str) -> Hooks:
    """Import the user's file and take its hooks.

    Raises:
        StartError: there is no such file, it can't be imported, or its hooks don't fit.
    """
    path = code_dir / program
    if not path.is_file():
        raise StartError(
            f"No {program} in {code_dir}; SAGEMAKER_PROGRAM must name the file with model_fn."
        )
    module = _import(path)
    functions = {name: getattr(module, name) for name in ARGUMENTS if hasattr(module, name)}
    if "model_fn" not in functions:
        raise StartError(f"{path} has no model_fn(model_dir), so there is no model to serve.")
    if "transform_fn" in functions and len(functions) > 2:
        others = ", ".join(sorted(functions.keys() - {"transform_fn", "model_fn"}))
        raise StartError(f"{path} has transform_fn, which can't be used beside {others}.")
    for name, function in functions.items():
        _check(path, name, function)
    return Hooks(**functions)


def _import(path: Path) -> ModuleType:
    sys.path.insert(0, str(path.parent))  # for the modules beside it
    if (path.parent / "lib").is_dir():  # where the SDK puts a model's `dependencies`
        sys.path.insert(1, str(path.parent / "lib"))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise StartError(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise StartError(f"{path} can't be imported: {_describe(error)}") from error
    return module


def _check(path: Path, name: str, function: Any) -> None:
    expected = f"{name}({', '.join(ARGUMENTS[name])})"
    if not callable(function):
        raise StartError(f"{path}: {name} must be a function: {expected}.")
    try:
        inspect.signature(function).bind(*ARGUMENTS[name])
    except TypeError:
        got = f"{name}{inspect.signature(function)}"
        raise StartError(f"{path}: {got} must be {expected}.") from None
    except ValueError:  # a builtin without a signature
        return


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


_LFS = b"version https://git-lfs.github.com/spec/"
_LFS_SIZE = 1024  # bytes; a pointer has about 130


def _hint(model_dir: Path) -> str:
    """What is to be seen of a model's folder that may be why it can't be loaded."""
    for path in sorted(model_dir.rglob("*")):
        if (
            path.is_file()
            and path.stat().st_size < _LFS_SIZE
            and path.read_bytes().startswith(_LFS)
        ):
            return (
                f". {path.relative_to(model_dir)} is a Git LFS pointer and not the file itself: "
                "run `git lfs pull`, and pack the model again"
            )
    return ""


def load_model(hooks: Hooks, model_dir: Path) -> Any:
    """Call `model_fn`.

    Raises:
        StartError: it failed, or there is no model.
    """
    try:
        model = hooks.model_fn(str(model_dir))
    except (Exception, SystemExit) as error:
        raise StartError(
            f"model_fn can't load the model from {model_dir}: {_describe(error)}{_hint(model_dir)}"
        ) from error
    if model is None:
        raise StartError(f"model_fn found no model in {model_dir}: it returned None.")
    return model
