"""Pickles of moto's objects: whose classes they may name, and what they bring back."""

import enum
import os
import pickle
import subprocess
import threading
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest

from harness.local.state import pickles


class Runs:
    """Has its pickle call something."""

    def __init__(self, call, *arguments):
        self._reduced = call, arguments

    def __reduce__(self):
        return self._reduced


def restored(value, tmp_path, **restorers):
    pickles.dumped(value, tmp_path / "pickle", lambda _: None, lambda _: None)
    return pickles.loaded(tmp_path / "pickle", restorers, lambda _: None)


@pytest.mark.parametrize(
    "value",
    [
        Runs(os.system, "true"),
        Runs(eval, "1"),
        Runs(getattr, "text", "upper"),
        Runs(subprocess.Popen, ["true"]),
        Runs(__import__, "os"),
        os.path.join,
        threading.Thread,
    ],
    ids=["system", "eval", "getattr", "Popen", "import", "function", "class"],
)
def test_a_pickle_that_names_anything_else_is_refused(value, tmp_path):
    file = tmp_path / "pickle"
    file.write_bytes(pickle.dumps(value))
    with pytest.raises(pickle.UnpicklingError, match="is nothing that a state has"):
        pickles.loaded(file, {}, lambda _: None)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("system", ("true",)),
        ("function", ("os", "system", 1, (), None)),
        ("function", ("moto.core.utils", "os.system", 1, (), None)),
        ("method", ("text", "upper")),
        ("method", (SimpleNamespace(), "__init__")),
    ],
)
def test_no_restorer_makes_anything_but_motos(name, arguments, tmp_path):
    file = tmp_path / "pickle"
    file.write_bytes(pickle.dumps(Runs(pickles._restored, name, arguments)))
    with pytest.raises((pickle.UnpicklingError, KeyError, TypeError)):
        pickles.loaded(file, {}, lambda _: None)


def test_what_is_not_kept_is_refused_when_it_is_saved(tmp_path):
    for value in (Runs(os.system, "true"), threading.Thread(), print, lambda: 1):
        with pytest.raises((pickle.PicklingError, TypeError)):
            restored(value, tmp_path)


def test_locks_are_new_ones_and_free(tmp_path):
    held = threading.Lock()
    with held:
        lock, again, reentrant, condition = restored(
            [held, held, threading.RLock(), threading.Condition()], tmp_path
        )
    assert lock is again
    assert lock.acquire(blocking=False)
    with reentrant, condition:
        condition.notify_all()


def test_functions_and_enums_of_motos_come_back(tmp_path):
    from moto.ssm.models import ParameterDict, SimpleSystemManagerBackend

    backend = SimpleSystemManagerBackend("us-east-1", "123456789012")
    tags = restored(backend._resource_tags, tmp_path)
    assert isinstance(tags, defaultdict)
    tags["Parameter"]["name"]["key"] = "value"
    parameters: Any = ParameterDict("123456789012", "us-east-1")
    parameters["name"].append(1)
    found = restored(parameters, tmp_path)
    assert (type(found), found["name"], found["other"]) == (ParameterDict, [1], [])
    assert found.account_id == "123456789012"


def test_objects_that_have_a_pickle_of_their_own_are_named(tmp_path):
    one = object()
    pickles.dumped(
        [one, 1], tmp_path / "p", lambda _: None, lambda each: "one" if each is one else None
    )
    assert pickles.loaded(tmp_path / "p", {}, lambda name: f"the {name}") == ["the one", 1]


class Colour(enum.Enum):
    RED = 1


def test_an_enum_that_is_not_motos_is_refused(tmp_path):
    with pytest.raises(pickle.PicklingError, match="Colour is no class that is kept"):
        restored(Colour.RED, tmp_path)
