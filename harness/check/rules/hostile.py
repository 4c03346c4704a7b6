"""Rules for requests that no client should send: they are refused, and hurt nobody else.

A refusal is a status from 400 to 499. With 5xx the container says that the fault is its own, and
so will its alarms: a warning.
"""

from __future__ import annotations

import contextlib
import random
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from harness.check import contract, payloads
from harness.check.contract import check
from harness.check.inputs import MAX_BODY
from harness.check.verdict import NotTriedError, failed, passed, warned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.check.server import Exchange
    from harness.check.subject import Subject
    from harness.check.verdict import Verdict

REFUSE = "answer it with 400, in a sentence"
SLOW = 16
"""Clients that send no more of a body."""

RECOVERS = 5
"""Seconds within which it must be healthy after what was sent to it."""


class Sent(NamedTuple):
    """Something hostile, and what became of it."""

    what: str
    exchange: Exchange
    died: str
    """Why the container is no longer healthy; empty if it is."""


def _send(
    subject: Subject,
    what: str,
    body: bytes,
    content_type: str = "",
    headers: Mapping[str, str] | None = None,
) -> Sent:
    """Send it once; whoever asks for the same again gets what became of it."""

    def make() -> Sent:
        with subject.hostile_lock:
            server = subject.hostile_server()
            kind = content_type or subject.inputs.content_type
            found = server.invoke(body, kind, subject.limits.invocation, headers or {})
            if server.alive(RECOVERS):
                return Sent(what, found, "")
            ended = server.container.exited.wait(1)
            memory = ", out of memory" if server.container.out_of_memory else ""
            died = f"the container ended with exit code {server.container.exit_code}{memory}"
            return Sent(what, found, died if ended else "it no longer answers GET /ping")

    return subject.once(f"hostile {what}", make)


def _judge(sent: Sent, *, answers: bool = False) -> Verdict:
    """`answers`: it may as well be answered."""
    words = f"{sent.what}: {sent.exchange.words}"
    if sent.died:
        return failed(f"{words}; {sent.died}", REFUSE)
    if sent.exchange.status is None:
        return failed(words, REFUSE)
    if sent.exchange.status >= 500:
        return warned(words, REFUSE)
    if sent.exchange.status < 400 and not answers:
        return warned(f"{sent.what} is answered with {sent.exchange.status}", REFUSE)
    return passed(words)


@check("hostile", "empty-body", contract.HOSTING)
def empty_body(subject: Subject) -> Verdict:
    """A body of 0 bytes is refused, or answered, without an error of the container's own."""
    return _judge(_empty(subject), answers=True)


def _empty(subject: Subject) -> Sent:
    subject.answered()
    return _send(subject, "an empty body", b"")


@check("hostile", "content-type", contract.HOSTING)
def content_type(subject: Subject) -> Verdict:
    """A content type that it can't know is refused."""
    return _judge(_unknown(subject))


def _unknown(subject: Subject) -> Sent:
    subject.answered()
    kind = payloads.UNKNOWN_TYPE
    return _send(subject, f"the content type {kind}", subject.payload(), kind)


@check("hostile", "malformed-body", contract.HOSTING)
def malformed_body(subject: Subject) -> Verdict:
    """A body that isn't what its content type says is refused."""
    kind = payloads.media_type(subject.inputs.content_type)
    known = kind in payloads.LINES | {payloads.JSON, payloads.NPY}
    return _judge(_malformed(subject), answers=not known)


def _malformed(subject: Subject) -> Sent:
    subject.answered()
    kind = subject.inputs.content_type
    return _send(subject, f"malformed {kind}", payloads.malformed(subject.payload(), kind))


@check("hostile", "wrong-shape", contract.HOSTING)
def wrong_shape(subject: Subject) -> Verdict:
    """Rows of twice as many values as the model has features are refused."""
    subject.answered()
    kind = subject.inputs.content_type
    body = payloads.misshapen(subject.payload(), kind)
    if body is None:
        raise NotTriedError(f"it isn't known how to misshape {kind}", "give text/csv, or JSON rows")
    return _judge(_send(subject, "rows of twice as many values", body))


@check("hostile", "not-a-number", contract.HOSTING)
def not_a_number(subject: Subject) -> Verdict:
    """NaN in place of each number is refused, or answered where the model knows missing values."""
    subject.answered()
    kind = subject.inputs.content_type
    body = payloads.not_numbers(subject.payload(), kind)
    if body is None:
        raise NotTriedError(f"there is no number in this {kind}", "give text/csv, or JSON rows")
    return _judge(_send(subject, "NaN for each number", body), answers=True)


@check("hostile", "pickle", contract.HOSTING)
def pickle(subject: Subject) -> Verdict:
    """A pickle is not unpickled: that would run whatever code a client sends."""
    verdicts = []
    for what, body, kind in _pickles(subject):
        verdict = _judge(_send(subject, what, body, kind), answers=True)
        with subject.hostile_lock:
            server = subject.hostile_server()
            unpickled = server.container.get(payloads.PICKLED)
            if unpickled is not None:
                for _rest in unpickled:
                    pass
                return failed(
                    f"{what} was loaded, and the code in it ran",
                    "never unpickle a request: numpy.load(allow_pickle=False), JSON or csv",
                )
        verdicts.append(verdict)
    return _worst(verdicts)


def _pickles(subject: Subject) -> list[tuple[str, bytes, str]]:
    subject.answered()
    kinds = ("application/x-pickle", "application/python-pickle", "application/octet-stream")
    sent = [(f"a pickle as {kind}", payloads.pickle(), kind) for kind in kinds]
    sent.append(("an npy file of pickled objects", payloads.npy_with_pickle(), payloads.NPY))
    own = subject.inputs.content_type
    return [*sent, (f"a pickle as {own}", payloads.pickle(), own)]


@check("hostile", "zip-bomb", contract.HOSTING)
def zip_bomb(subject: Subject) -> Verdict:
    """A few MB that unpack to more than it has memory don't kill it."""
    subject.answered()
    # As large as it may be sent, and a quarter more than there is room for.
    size = min(subject.limits.memory * 5 // 4, MAX_BODY * 1000)
    headers = {"Content-Encoding": "gzip"}
    return _judge(_send(subject, "a zip bomb", payloads.zip_bomb(size), headers=headers))


@check("hostile", "deep-json", contract.HOSTING)
def deep_json(subject: Subject) -> Verdict:
    """JSON of 100,000 lists in each other is refused, and doesn't kill it."""
    return _judge(_deep(subject))


def _deep(subject: Subject) -> Sent:
    subject.answered()
    return _send(
        subject, "JSON of 100,000 lists in each other", payloads.deep_json(), payloads.JSON
    )


@check("hostile", "costly-body", contract.HOSTING)
def costly_body(subject: Subject) -> Verdict:
    """Bodies that libraries take gigabytes or minutes for don't kill it, and hold up nobody.

    One is a JSON list of a string and numbers, of which NumPy gives each the room of the longest.
    The other is an npy file whose header is ten kilobytes of brackets.
    """
    subject.answered()
    json = _send(
        subject, "JSON of one long string and numbers", payloads.padded_json(), payloads.JSON
    )
    npy = _send(subject, "an npy file with a long header", payloads.npy_with_header(), payloads.NPY)
    return _worst([_judge(json), _judge(npy)])


@check("hostile", "slow-bodies", contract.HOSTING)
def slow_bodies(subject: Subject) -> Verdict:
    """`GET /ping` is answered while the bodies of 16 requests don't come."""
    subject.answered()
    kind = subject.inputs.content_type
    with subject.hostile_lock, contextlib.ExitStack() as stack:
        server = subject.hostile_server()
        for _ in range(SLOW):
            connection = server.connect(subject.limits.ping)
            stack.callback(connection.close)
            connection.putrequest("POST", "/invocations")
            connection.putheader("Content-Type", kind)
            connection.putheader("Content-Length", "1000")
            connection.endheaders(b"1")
        ping = server.get("/ping", subject.limits.ping)
    words = f"while {SLOW} bodies don't come, GET /ping: {ping.words}"
    if ping.status != HTTPStatus.OK:
        return warned(words, "read bodies without a worker, as behind nginx, which buffers them")
    return passed(words)


@check("hostile", "random-bytes", contract.HOSTING)
def random_bytes(subject: Subject) -> Verdict:
    """Random bytes, and the request given with some of its bytes changed, don't kill it."""
    subject.answered()
    rng = random.Random(0)  # noqa: S311 - any bytes will do, the same each time
    payload, kind = subject.payload(), subject.inputs.content_type
    worst: Sent | None = None
    count = 0
    with subject.hostile_lock:
        server = subject.hostile_server()
        until = time.monotonic() + subject.limits.random_bodies
        while time.monotonic() < until or not count:
            body = rng.randbytes(rng.randrange(1, 2000)) if count % 2 else _mutated(payload, rng)
            found = server.invoke(body, kind, subject.limits.invocation)
            count += 1
            if found.status is None or found.status >= 500:
                worst = Sent(f"random bytes, {body[:40]!r}", found, "")
                break
        if not server.alive(RECOVERS):
            found = worst.exchange if worst else found
            return failed(f"after {count} random bodies it is dead: {found.words}", REFUSE)
    return _judge(worst) if worst else passed(f"{count} bodies, each refused or answered")


def _mutated(payload: bytes, rng: random.Random) -> bytes:
    changed = bytearray(payload or b"\0")
    for _ in range(rng.randrange(1, 5)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


@check("hostile", "stack-trace", contract.SECURITY)
def stack_trace(subject: Subject) -> Verdict:
    """No answer shows a stack trace, which tells a stranger what runs inside."""
    sent = [_empty(subject), _unknown(subject), _malformed(subject), _deep(subject)]
    for each in sent:
        if trace := each.exchange.trace:
            return failed(
                f"{each.what} is answered with a stack trace: {trace}",
                "turn debug mode off; log the error, and answer in a sentence",
            )
    return passed(f"none in the answers to {len(sent)} wrong requests")


def _worst(verdicts: list[Verdict]) -> Verdict:
    order = ("fail", "warn", "not tried", "pass")
    return min(verdicts, key=lambda each: order.index(each.outcome))
