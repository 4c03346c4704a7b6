"""How often a session looks at what it waits for: the SDK does every 5, 10, 20 or 30 s."""

from __future__ import annotations

import functools
import importlib
import inspect
import math
import time
from typing import TYPE_CHECKING, Any

from harness.errors import FlowError
from harness.flow.progress import Log

if TYPE_CHECKING:
    from collections.abc import Callable

POLL = 0.5
"""Seconds between two looks, unless the call says otherwise. The local AWS asks nothing for one."""

KINDS = ("Training", "Processing", "Transform")
"""What a job is called in the names of log groups, and in the members of its description."""


def quicken(session: type, sdk_session: type) -> None:
    """Give `session` the methods of the SDK's `Session` that wait, or follow a log, with `POLL`."""
    for name, method in inspect.getmembers(sdk_session, inspect.isfunction):
        if "poll" in inspect.signature(method).parameters and name not in vars(session):
            setattr(session, name, _with_poll(method))
    for kind in KINDS:
        name = "logs_for_job" if kind == "Training" else f"logs_for_{kind.lower()}_job"
        setattr(session, name, _logs_for(kind))


def _with_poll(method: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(method)

    @functools.wraps(method)
    def quick(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.arguments.setdefault("poll", POLL)
        return method(*bound.args, **bound.kwargs)

    return quick


def _logs_for(kind: str) -> Callable[..., None]:
    """A method that follows a job's log; the SDK's looks at the job every 30 s, whatever `poll`."""

    def logs(
        self: Any,
        job_name: str,
        wait: bool = False,
        poll: float = POLL,
        log_type: str = "All",
        timeout: float | None = None,
    ) -> None:
        """Print what the job's containers have written; with `wait`, until the job has ended.

        Raises:
            FlowError: `timeout` seconds are over.
            UnexpectedStatusException: with `wait`, the job has failed (of the SDK).
        """
        del log_type  # the SDK's is about its own lines, of which there are none here
        group = f"/aws/sagemaker/{kind}Jobs"
        log = Log(self.boto_session, _print_line, group, f"{job_name}/")
        describe = getattr(self.sagemaker_client, f"describe_{kind.lower()}_job")
        end = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            description = describe(**{f"{kind}JobName": job_name})
            status = description[f"{kind}JobStatus"]
            log.show()
            if not wait:
                return
            if status not in {"InProgress", "Stopping"}:
                _check(job_name, description, f"{kind}JobStatus")
                return
            if time.monotonic() >= end:
                raise FlowError(f"{job_name} is still {status} after {timeout} s.")
            time.sleep(poll)

    return logs


def _print_line(line: str) -> None:
    print(line.removeprefix(Log.MARK))


def _check(job_name: str, description: dict[str, Any], key: str) -> None:
    """Raise what the SDK raises for a job that has failed."""
    for name in ("sagemaker.core.helper.session_helper", "sagemaker.session"):
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError:  # the other version's
            continue
        module._check_job_status(job_name, description, key)
        if "BillableTimeInSeconds" in description:
            print(f"Training seconds: {description.get('TrainingTimeInSeconds', 0)}")
            print(f"Billable seconds: {description['BillableTimeInSeconds']}")
        return
