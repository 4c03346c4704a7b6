"""The model card in a model package, and what of it is shown without its content."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_PRESERVED = (
    ("model_overview", "model_id"),
    ("model_overview", "model_name"),
    ("intended_uses", "risk_rating"),
    ("model_package_details", "model_package_group_name"),
    ("model_package_details", "model_package_arn"),
)
"""What a card keeps for `MetadataOnly` (DescribeModelPackage in the API reference)."""


def sanitised(card: Mapping[str, Any]) -> dict[str, Any]:
    """The card with no more content than its metadata."""
    if "ModelCardContent" not in card:
        return dict(card)
    content = json.loads(card["ModelCardContent"])
    kept: dict[str, dict[str, Any]] = {}
    for section, name in _PRESERVED:
        found = content.get(section)
        if isinstance(found, dict) and name in found:
            kept.setdefault(section, {})[name] = found[name]
    return {**card, "ModelCardContent": json.dumps(kept)}
