"""Runs first in every Python of a shell that has what `harness env` prints: by PYTHONPATH.

It has the SageMaker SDK check its defaults without checking, at every look-up, the schema that it
has them in: 0.14 s each time, and some twenty times a deploy. The defaults are checked as before.
Nothing is imported for that before the SDK imports it. Of another `sitecustomize` on the path it
takes nothing away: that one runs, too.

It knows nothing of the harness, which the Python that runs it need not have.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from typing import Any

MODULES = {
    "sagemaker.config.config",
    "sagemaker.core.config.config",
    "sagemaker.core.config.config_manager",
    "sagemaker.core.utils.intelligent_defaults_helper",
}
"""Those of the SDK's v2 and v3 that call `jsonschema.validate`, with a schema of the SDK's own."""


class Unchecked:
    """`jsonschema` for one of these modules: its `validate` takes the schema for a valid one."""

    def __init__(self, jsonschema: Any) -> None:
        self._jsonschema = jsonschema
        self._validators: dict[int, tuple[Any, Any]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._jsonschema, name)

    def validate(self, instance: Any, schema: Any) -> None:
        """As `jsonschema.validate` does it, but for the schema's check."""
        if id(schema) not in self._validators:  # with the schema, so that its id remains its own
            made = self._jsonschema.validators.validator_for(schema)(schema)
            self._validators[id(schema)] = (schema, made)
        errors = self._validators[id(schema)][1].iter_errors(instance)
        error = self._jsonschema.exceptions.best_match(errors)
        if error is not None:
            raise error


def quicken(module: Any) -> None:
    """Have one of `MODULES` call `Unchecked.validate`."""
    if not isinstance(module.jsonschema, Unchecked):
        module.jsonschema = Unchecked(module.jsonschema)


class _Loader(importlib.abc.Loader):
    """Another one's loader, and what is to be done when it has loaded."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        self._loader.exec_module(module)
        if hasattr(module, "jsonschema"):  # else it is another version's, and does without
            quicken(module)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds `MODULES` where they are found without it."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name not in MODULES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


def run_the_next() -> None:
    """Run the `sitecustomize` that this one is in front of, in its place."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  # pathlib takes time
    folders = [os.path.abspath(each) for each in sys.path]  # noqa: PTH100
    # Only behind it: one in front of it has run it, and would again.
    behind = folders[folders.index(here) + 1 :] if here in folders else folders
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", behind)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


def quicken_all() -> None:
    """Quicken those of `MODULES` that are there, and the others when they come."""
    for name in MODULES & sys.modules.keys():
        quicken(sys.modules[name])
    if not any(isinstance(each, _Finder) for each in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


if __name__ == "sitecustomize":
    quicken_all()
    run_the_next()
