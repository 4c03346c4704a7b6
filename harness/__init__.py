"""Amazon SageMaker in Docker on this machine, and one flow that runs there and on AWS.

`harness.LocalSession` is a SageMaker session on the local AWS; `python -m harness --help` lists the
commands.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if sys.version_info < (3, 11):  # noqa: UP036  # this is where it is said
    sys.exit(f"harness: Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")

if TYPE_CHECKING:
    from harness.session import LocalSession as LocalSession
    from harness.testing.containers import SageMaker as SageMaker

__all__ = ["LocalSession", "SageMaker"]


def __getattr__(name: str) -> Any:
    # The SDK takes seconds to import: only who asks for the session pays for it.
    if name == "LocalSession":
        from harness.session import LocalSession

        return LocalSession
    if name == "SageMaker":
        from harness.testing.containers import SageMaker

        return SageMaker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
