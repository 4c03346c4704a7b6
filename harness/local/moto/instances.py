"""What moto has made and nobody needs any more: let go, where moto keeps all of it for good.

moto notes each bucket, object, log event, … that it ever makes, for its dashboard at `/moto-api/`:
an object in S3 that was overwritten stays on disk, and every line of a log in memory, until the
process ends.
"""

from __future__ import annotations

from typing import Any


def forget() -> None:
    """Note no further ones. May be called again."""
    from moto.core.common_models import BaseModel

    model: Any = BaseModel
    model.__new__ = _new


def _new(cls: Any, *_: Any, **__: Any) -> Any:
    from moto.core.common_models import BaseModel

    return super(BaseModel, cls).__new__(cls)
