"""How far a job is, below the cell that has made it: as a widget, or where there is none as text.

A tuning job and an endpoint are followed, too.
"""

from __future__ import annotations

import html
import importlib
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from harness.console import plain
from harness.local.core.client import local_boto_session

if TYPE_CHECKING:
    import boto3

    from harness.service.state import Running

POLL = 0.5
"""Seconds between two looks at a job."""


class _Kind(NamedTuple):
    name: str
    """As in the names of operations and members."""
    describe: str
    words: str
    going: frozenset[str]


_GOING = frozenset({"InProgress", "Stopping"})

KINDS = {
    f"Create{name}": _Kind(name, describe, words, going)
    for name, describe, words, going in (
        ("TrainingJob", "describe_training_job", "training job", _GOING),
        ("ProcessingJob", "describe_processing_job", "processing job", _GOING),
        ("TransformJob", "describe_transform_job", "transform job", _GOING),
        (
            "HyperParameterTuningJob", "describe_hyper_parameter_tuning_job", "tuning job", _GOING,
        ),
        ("Endpoint", "describe_endpoint", "endpoint", frozenset({"Creating"})),
    )
}  # fmt: skip
"""What is followed, by the operation that makes it."""

_stopped = threading.Event()


class _Shown(Protocol):
    def __call__(self, text: str) -> None: ...


def follow_jobs(session: boto3.Session, running: Running) -> None:
    """Show the progress of each job that the session's clients will make, until `stop`."""
    _stopped.clear()
    for operation, kind in KINDS.items():
        session.events.register(
            f"provide-client-params.sagemaker.{operation}", partial(_note, kind)
        )
        session.events.register(f"after-call.sagemaker.{operation}", partial(_begin, kind, running))


def stop() -> None:
    """Follow no job any more."""
    _stopped.set()


def _note(kind: _Kind, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    """Keep the name: the answer has none."""
    context["harness_name"] = params.get(f"{kind.name}Name", "")


def _begin(
    kind: _Kind, running: Running, http_response: Any, context: dict[str, Any], **_: Any
) -> None:
    name = context.get("harness_name", "")
    if http_response.status_code >= 300 or not name or _stopped.is_set():
        return
    shown = show(f"{kind.words} {name}")
    client = local_boto_session(running.url, running.region).client("sagemaker")
    threading.Thread(
        target=_follow, args=(kind, name, client, shown), name=f"follow-{name}", daemon=True
    ).start()


def _follow(kind: _Kind, name: str, client: Any, shown: _Shown) -> None:
    begun, before = time.monotonic(), ""
    while not _stopped.is_set():
        try:
            found = getattr(client, kind.describe)(**{f"{kind.name}Name": name})
        except (ClientError, BotoCoreError) as error:  # it is deleted, or the local AWS has ended
            shown(f"{kind.words} {name}: {plain(str(error))}")
            return
        status = found[f"{kind.name}Status"]
        seconds = int(time.monotonic() - begun)
        text = f"{kind.words} {name}: {described(kind, found)}  {seconds} s"
        if text != before:
            shown(text)
            before = text
        if status not in kind.going:
            return
        _stopped.wait(POLL)


def described(kind: _Kind, found: dict[str, Any]) -> str:
    """In a line, how far it is or how it has ended."""
    parts = [found[f"{kind.name}Status"]]
    if found.get("SecondaryStatus") not in (None, parts[0]):
        parts.append(found["SecondaryStatus"])
    if counters := found.get("TrainingJobStatusCounters"):
        parts.append(f"{counters.get('Completed', 0)} completed")
    metrics = found.get("FinalMetricDataList", [])
    parts += [f"{each['MetricName']} {each['Value']:.6g}" for each in metrics]
    if reason := found.get("FailureReason"):
        parts.append(plain(" ".join(reason.split())))
    return ", ".join(parts)


def show(text: str) -> _Shown:
    """A line below the cell, which what is returned replaces; nothing outside of IPython."""
    try:
        display = importlib.import_module("IPython.display").display
    except ModuleNotFoundError:
        return lambda text: None  # noqa: ARG005
    try:
        widgets = importlib.import_module("ipywidgets")
    except ModuleNotFoundError:
        return _as_text(display, text)
    widget = widgets.HTML(_marked(text))
    display(widget)

    def replace(text: str) -> None:
        widget.value = _marked(text)

    return replace


def _marked(text: str) -> str:
    """As a live region: who doesn't see it hears of the changes."""
    return f'<div role="status">{html.escape(text)}</div>'


def _as_text(display: Any, text: str) -> _Shown:
    handle = display({"text/plain": text}, raw=True, display_id=True)

    def replace(text: str) -> None:
        if handle is not None:  # there is none in a plain Python
            handle.update({"text/plain": text}, raw=True)

    return replace
