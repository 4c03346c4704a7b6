"""What an Update request makes of what a record has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def applied(
    values: Mapping[str, Any], changes: Mapping[str, Any], required: Collection[str]
) -> dict[str, Any]:
    """The values with the changes.

    A structure that an update needn't have changes what it has members for; one that it must have
    is whole, and stands in the place of the former.
    """
    changed = dict(values)
    for member, value in changes.items():
        if member == "DeleteProperties":
            for each in value:
                changed.pop(each, None)
        elif member.endswith("ToAdd"):
            known = changed.get(base := member.removesuffix("ToAdd"), [])
            changed[base] = [*known, *(each for each in value if each not in known)]
        elif member.endswith("ToDelete"):
            known = changed.get(base := member.removesuffix("ToDelete"), [])
            changed[base] = [each for each in known if each not in value]
        elif member.startswith("Disassociate"):
            if value:
                base = member.removeprefix("Disassociate")
                changed.pop(base, None)
                changed.pop(f"{base}Name", None)
        else:
            base = member.removesuffix("ForUpdate")
            changed[base] = value if member in required else merged(changed.get(base), value)
    return changed


def merged(value: Any, change: Any) -> Any:
    """A value with what its change has, in structures member by member."""
    if isinstance(value, dict) and isinstance(change, dict):
        return {**value, **{name: merged(value.get(name), each) for name, each in change.items()}}
    return change
