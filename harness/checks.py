"""A thing that is needed, and whether it is there: what `harness doctor` reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Check:
    """One thing that is needed; `remedy`, empty where it is there, says how to get it.

    `unknown`: it can't be found out, and nothing waits for it.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    unknown: bool = False

    @classmethod
    def of(cls, name: str, ok: bool, detail: str, remedy: str) -> Check:
        return cls(name, ok, detail, "" if ok else remedy)

    @classmethod
    def unclear(cls, name: str, why: str) -> Check:
        return cls(name, True, f"not checked: {why}", unknown=True)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
