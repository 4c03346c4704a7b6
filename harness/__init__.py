"""Amazon SageMaker in Docker on this machine, and one flow that runs there and on AWS.

`harness.LocalSession` is a SageMaker session on the local AWS; `python -m harness --help` lists the
commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.session import LocalSession as LocalSession

__all__ = ["LocalSession"]


def __getattr__(name: str) -> Any:
    # The SDK takes seconds to import: only who asks for the session pays for it.
    if name == "LocalSession":
        from harness.session import LocalSession

        return LocalSession
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
