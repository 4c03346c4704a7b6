"""Faults on demand in tests: added by a test, gone after it, and each must have happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from harness.config.faults import Fault, problem, times
from harness.errors import ConfigError
from harness.service import faults as service

if TYPE_CHECKING:
    from collections.abc import Iterator


class Added:
    """A fault that a test has added."""

    def __init__(self, url: str, fault: Fault, times: int | None) -> None:
        self._url = url
        self._times = times
        self.fault = fault
        self.id = str(service.add(url, fault)["id"])

    @property
    def happened(self) -> int:
        """How often it has happened by now. Raises `ConfigError` once it is removed."""
        for each in service.listed(self._url):
            if each["id"] == self.id:
                return int(each["happened"])
        raise ConfigError(f"there is no fault {self.id}.")

    def remove(self) -> str:
        """Remove it; returns what was wrong with how often it happened, or nothing."""
        happened = int(service.remove(self._url, self.id)["happened"])
        if self._times is None:
            return "" if happened else f"{self} has never happened: nothing called what it is for"
        if happened == self._times:
            return ""
        return f"{self} has happened {times(happened)}, and should have {times(self._times)}"

    def __str__(self) -> str:
        keys = self.fault.model_dump(exclude_defaults=True)
        return f"the fault {', '.join(f'{key}={value!r}' for key, value in keys.items())}"


class Faults:
    """The faults of one test, on the local AWS at `url`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._added: list[Added] = []

    def add(self, *, times: int | None = None, **keys: Any) -> Added:
        """From now on, and to the end of the test, let this happen.

        Args:
            times: how often it must have happened by the end of the test; by default, at least
                once.
            keys: those of `[[faults]]` in harness.toml: `operation`, `error`, `count`, `event`, …

        Raises:
            ConfigError: a key is unknown, or has an impossible value.
        """
        try:
            fault = Fault.model_validate(keys)
        except ValidationError as error:
            problems = (f"faults.add: {problem(each)}." for each in error.errors())
            raise ConfigError("\n".join(problems)) from None
        added = Added(self._url, fault, times)
        self._added.append(added)
        return added

    def __iter__(self) -> Iterator[Added]:
        return iter(self._added)

    def close(self) -> list[str]:
        """Remove them; returns what was wrong with how often they happened."""
        added, self._added = self._added, []
        return [problem for each in added if (problem := each.remove())]
