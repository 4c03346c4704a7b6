"""A Dockerfile as text: its arguments, and what of the context it copies to where."""

from __future__ import annotations

import fnmatch
import json
import posixpath
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from harness.config.settings import Image

_CONTINUED = re.compile(r"\\[ \t]*\n(?:[ \t]*#.*\n)*")
"""Where an instruction goes on in the next line, but for comments."""

_ARG = re.compile(r"^[ \t]*ARG[ \t]+(?P<all>.*)", re.IGNORECASE | re.MULTILINE)
_DEFAULT = re.compile(r"""(?P<name>\w+)(?:=(?P<default>"[^"]*"|'[^']*'|\S*))?""")
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<how>:?[-+])(?P<word>[^}]*))?\}|\$(?P<plain>\w+)")
_INSTRUCTION = re.compile(r"^[ \t]*(?P<word>[A-Za-z]+)[ \t]+(?P<rest>.*?)[ \t]*$", re.MULTILINE)


def joined(dockerfile: str) -> str:
    """A Dockerfile with each instruction in one line."""
    return _CONTINUED.sub(" ", dockerfile)


def arguments(text: str) -> Iterator[tuple[str, str]]:
    """The names and defaults of the `ARG`s in a text."""
    for line in _ARG.finditer(text):
        for each in _DEFAULT.finditer(line["all"]):
            yield each["name"], (each["default"] or "").strip("\"'")


def expanded(text: str, values: Mapping[str, str]) -> str:
    """A text with the values of its variables, as Docker knows them: `${A:-b}` and its kin."""

    def value(variable: re.Match[str]) -> str:
        name, how, word = variable["name"] or variable["plain"], variable["how"], variable["word"]
        found = values.get(name, "")
        there = bool(found) if how in {":-", ":+"} else name in values
        if how in {":+", "+"}:
            return word if there else ""
        return found if there or how is None else word

    return _VARIABLE.sub(value, text)


@dataclass
class _Stage:
    folder: str = "/"
    copies: list[tuple[str, str]] = field(default_factory=list)


def copies(dockerfile: str, image: Image, context: Collection[str]) -> list[tuple[str, str]]:
    """What of the context stands where in the image, as pairs of paths: folders, or single files.

    Of those that lie in each other, the inner come first. "" is the context itself. `context` is
    the paths of its files. What instructions of `RUN` copy isn't seen.
    """
    stages: dict[str, _Stage] = {}
    stage, number = _Stage(), 0
    values: dict[str, str] = {}
    for each in _INSTRUCTION.finditer(joined(dockerfile)):
        word, rest = each["word"].upper(), each["rest"]
        if word == "FROM":
            if stages.get(image.target) is stage:
                break
            words = [each for each in _words(expanded(rest, values)) if not each.startswith("--")]
            before, name = "".join(words[:1]), "".join(words[2:3])
            parent = stages.get(before, _Stage())
            stage = _Stage(parent.folder, list(parent.copies))
            stages |= {str(number): stage, name or str(number): stage}
            number += 1
        elif word == "ARG":
            for name, default in arguments(f"ARG {rest}"):
                values[name] = image.build_args.get(name, expanded(default, values))
        elif word == "ENV":
            values |= dict(_variables(expanded(rest, values)))
        elif word == "WORKDIR":
            stage.folder = posixpath.join(stage.folder, expanded(rest, values).strip("\"'"))
        elif word in {"COPY", "ADD"}:
            stage.copies += _copied(expanded(rest, values), stage, stages, context)
    found = dict.fromkeys(stage.copies)
    return sorted(found, key=lambda pair: (len(pair[0]), len(pair[1])), reverse=True)


def _variables(text: str) -> Iterator[tuple[str, str]]:
    words = _words(text)
    if words and "=" not in words[0]:  # the old form, of one
        yield words[0], " ".join(words[1:])
    else:
        yield from (word.partition("=")[::2] for word in words)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # the build will say more of it
        return text.split()


def _copied(
    text: str, stage: _Stage, stages: Mapping[str, _Stage], context: Collection[str]
) -> Iterator[tuple[str, str]]:
    """The pairs of one COPY or ADD."""
    source = ""
    while text.startswith("--"):
        flag, _, text = text.partition(" ")
        text = text.lstrip()
        if flag.startswith("--from="):
            source = flag.removeprefix("--from=")
    try:
        words = list(map(str, json.loads(text))) if text.startswith("[") else _words(text)
    except ValueError:
        return
    if len(words) < 2:
        return
    *sources, last = words
    target = posixpath.normpath(posixpath.join(stage.folder, last))
    into = last.endswith("/") or last in {".", ".."} or len(sources) > 1
    for each in sources:
        if source:
            yield from _moved(stages.get(source, _Stage()), posixpath.normpath(each), target)
            continue
        path = posixpath.normpath(each.lstrip("/") or ".")
        path = "" if path == "." else path
        if not path or any(name.startswith(f"{path}/") for name in context):
            yield path, target
            continue
        for name in fnmatch.filter(context, path):
            if name.count("/") != path.count("/"):  # which Docker's wildcards don't stand for
                continue
            own = posixpath.basename(name)
            yield name, posixpath.join(target, own) if into or "*" in path else target


def _moved(stage: _Stage, source: str, target: str) -> Iterator[tuple[str, str]]:
    """What another stage has copied, where it is in this one."""
    for local, there in stage.copies:
        if f"{there}/".startswith(f"{source.rstrip('/')}/"):
            rest = there[len(source.rstrip("/")) :].lstrip("/")
            yield local, posixpath.normpath(posixpath.join(target, rest))
        elif source.startswith(f"{there}/"):
            yield posixpath.join(local, source[len(there) + 1 :]), target
