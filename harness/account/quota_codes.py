"""The codes of SageMaker's service quotas, by which AWS tells a quota's value in one call.

AWS lists codes and names only all together: thousands, a hundred in a page, one page after the
other. So what was listed once is kept in the cache folder; codes are the same in every account.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from harness.aws_model import quotas
from harness.paths import cache_folder

if TYPE_CHECKING:
    from pathlib import Path


def known(name: str) -> str | None:
    """The code of the quota of this name, if AWS needn't be asked for it."""
    return quotas.CODES.get(name) or _kept().get(name)


def list_all(client: Any) -> dict[str, dict[str, Any]]:
    """All of SageMaker's quotas by name, as ListServiceQuotas has them; keeps their codes."""
    pages = client.get_paginator("list_service_quotas").paginate(ServiceCode=quotas.SERVICE)
    found = {quota["QuotaName"]: quota for page in pages for quota in page["Quotas"]}
    _keep({name: quota["QuotaCode"] for name, quota in found.items()})
    return found


def _file() -> Path:
    return cache_folder() / "quota-codes.json"


def _kept() -> dict[str, str]:
    try:
        kept = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _keep(codes: dict[str, str]) -> None:
    file = _file()
    new = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(json.dumps(codes), encoding="utf-8")
        new.replace(file)
    except OSError:  # it is only slower without
        new.unlink(missing_ok=True)
