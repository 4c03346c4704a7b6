"""A local AWS for SageMaker: an HTTP server that any SDK talks to."""

from harness.local.server import LocalAWS

__all__ = ["LocalAWS"]
