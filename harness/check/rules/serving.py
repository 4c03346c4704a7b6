"""Rules for `docker run IMAGE serve`: that it starts, is healthy when it says so, and ends."""

from __future__ import annotations

import http
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from harness.check import contract
from harness.check.contract import check
from harness.check.payloads import enlarged
from harness.check.rules.image import BIND_TO_PORT
from harness.check.server import Conditions
from harness.check.subject import SHORT_BODY
from harness.check.verdict import NotTriedError, UnstartableError, failed, passed, warned
from harness.local.engine.container import KILLED
from harness.local.engine.containers import Mounts
from harness.local.engine.errors import ElsewhereError, NoGateError
from harness.local.engine.startup import PORT
from harness.local.hosting.containers.serving import MODEL_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.check.model import Model
    from harness.check.server import Exchange, Server
    from harness.check.subject import Subject
    from harness.check.verdict import Verdict

OTHER_PORT = 8181
PINGS = 20
LOADS = 2.0
"""Seconds beyond which a first answer, several times as late as others, comes from loading."""

LONG_BODY = 1 << 20
"""Bytes at most of the requests that are to take a while."""

TAKES = 0.7
"""Seconds that they are to take, about."""

IN_FLIGHT = 0.1
"""Seconds that such a request has been on its way when the container is stopped."""

_WORDS = {
    401: "it asks for a login, and SageMaker has none",
    403: "it refuses",
    404: "there is no such path: add a route for GET /ping",
    405: "the route is there, but not for GET",
    500: "an error in its code: the container's log has it",
    502: "a proxy in the container doesn't reach the program behind it",
    503: "it says that it isn't ready, and stays so",
}


@check("serving", "starts", contract.HOSTING)
def starts(subject: Subject) -> Verdict:
    """It starts with the argument `serve`, goes on running, and is healthy within 8 minutes."""
    try:
        server = subject.serving()
    except UnstartableError as error:
        return failed(str(error), "see to it that `docker run IMAGE serve` starts")
    if server.problem in {"ended", "nowhere"}:
        return failed(server.words, "start a server on 0.0.0.0:8080, and look at the log")
    if server.problem:
        return passed("it starts, and goes on running")
    return passed(f"healthy after {server.seconds:.1f} s")


@check("serving", "port", contract.HOSTING)
def port(subject: Subject) -> Verdict:
    """It listens on port 8080, and on all addresses, not on the container's own 127.0.0.1."""
    server = subject.serving()
    if server.problem in {"ended", "nowhere"}:
        raise NotTriedError(server.words, "see serving/starts")
    if server.problem != "elsewhere":
        return passed(f"it answers on port {PORT}")
    here = [each for each in server.listeners if each.port == PORT]
    if here and all(each.is_ipv6 and each.reachable for each in here):
        return failed(
            f"{server.words}, by IPv6 only, and SageMaker comes by IPv4",
            f"bind to 0.0.0.0:{PORT}, or to [::]:{PORT} with ipv6only=off",
        )
    if here:
        return failed(
            f"{server.words}: only programs in the container reach it",
            f"bind to 0.0.0.0 instead of 127.0.0.1 or localhost, on port {PORT}",
        )
    return failed(server.words, f"listen on 0.0.0.0:{PORT}")


@check("serving", "ping", contract.HOSTING)
def ping(subject: Subject) -> Verdict:
    """`GET /ping` answers 200 once it is ready."""
    server = subject.serving()
    if server.problem in {"ended", "nowhere", "elsewhere"}:
        raise NotTriedError(server.words, "see serving/starts and serving/port")
    if server.problem != "status":
        return passed("GET /ping answers 200")
    status = server.ping.status or 0
    phrase = http.HTTPStatus(status).phrase if status in set(http.HTTPStatus) else ""
    meaning = _WORDS.get(status) or f"it is not 200 ({phrase})"
    return failed(f"{server.words} — {meaning}", "answer GET /ping with 200 and an empty body")


@check("serving", "ping-time", contract.HOSTING)
def ping_time(subject: Subject) -> Verdict:
    """`GET /ping` answers within 2 s, each time."""
    server, most = subject.serving(), subject.limits.ping
    remedy = "do no work in /ping: say whether the model is loaded"
    if server.problem == "slow":
        return failed(f"{server.words}, more than {most:g} s", remedy)
    server = subject.server()
    with subject.shared_lock:
        pings = [server.get("/ping", most) for _ in range(PINGS)]
    for found in pings:
        if found.status != 200 or found.seconds > most:
            return failed(f"one of {PINGS} pings: {found.words}, {found.seconds:.1f} s", remedy)
    return passed(f"the slowest of {PINGS} took {1000 * max(p.seconds for p in pings):.0f} ms")


@check("serving", "ping-busy", contract.HOSTING)
def ping_busy(subject: Subject) -> Verdict:
    """`GET /ping` answers within 2 s while an invocation runs.

    A container that can't is replaced when it has most to do.
    """
    server, most = subject.server(), subject.limits.ping
    subject.answered()
    pings: list[Exchange] = []
    with subject.shared_lock, _in_flight(subject, server) as request:
        while not pings or request.runs():
            pings.append(server.get("/ping", most))
            if pings[-1].status != 200:
                break
            time.sleep(0.01)
    slowest = max(pings, key=lambda each: each.seconds)
    if pings[-1].status != 200 or slowest.seconds > most:
        return failed(
            f"during a request of {request.seconds:.1f} s, GET /ping: {pings[-1].words}",
            "serve with several threads or processes",
        )
    return passed(
        f"the slowest of {len(pings)} took {1000 * slowest.seconds:.0f} ms "
        f"during a request of {request.seconds:.2f} s"
    )


@check("serving", "model-loaded", contract.HOSTING)
def model_loaded(subject: Subject) -> Verdict:
    """`GET /ping` doesn't answer 200 before the model is loaded.

    What is healthy gets requests at once. So the first one is answered, and not much later than
    those that follow.
    """
    first = subject.first()
    with subject.shared_lock:
        later = subject.once("later", lambda: subject.invoke(subject.server()))
    if first.status != later.status and later.status == 200:
        return failed(
            f"just after the first ping, a request was answered with {first.words}, later with 200",
            "load the model before the server listens, or answer GET /ping with 503 until then",
        )
    if first.seconds > LOADS and first.seconds > 5 * later.seconds:
        return warned(
            f"the first request took {first.seconds:.1f} s, the next {later.seconds:.2f} s",
            "load the model before GET /ping answers 200, not with the first request",
        )
    return passed(f"the first request took {first.seconds:.2f} s, the next {later.seconds:.2f} s")


@check("serving", "bind-to-port", contract.PIPELINE)
def bind_to_port(subject: Subject) -> Verdict:
    """Where the label …accept-bind-to-port is true, it listens on $SAGEMAKER_BIND_TO_PORT."""
    if subject.labels.get(BIND_TO_PORT) != "true":
        raise NotTriedError(
            "the label is not set", f"to be one of several containers: LABEL {BIND_TO_PORT}=true"
        )
    subject.server()
    environment = {"SAGEMAKER_BIND_TO_PORT": str(OTHER_PORT)}
    conditions = replace(subject.conditions(), environment=environment, port=OTHER_PORT)
    with subject.another(conditions) as server:
        if server.problem:
            return failed(
                f"with SAGEMAKER_BIND_TO_PORT={OTHER_PORT}, {server.words}",
                "listen on the port that the variable names, or remove the label",
            )
    return passed(f"it listens on {OTHER_PORT} when it is told to")


@check("serving", "missing-model", contract.HOSTING)
def missing_model(subject: Subject) -> Verdict:
    """Without a model it ends, or stays unhealthy: it must not take requests."""
    return _without_sound_model(subject, "missing", lambda _: iter(()))


@check("serving", "corrupt-model", contract.HOSTING)
def corrupt_model(subject: Subject) -> Verdict:
    """With a model whose files hold random bytes it ends, or stays unhealthy."""
    return _without_sound_model(subject, "corrupt", lambda model: model.corrupt())


def _without_sound_model(
    subject: Subject, how: str, files: Callable[[Model], Iterator[bytes]]
) -> Verdict:
    usual, model = subject.server(), subject.model()
    if not model:
        raise NotTriedError("it serves without a model", "")
    limits = replace(
        subject.limits, startup=max(subject.limits.unhealthy, 2 * usual.seconds), elsewhere=1
    )
    conditions = Conditions(model=None if how == "missing" else lambda: files(model))
    with subject.another(conditions, limits) as server:
        if server.problem:
            return passed(f"with a {how} model, {server.words}")
        return failed(
            f"with a {how} model, GET /ping answered 200 after {server.seconds:.1f} s",
            "load the model before the server listens, and let an error end it",
        )


@check("serving", "read-only-model", contract.HOSTING)
def read_only_model(subject: Subject) -> Verdict:
    """It serves where /opt/ml/model can't be written to."""
    subject.server()
    model = subject.model()
    if not model:
        raise NotTriedError("it serves without a model", "")
    try:
        with subject.containers.folder() as folder:
            model.extract(folder)
            mounts = Mounts(folders={MODEL_FOLDER: folder})
            with subject.another(replace(subject.conditions(), mounts=mounts)) as server:
                return _serves(subject, server, "with /opt/ml/model read-only") or failed(
                    f"with /opt/ml/model read-only, {server.words}",
                    "write to /tmp what has to be written",
                )
    except ElsewhereError as error:
        raise NotTriedError(str(error), "check it with an engine on this machine") from error


@check("serving", "no-network", contract.ISOLATION)
def no_network(subject: Subject) -> Verdict:
    """It serves without a network, as models with EnableNetworkIsolation do.

    Models of the Marketplace always run so; for others it is a choice, so this only warns.
    """
    subject.server()
    try:
        with subject.another(replace(subject.conditions(), isolated=True)) as server:
            return _serves(subject, server, "without a network") or warned(
                f"without a network, {server.words}",
                "put what it fetches into the image or the model archive",
            )
    except NoGateError as error:
        raise NotTriedError(str(error), "try it on AWS, with EnableNetworkIsolation") from error


def _serves(subject: Subject, server: Server, how: str) -> Verdict | None:
    """Passed if it is healthy and answers as usual; None if it isn't healthy."""
    if server.problem:
        return None
    if subject.inputs.payload is None:
        return passed(f"it is healthy {how}")
    usual, found = subject.answered(), subject.invoke(server)
    if found.status != usual.status:
        return failed(f"{how}, a request is answered with {found.words}", "see the log")
    return passed(f"it serves {how}")


@check("serving", "sigterm", contract.HOSTING)
def sigterm(subject: Subject) -> Verdict:
    """SIGTERM ends it within 30 s, and requests in flight are answered first."""
    subject.server()
    if subject.shell_form:
        raise NotTriedError("a shell is process 1", "see image/exec-form")
    grace = subject.limits.serving_stop
    asks = subject.inputs.payload is not None and subject.answered() is not None
    with subject.another(subject.conditions()) as server:
        if server.problem:
            raise NotTriedError(server.words, "see serving/starts")
        if not asks:
            killed, seconds = _stop(server, grace)
            answer, running = "", False
        else:
            subject.invoke(server)
            with _in_flight(subject, server) as request:
                time.sleep(IN_FLIGHT)
                running = request.runs()
                killed, seconds = _stop(server, grace)
            answer = request.exchange.words if request.exchange.status != 200 else ""
    if killed:
        return failed(
            f"{grace} s after SIGTERM it still ran, and was killed",
            "handle SIGTERM in process 1: exec the server, or pass the signal on to it",
        )
    if running and answer:
        return failed(
            f"a request in flight got {answer}",
            "on SIGTERM stop listening, answer what has come, then end",
        )
    words = f"it ended {seconds:.1f} s after SIGTERM"
    return passed(f"{words}, and answered the request in flight" if running else words)


def _stop(server: Server, grace: int) -> tuple[bool, float]:
    """Whether it had to be killed, and after how many seconds it had ended."""
    begun = time.monotonic()
    server.container.stop(grace)
    seconds = time.monotonic() - begun
    return server.container.exit_code == KILLED and seconds >= grace, seconds


@check("serving", "logs", contract.LOGS)
def logs(subject: Subject) -> Verdict:
    """It writes to stdout or stderr: nothing else gets into CloudWatch Logs."""
    server = subject.server()
    if subject.inputs.payload is not None:
        subject.first()
    if not server.output.count:
        time.sleep(0.5)  # it may be on its way
    if server.output.count:
        return passed(f"{server.output.count} lines; {server.output.words.said[:100]}")
    return warned(
        "it has started and answered, and written nothing",
        "log to stdout or stderr, at least what was started and what went wrong",
    )


class _in_flight:  # noqa: N801 - reads as a function: `with _in_flight(…):`
    """A request that takes as long as can be, sent from a thread of its own."""

    def __init__(self, subject: Subject, server: Server) -> None:
        size = int(SHORT_BODY * TAKES / max(subject.seconds_for(SHORT_BODY), 0.001))
        size = max(SHORT_BODY, min(size, LONG_BODY))
        body = enlarged(subject.payload(), subject.inputs.content_type, size)
        self._thread = threading.Thread(
            target=lambda: self._send(subject, server, body), name="in-flight", daemon=True
        )
        self.exchange: Exchange
        self.seconds = 0.0

    def _send(self, subject: Subject, server: Server, body: bytes) -> None:
        begun = time.monotonic()
        self.exchange = subject.invoke(server, body)
        self.seconds = time.monotonic() - begun

    def runs(self) -> bool:
        return self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
