"""A local AWS for SageMaker: an HTTP server that any SDK talks to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.local.http.server import LocalAWS as LocalAWS

__all__ = ["LocalAWS"]


def __getattr__(name: str) -> Any:
    # Who only calls a local AWS, from an environment of another SDK, needs no server.
    if name == "LocalAWS":
        from harness.local.http.server import LocalAWS

        return LocalAWS
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
