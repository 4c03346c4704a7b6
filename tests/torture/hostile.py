"""Values that nobody sends by mistake, and documents that are full of them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

LEAVES: list[Any] = [
    None, True, 0, -1, 1, 10**6, 2**31, 2**63, 10**400, 1e308, 0.1, "", " ", "0", "NaN",
    "-Infinity",
    "../../etc/passwd", "/", "\x00", "\n", "a" * 300, "a" * 100_000, "é" * 5_000, "\ud83d\ude00",
    "<script>alert(1)</script>", "${jndi:ldap://x}", "((a{9999}){9999}){9999}", "(a+)+$", "s3://",
    "s3://nowhere/../x", "arn:aws:iam::123456789012:role/x", "http://127.0.0.1/", [], {}, [[]],
    [None], ["x"] * 2_000, {"x": "y"}, {"": ""}, {str(number): "y" for number in range(2_000)},
]  # fmt: skip
"""Instead of a member of a request."""

EXPRESSIONS = [
    "((a{9999}){9999}){9999}", "(a+)+$", "(a|a)*$", "(a*)*b", "(.*a){30}",
    "((((((((((a*)*)*)*)*)*)*)*)*)*)$",
    "(" * 200 + "a" + ")" * 200, "a{1,2147483647}", "(?:a?){400}a{400}", "[a-z]+" * 80,
    "(?=(a+))a*b\\1",
    "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$",
]  # fmt: skip
"""Regular expressions that take all memory, or all time on a line of one letter."""

BODIES: list[bytes] = [
    b"", b"null", b"[]", b"{", b'"' + b"x" * 100_000, b"[" * 100_000, b'{"a":' * 50_000,
    b'{"TrainingJobName": NaN}', b'{"MaxResults": ' + b"9" * 5_000 + b"}", b'{"MaxResults": 1e999}',
    b'{"NameContains": "\\ud800"}', b"\xff\xfe\x00", b"\x00" * 1_000, b"{}" * 10_000,
    b'{"x":1,' * 10_000, b'{"MaxResults": -' + b"1" * 400 + b"}",
    b'{"TrainingJobName": "' + b"a" * 1_000_000 + b'"}',
]  # fmt: skip
"""Bodies of a JSON protocol that are no request, or a costly one."""


def mutate(document: dict[str, Any], choose: random.Random) -> dict[str, Any]:
    """The document with a few of its members, at any depth, replaced, removed or repeated."""
    changed = copy.deepcopy(document)
    for _ in range(choose.choice((1, 1, 1, 2, 5))):
        holder, key = choose.choice(_places(changed))
        match choose.randrange(8):
            case 0 if isinstance(holder, dict):
                del holder[key]
            case 1 if isinstance(holder, list):
                holder.extend(copy.deepcopy(holder[:1]) * choose.choice((1, 50, 1_000)))
            case 2 if isinstance(holder, dict):
                holder["Unknown"] = copy.deepcopy(choose.choice(LEAVES))
            case _:
                holder[key] = copy.deepcopy(choose.choice(LEAVES))
        if not changed:
            break
    return changed


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Where something of the document stands: its holder, and key or index in that."""
    found: list[tuple[Any, Any]] = []
    keys = document if isinstance(document, dict) else range(len(document))
    for key in keys:
        found.append((document, key))
        if isinstance(document[key], dict | list) and document[key]:
            found += _places(document[key])
    return found
