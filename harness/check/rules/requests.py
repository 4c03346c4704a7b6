"""Rules for `POST /invocations`, with requests as a client sends them."""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from harness.check import contract
from harness.check.contract import check
from harness.check.inputs import MAX_BODY
from harness.check.payloads import enlarged
from harness.check.verdict import NotTriedError, failed, passed, warned
from harness.local.engine import inspection

if TYPE_CHECKING:
    from harness.check.server import Server
    from harness.check.subject import Subject
    from harness.check.verdict import Verdict

AT_ONCE = 8
CLIENTS = 4
"""That send one request after the other, each over a connection of its own."""

PARTS = 5
"""In which the requests are sent between which memory is looked at; the first warms it up."""

GROWTH = 8 << 20
"""Bytes that memory may grow by, whatever for."""

GROWTH_A_REQUEST = 4096
"""Bytes a request, from which on what is kept of each counts."""


@check("requests", "invocation", contract.HOSTING)
def invocation(subject: Subject) -> Verdict:
    """`POST /invocations` answers the request given with 200, within 60 s."""
    first = subject.first()
    found = first
    if first.status != 200:
        with subject.shared_lock:
            found = subject.once("answered", lambda: subject.invoke(subject.server()))
    if found.status == 200:
        return passed(f"200 after {found.seconds:.2f} s, {len(found.body)} bytes")
    if found.status is None:
        return failed(found.words, "answer within 60 s, or use an asynchronous endpoint")
    return failed(
        f"{subject.inputs.content_type} is answered with {found.words}",
        "answer POST /invocations, or give a request that it should answer",
    )


@check("requests", "concurrent", contract.HOSTING)
def concurrent(subject: Subject) -> Verdict:
    """Eight requests at once are answered as one is."""
    usual, server = subject.answered(), subject.server()
    with subject.shared_lock, ThreadPoolExecutor(AT_ONCE) as pool:
        same = subject.invoke(server).body == usual.body  # else answers hold their own
        found = list(pool.map(lambda _: subject.invoke(server), range(AT_ONCE)))
    for each in found:
        if each.status != 200:
            return failed(
                f"one of {AT_ONCE} at once is answered with {each.words}",
                "let requests wait rather than fail, and share nothing that isn't safe for threads",
            )
        if same and each.body != usual.body:
            return failed(
                f"one of {AT_ONCE} at once gets another answer than one alone",
                "keep nothing of a request where another one can change it",
            )
    return passed(f"{AT_ONCE} at once, the last after {max(e.seconds for e in found):.2f} s")


@check("requests", "keep-alive", contract.HOSTING)
def keep_alive(subject: Subject) -> Verdict:
    """Requests follow each other over one connection, unless an answer says that it closes it."""
    subject.answered()
    with subject.shared_lock:
        return _follow(subject, subject.server().connect(subject.limits.invocation))


def _follow(subject: Subject, connection: http.client.HTTPConnection) -> Verdict:
    """Send three requests over one connection."""
    headers = {"Content-Type": subject.inputs.content_type}
    try:
        for number in range(1, 4):
            try:
                connection.request("POST", "/invocations", subject.payload(), headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                why = f"{type(error).__name__} {error}".strip()
                return failed(
                    f"request {number} over one connection failed: {why}",
                    "send Content-Length or chunks, or the header Connection: close",
                )
            if answer.status != 200:
                return failed(
                    f"request {number} over one connection was answered with {answer.status}",
                    "read each request's body to its end before the next one",
                )
            if answer.will_close:
                return passed("it closes each connection, and says so: each request waits for one")
    finally:
        connection.close()
    return passed("three requests over one connection")


@check("requests", "large-body", contract.HOSTING)
def large_body(subject: Subject) -> Verdict:
    """A body of 6 MB, the most that InvokeEndpoint takes, is answered."""
    subject.answered()
    server, limit = subject.server(), subject.limits.invocation
    payload, kind = subject.payload(), subject.inputs.content_type
    body = enlarged(payload, kind, MAX_BODY)
    known = len(body) > len(payload)
    if not known:
        body = payload.ljust(MAX_BODY)
    elif (expected := subject.seconds_for(len(body))) > limit / 2:
        raise NotTriedError(
            f"6 MB of such records would take about {expected:.0f} s",
            "leave requests so large to batch transform, which splits them",
        )
    with subject.shared_lock:
        found = server.invoke(body, kind, limit)
    words = f"{len(body) / 1e6:.1f} MB: {found.words}, after {found.seconds:.1f} s"
    if found.status == 200:
        return passed(f"{len(body) / 1e6:.1f} MB answered after {found.seconds:.1f} s")
    if found.status == http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return warned(words, "allow 6 MB: client_max_body_size 6m; in nginx.conf")
    if found.status is not None and found.status < 500 and not known:
        return passed(words)
    remedy = "read bodies of 6 MB, and answer within 60 s"
    if found.status is not None and found.status < 500:
        return warned(words, remedy)
    return failed(words, remedy)


@check("requests", "memory", contract.HOSTING)
def memory(subject: Subject) -> Verdict:
    """Its memory doesn't grow over 5,000 requests, or over as many as 15 s have room for."""
    subject.answered()
    limits = subject.limits
    with subject.another(subject.conditions()) as server:
        if server.problem:
            raise NotTriedError(server.words, "see serving/starts")
        deadline = time.monotonic() + limits.requests_time
        sent, sizes = [0], [inspection.memory(server.container)]
        for _ in range(PARTS):
            part = _flood(subject, server, limits.requests // PARTS, deadline)
            sent.append(sent[-1] + part)
            sizes.append(inspection.memory(server.container))
            if time.monotonic() > deadline or server.container.exited.is_set():
                break
    counted = sent[-1] - sent[1]
    if len(sizes) < 4 or not counted:
        raise NotTriedError(f"{sent[-1]} requests took {limits.requests_time:g} s")
    grown = sizes[-1] - sizes[1]
    growing = all(later > sooner for sooner, later in itertools.pairwise(sizes[1:]))
    words = (
        f"{sizes[1] / 1e6:.0f} MB after {sent[1]} requests, "
        f"{sizes[-1] / 1e6:.0f} MB after {sent[-1]}"
    )
    if growing and grown > max(GROWTH, GROWTH_A_REQUEST * counted, sizes[1] // 20):
        return failed(
            f"{words}: {grown / counted / 1000:.1f} kB a request",
            "keep nothing of a request: look for lists and caches that only grow",
        )
    return passed(words)


def _flood(subject: Subject, server: Server, count: int, deadline: float) -> int:
    """Send so many requests, one after another over each connection; how many were answered."""
    body = subject.payload()
    headers = {"Content-Type": subject.inputs.content_type}
    left, answered, lock = [count], [0], threading.Lock()

    def take() -> bool:
        with lock:
            left[0] -= 1
            return left[0] >= 0 and time.monotonic() < deadline

    def send() -> None:
        connection = server.connect(subject.limits.invocation)
        while take() and not server.container.exited.is_set():
            try:
                connection.request("POST", "/invocations", body, headers)
                connection.getresponse().read()
                with lock:
                    answered[0] += 1
            except (OSError, http.client.HTTPException):
                connection.close()
        connection.close()

    threads = [threading.Thread(target=send, daemon=True) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answered[0]
