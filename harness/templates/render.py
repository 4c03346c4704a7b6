"""A new project from a template: which files it has, and how they come into its folder.

A template is a folder of `files/`, and what several of them share. Beside that there is data, made
up by `harness.templates.data`, and what is taken of the checkout that the harness is made from: for
those with our serving app, the files of `container/`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.config.loading import FILE_NAME
from harness.config.settings import Settings
from harness.errors import ConfigError, HarnessError
from harness.limits import disk
from harness.templates import data

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FILES = Path(__file__).parent / "files"

SERVING_APP = {
    f"container/{name}": f"container/{name}"
    for name in ("entrypoint.py", "later.py", "training.py", "serving")
}
"""What a project takes of container/: all that is between SageMaker and the user's functions."""

GAUSS3 = {
    "container": "container",
    "gam_model/LICENSE": "gam_model/LICENSE",
    "gam_model/README.md": "gam_model/README.md",
    "gam_model/pyproject.toml": "gam_model/pyproject.toml",
    "gam_model/src": "gam_model/src",
    "data/gauss3.csv": "examples/gauss3/gauss3.csv",
    "data/gauss3.py": "examples/gauss3/gauss3.py",
    "harness.toml": "harness.toml",
}
"""The project of the checkout: files and folders, and where they stand there."""


@dataclass(frozen=True)
class Template:
    """`folders` of `files/`, in which a later file replaces an earlier one of its name.

    `taken` is what comes from the checkout, by the path in the project. `replaced` are texts of the
    files that are filled in, and what stands there instead.
    """

    line: str
    folders: tuple[str, ...]
    data: Callable[[], Mapping[str, str]] = dict
    taken: Mapping[str, str] = field(default_factory=dict)
    replaced: Mapping[str, str] = field(default_factory=dict)


TEMPLATES = {
    "sklearn": Template(
        "functions for training and predicting (hooks), on a serving app that is there already",
        ("common", "serving_app", "sklearn"),
        data.fruit,
        SERVING_APP,
    ),
    "flask": Template(
        "programs of your own, train and serve: a Flask app on gunicorn",
        ("common", "flask"),
        data.deliveries,
    ),
    "script": Template(
        "script mode: an image that runs the script which comes with each job",
        ("common", "serving_app", "script"),
        data.customers,
        SERVING_APP,
    ),
    "gauss3": Template(
        "a generalized additive model on NIST's Gauss3 data, in a package of its own",
        ("common", "gauss3"),
        taken=GAUSS3,
        replaced={
            'name = "gam"  # the image is harness-gam': 'name = "@PROJECT@"',
            "examples/gauss3/": "data/",
        },
    ),
    "image": Template(
        "around an image that exists (--image NAME); nothing is built",
        ("common", "image"),
        data.deliveries,
    ),
}

DEFAULT = "sklearn"


def project(template: str, name: str, image: str = "", about: str = "") -> dict[str, bytes]:
    """The files of a new project called `name`, by their paths.

    `image` is the one that the template `image` is about, and `about` what is known of it: lines of
    a comment.
    """
    of = TEMPLATES[template]
    values = {**of.replaced, "@PROJECT@": name, "@IMAGE@": image, "@ABOUT@": about}
    found: dict[str, Path] = {}
    for folder in of.folders:
        found |= _below(FILES / folder)
    for path, source in of.taken.items():
        found |= _below(_checkout() / source, path)
    files = {path: file.read_bytes() for path, file in found.items()}
    for path in files.keys() & {"harness.toml", "README.md"}:
        files[path] = _filled(files[path].decode(), values).encode()
    return files | {f"data/{path}": text.encode() for path, text in of.data().items()}


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write them into a folder, which is made where it isn't there. Nothing is overwritten.

    Raises:
        ConfigError: some of them are there already, so that none is written.
        HarnessError: the folder can't be written to.
    """
    if taken := _taken(folder, files):
        to_do = "choose another folder, or move what is there"
        if FILE_NAME not in taken:  # code that wants to become a project
            to_do = (
                f"choose another folder. Of a project, only {FILE_NAME} is needed for a container "
                "that you have: take it from there"
            )
        raise ConfigError(
            f"{', '.join(taken)} {'is' if len(taken) == 1 else 'are'} in {folder.absolute()} "
            f"already, and nothing is overwritten: {to_do}."
        )
    try:
        for path, content in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("xb") as new:
                new.write(content)
            if content.startswith(b"#!"):
                file.chmod(file.stat().st_mode | 0o111)
    except OSError as error:
        if disk.is_full(error):
            raise HarnessError(f"{disk.sentence(error, folder)}.") from None
        raise HarnessError(f"{error.filename}: can't be written: {error.strerror}.") from None


def project_name(folder: Path) -> str:
    """What a project in this folder is called."""
    # Unlike Path.resolve, it leaves a link that leads to itself for `write` to refuse.
    return Settings(root=Path(os.path.realpath(folder))).project.name


def _taken(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """What stands in the way of the files: they themselves, or something where a folder is due."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise ConfigError(f"{folder} is there already, and is no folder: choose another one.")
    found = {path for path in files if os.path.lexists(folder / path)}
    parents = {parent for path in files for parent in Path(path).parents}
    found |= {
        str(parent)
        for parent in parents
        if os.path.lexists(folder / parent) and not (folder / parent).is_dir()
    }
    return sorted(found)


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def _below(source: Path, path: str = "") -> dict[str, Path]:
    """A file, or those below a folder, by their paths in a project, where `dot_x` is `.x`.

    `path` is the source's own there.
    """
    if source.is_file():
        return {path: source}
    found = {}
    for file in sorted(source.rglob("*")):
        parts = file.relative_to(source).parts
        if file.is_file() and "__pycache__" not in parts:
            found["/".join([*filter(None, [path]), *map(_dotted, parts)])] = file
    return found


def _dotted(part: str) -> str:
    return f".{part[4:]}" if part.startswith("dot_") else part


def _checkout() -> Path:
    """The folder that has what is taken of the checkout: in the wheel, a copy of those files."""
    packed = FILES / "checkout"
    return packed if packed.is_dir() else Path(__file__).parents[2]
