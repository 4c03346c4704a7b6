"""moto's backends as pickles: of moto's own classes, and of few others.

moto has no format for what it knows, and 170 services know it in a thousand classes: only pickles
take all of them. They are read from a folder of ours that nobody else may write to, never from what
a client sends; and so that a slip there isn't worse than it must be, they can name no function and
no class but moto's and those of the list below.
"""

from __future__ import annotations

import _thread
import enum
import importlib
import pickle
import re
import threading
import types
import weakref
from collections import OrderedDict, defaultdict
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CLASSES = frozenset({
    "builtins.bool", "builtins.bytearray", "builtins.bytes", "builtins.complex", "builtins.dict",
    "builtins.float", "builtins.frozenset", "builtins.int", "builtins.list", "builtins.object",
    "builtins.range", "builtins.set", "builtins.slice", "builtins.str", "builtins.tuple",
    "collections.Counter", "collections.OrderedDict", "collections.defaultdict",
    "collections.deque",
    "datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta",
    "datetime.timezone", "decimal.Decimal", "fractions.Fraction",
    "ipaddress.IPv4Address", "ipaddress.IPv4Network", "ipaddress.IPv6Address",
    "ipaddress.IPv6Network", "pathlib.PosixPath", "types.SimpleNamespace", "uuid.SafeUUID",
    "uuid.UUID", "zoneinfo.ZoneInfo", "queue.Queue", "threading.Condition",
    "botocore.utils.ArnParser", "harness.local.moto.ecr._Image",
})  # fmt: skip
"""Classes of others that moto keeps instances of."""

_MODULES = (
    "moto.", "dateutil.tz.", "requests.structures", "werkzeug.datastructures.",
)  # fmt: skip
"""How the names of modules begin of which any class may be named: they only hold data."""

_FUNCTIONS = frozenset({"copyreg.__newobj__", "copyreg._reconstructor", "re._compile"})

Restorer = tuple[str, tuple[Any, ...]]
"""What makes an object anew: its name among the unpickler's restorers, and its arguments."""


class Pickler(pickle.Pickler):
    """Pickles one of moto's backends. `special` says how to make what only we know to make."""

    def __init__(
        self,
        file: IO[bytes],
        special: Callable[[Any], Restorer | None],
        elsewhere: Callable[[Any], Any],
    ) -> None:
        """`elsewhere`: by what name an object that has a pickle of its own is known, or None."""
        super().__init__(file, protocol=5)
        self._special = special
        self._elsewhere = elsewhere

    def persistent_id(self, value: Any) -> Any:
        return self._elsewhere(value)

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, _thread.LockType):
            return _restored, ("lock", ())
        if isinstance(value, _thread.RLock):
            return _restored, ("rlock", ())
        if isinstance(value, threading.Condition):
            return _restored, ("condition", (value._lock,))  # type: ignore[attr-defined]
        if isinstance(value, weakref.WeakValueDictionary):
            return _restored, ("weak values", (dict(value),))
        if isinstance(value, dict) and type(value).__module__.startswith("moto."):
            # Past its own methods: an object's versions are one item to those of S3's.
            base = _base(type(value))
            state = getattr(value, "default_factory", None), vars(value), dict(base.items(value))
            return _restored, ("mapping", (type(value),)), state, None, None, _fill
        if isinstance(value, types.FunctionType):
            if value in (_restored, _fill) or _qualified(value) in _FUNCTIONS:
                return NotImplemented
            return _restored, ("function", _function(value))
        if isinstance(value, types.MethodType):
            return _restored, ("method", (value.__self__, value.__name__))
        if isinstance(
            value, enum.Enum
        ):  # Python's own way is by `getattr`, which could do anything
            return _restored, ("enum", (type(value), value.name))
        if isinstance(value, types.BuiltinMethodType):
            raise pickle.PicklingError(f"{value!r} is no function of moto's")
        if isinstance(value, type):
            if _is_known(value.__module__, value.__qualname__):
                return NotImplemented
            raise pickle.PicklingError(f"{_qualified(value)} is no class that is kept")
        if (made := self._special(value)) is not None:
            return _restored, made
        return NotImplemented


class Unpickler(pickle.Unpickler):
    """Reads what `Pickler` wrote. `restorers` make, by name, what it found special."""

    def __init__(
        self,
        file: IO[bytes],
        restorers: dict[str, Callable[..., Any]],
        elsewhere: Callable[[Any], Any],
    ) -> None:
        super().__init__(file)
        self._elsewhere = elsewhere
        self._restorers = {
            "lock": threading.Lock,
            "rlock": threading.RLock,
            "function": _local_function,
            "condition": threading.Condition,
            "mapping": _mapping,
            "method": _bound,
            "weak values": weakref.WeakValueDictionary,
            "enum": _member,
            **restorers,
        }

    def persistent_load(self, name: Any) -> Any:
        return self._elsewhere(name)

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == (__name__, _restored.__name__):
            return self._restore
        if (module, name) == (__name__, _fill.__name__):
            return _fill
        if f"{module}.{name}" in _FUNCTIONS:
            return super().find_class(module, name)
        if _is_known(module, name):
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is nothing that a state has")

    def _restore(self, name: str, arguments: tuple[Any, ...]) -> Any:
        if name not in self._restorers:
            raise pickle.UnpicklingError(f"nothing makes a {name}")
        make: Any = self._restorers[name]
        return make(*arguments)


def _restored(name: str, arguments: tuple[Any, ...]) -> Any:
    """Stands in pickles for what the unpickler has its own way to make."""
    raise pickle.UnpicklingError(f"{name} with {len(arguments)} arguments is only for a state")


def dumped(
    value: Any,
    file: Path,
    special: Callable[[Any], Restorer | None],
    elsewhere: Callable[[Any], Any],
) -> None:
    """Write a pickle. Raises whatever the value's parts do that can't be pickled."""
    with file.open("wb") as kept:
        Pickler(kept, special, elsewhere).dump(value)


def loaded(
    file: Path,
    restorers: dict[str, Callable[..., Any]],
    elsewhere: Callable[[Any], Any],
) -> Any:
    """Read a pickle. Raises `UnpicklingError`, or what else wrong content makes pickles raise."""
    with file.open("rb") as content:
        return Unpickler(content, restorers, elsewhere).load()


def _is_known(module: str, name: str) -> bool:
    return module.startswith(_MODULES) or f"{module}.{name}" in _CLASSES


def _qualified(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


# Functions: moto's `defaultdict`s have lambdas. They are found again where they are written.


def _function(function: types.FunctionType) -> tuple[Any, ...]:
    if not function.__module__.startswith("moto."):
        raise pickle.PicklingError(f"{_qualified(function)} is no function of moto's")
    cells = tuple(each.cell_contents for each in function.__closure__ or ())
    code = function.__code__
    return function.__module__, code.co_qualname, code.co_firstlineno, cells, function.__defaults__


def _local_function(
    module: str, qualname: str, line: int, cells: tuple[Any, ...], defaults: tuple[Any, ...] | None
) -> types.FunctionType:
    if not re.fullmatch(r"moto(\.\w+)+", module):
        raise pickle.UnpicklingError(f"{module} is no module of moto's")
    found: Any = importlib.import_module(module)
    outer, *inner = qualname.split(".<locals>.")
    for name in outer.split("."):
        found = vars(found)[name]
    found = getattr(found, "__func__", found)
    if not inner:
        if not isinstance(found, types.FunctionType):
            raise pickle.UnpicklingError(f"{module}.{qualname} is no function")
        return found
    code = _code_in(found.__code__, qualname, line)
    closure = tuple(types.CellType(each) for each in cells)
    namespace = vars(importlib.import_module(module))
    return types.FunctionType(code, namespace, code.co_name, defaults, closure)


def _code_in(code: types.CodeType, qualname: str, line: int) -> types.CodeType:
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            if each.co_qualname == qualname and each.co_firstlineno == line:
                return each
            if qualname.startswith(f"{each.co_qualname}."):
                return _code_in(each, qualname, line)
    raise pickle.UnpicklingError(f"{qualname} of line {line} isn't there any more")


def _mapping(class_: type[dict[Any, Any]]) -> Any:
    """One of moto's own, which may ask for something when it is made."""
    if not issubclass(class_, dict):
        raise pickle.UnpicklingError(f"{class_.__name__} is no mapping")
    return class_.__new__(class_)


def _fill(mapping: Any, state: tuple[Any, dict[str, Any], dict[Any, Any]]) -> None:
    """Let a `_mapping` have what it had."""
    default, fields, items = state
    base = _base(type(mapping))
    if base is defaultdict:
        mapping.default_factory = default
    for name, value in items.items():
        base.__setitem__(mapping, name, value)
    vars(mapping).update(fields)


def _base(class_: type) -> Any:
    """The mapping of Python's that a class of moto's is."""
    return next(each for each in (OrderedDict, defaultdict, dict) if issubclass(class_, each))


def _member(class_: type[enum.Enum], name: str) -> enum.Enum:
    return class_[name]


def _bound(value: Any, name: str) -> Any:
    """A method of one of moto's objects."""
    if not type(value).__module__.startswith("moto."):
        raise pickle.UnpicklingError(f"{type(value).__name__} is no class of moto's")
    method = getattr(type(value), name)
    if not isinstance(method, types.FunctionType) or not method.__module__.startswith("moto."):
        raise pickle.UnpicklingError(f"{name} is no method of moto's")
    return types.MethodType(method, value)
