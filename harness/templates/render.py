"""A new project from a template: which files it has, and how they come into its folder.

A template is a folder of `files/`, and what several of them share. Beside that there is data, made
up by `harness.templates.data`, and for those with our serving app, the files of `container/`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.config.settings import Settings
from harness.errors import ConfigError, HarnessError
from harness.limits import disk
from harness.templates import data

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FILES = Path(__file__).parent / "files"

SERVING_APP = ("entrypoint.py", "later.py", "training.py", "serving")
"""What a project takes of container/: all that is between SageMaker and the user's functions."""


@dataclass(frozen=True)
class Template:
    """`folders` of `files/`, in which a later file replaces an earlier one of its name."""

    line: str
    folders: tuple[str, ...]
    data: Callable[[], Mapping[str, str]]
    serving_app: bool = False


TEMPLATES = {
    "sklearn": Template(
        "functions for training and predicting (hooks), on a serving app that is there already",
        ("common", "serving_app", "sklearn"),
        data.fruit,
        serving_app=True,
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
        serving_app=True,
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
    values = {"@PROJECT@": name, "@IMAGE@": image, "@ABOUT@": about}
    files: dict[str, bytes] = {}
    for folder in of.folders:
        for path, file in _below(FILES / folder).items():
            content = file.read_bytes()
            if path in {"harness.toml", "README.md"}:
                content = _filled(content.decode(), values).encode()
            files[path] = content
    if of.serving_app:
        for path, file in _below(_container(), SERVING_APP).items():
            files[f"container/{path}"] = file.read_bytes()
    files |= {f"data/{path}": text.encode() for path, text in of.data().items()}
    return files


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write them into a folder, which is made where it isn't there. Nothing is overwritten.

    Raises:
        ConfigError: some of them are there already, so that none is written.
        HarnessError: the folder can't be written to.
    """
    if taken := _taken(folder, files):
        raise ConfigError(
            f"{', '.join(taken)} {'is' if len(taken) == 1 else 'are'} in {folder} already, and "
            "nothing is overwritten: choose another folder, or move what is there."
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


def _below(folder: Path, only: tuple[str, ...] = ()) -> dict[str, Path]:
    """The files below a folder by their paths in a project, where `dot_x` is `.x`."""
    found = {}
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        if not file.is_file() or "__pycache__" in parts or (only and parts[0] not in only):
            continue
        found["/".join(_dotted(part) for part in parts)] = file
    return found


def _dotted(part: str) -> str:
    return f".{part[4:]}" if part.startswith("dot_") else part


def _container() -> Path:
    """The folder with our serving app: in the wheel beside the templates, else in the checkout."""
    packed = FILES / "container"
    return packed if packed.is_dir() else Path(__file__).parents[2] / "container"
