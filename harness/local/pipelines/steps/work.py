"""What a step has while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.local.pipelines.steps import cache
from harness.local.pipelines.steps.calls import StepStoppedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.local.pipelines.definition.step import Step
    from harness.local.pipelines.steps.calls import Calls, Facts
    from harness.local.pipelines.steps.resolver import Resolver
    from harness.local.pipelines.steps.run import StepRun


@dataclass(frozen=True)
class Work:
    """One step of one execution, and what is around it."""

    run: StepRun
    facts: Facts
    calls: Calls
    resolver: Resolver
    is_stopping: Callable[[], bool]
    """Whether the execution is to be stopped."""
    is_abandoned: Callable[[], bool]
    """Whether the local AWS forgets it, or is being shut down."""
    reuse: Callable[[StepRun, str], bool]
    """Let the run have the result that the cache has for this key; False if it has none."""
    tags: list[dict[str, str]]
    """Of the pipeline, which what its steps make has, too."""

    @property
    def step(self) -> Step:
        return self.run.step

    def resolve(self, value: Any, own: Mapping[str, str] | None = None) -> Any:
        return self.resolver.resolve(value, own)

    def take_cached(self, request: Mapping[str, Any]) -> bool:
        """Whether the run has the cache's result of a request now; else its own is kept by that."""
        key = cache.key(self.step, request)
        if key is not None and self.reuse(self.run, key):
            return True
        self.run.cache_key = key
        return False

    def check_stopped(self) -> None:
        """Raises `StepStoppedError`."""
        if self.is_stopping() or self.is_abandoned():
            raise StepStoppedError
