"""A step from its start to its end, with retries."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING

from harness.console import plain
from harness.local.pipelines.definition import retries
from harness.local.pipelines.definition.kinds import CALLBACK, CONDITION, FAIL, LAMBDA
from harness.local.pipelines.definition.retries import Policy
from harness.local.pipelines.steps import made, others
from harness.local.pipelines.steps.calls import StepError, StepStoppedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.local.pipelines.steps.work import Work

_log = logging.getLogger(__name__)

_BY_TYPE: dict[str, Callable[[Work], None]] = {
    CONDITION: others.condition,
    FAIL: others.fail,
    LAMBDA: others.lambda_,
    CALLBACK: others.callback,
}
"""The other types make something."""


def perform(work: Work) -> None:
    """Take the step to its end, whichever it is."""
    run = work.run
    where = f"{work.facts.pipeline}/{work.facts.id}: step {run.name}"
    _log.info("%s begins", where)
    try:
        _attempt_all(work)
    except StepStoppedError:
        run.end("Stopped")
    except StepError as error:
        run.end("Failed", str(error))
    except Exception as error:  # noqa: BLE001 - the thread's last resort
        if not work.is_abandoned():
            _log.exception("%s: unexpected error", where)
        run.end("Failed", f"InternalServerError: {type(error).__name__}: {error}")
    else:
        if not run.has_ended:
            run.end("Succeeded")
    if not work.is_abandoned():
        reason = f": {plain(run.failure)}" if run.failure else ""
        cached = " from the cache" if run.cache_source else ""
        _log.info("%s is %s%s%s", where, run.status, cached, reason)


def _attempt_all(work: Work) -> None:
    policies = retries.policies(work.step.given.get("RetryPolicies"))
    begun, retried = time.monotonic(), Counter[Policy]()
    while True:
        work.run.attempts += 1
        try:
            _BY_TYPE.get(work.step.type, made.run)(work)
        except StepError as error:
            policy = next((each for each in policies if error.type in each.types), None)
            if policy is None:
                raise
            pause = policy.pause(retried[policy], time.monotonic() - begun)
            if pause is None or work.is_stopping():
                raise
            retried[policy] += 1
            _log.info("step %s is tried again in %.1f s: %s", work.step.name, pause,
                      plain(str(error)))  # fmt: skip
            _pause(work, pause)
        else:
            return


def _pause(work: Work, seconds: float) -> None:
    """Wait, unless the execution is to be stopped."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        work.run.wake.clear()
        work.check_stopped()
        work.run.wake.wait(left)
