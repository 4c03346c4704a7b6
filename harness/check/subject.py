"""The image under check, and what the checks share: its training runs, its model, its servers.

Everything is made at its first use and once, whichever check asks first; the others wait for it.
"""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from harness.check import server as servers
from harness.check import training_run
from harness.check.model import Model
from harness.check.payloads import enlarged
from harness.check.programs import Program, find
from harness.check.training_run import CannotStartError, Setup, TrainingRun
from harness.check.verdict import NotTriedError, UnstartableError
from harness.local.engine import inspection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.check.inputs import Inputs, Limits
    from harness.check.server import Conditions, Exchange, Server
    from harness.local.engine.container import Container
    from harness.local.engine.containers import Containers

T = TypeVar("T")

EXTRA_HYPERPARAMETERS = {
    "_tuning_objective_metric": '"validation:loss"',
    "sagemaker_container_log_level": "20",
    "sagemaker_job_name": '"harness-check"',
    "sagemaker_region": '"us-east-1"',
}
"""What tuning jobs and SageMaker's SDK add to those that somebody wrote."""

SHORT_BODY = 1 << 15
"""Bytes of a request by whose time that of longer ones is told."""

EXTRA_CHANNEL = "harness-extra"

WITH_DATA = "give it data: --train DIR, and --hyperparameters if it needs any"
WITH_PAYLOAD = "give a request that the model answers: --payload FILE --content-type TYPE"
WITH_MODEL = "give it data to train on (--train DIR) or a model (--model model.tar.gz)"


class Subject:
    """An image, what it is checked with, and what was made of both."""

    def __init__(self, image: str, inputs: Inputs, limits: Limits, containers: Containers) -> None:
        self.image = image
        self.inputs = inputs
        self.limits = limits
        self.containers = containers
        self.hostile_lock = threading.Lock()
        """Held while something is sent that may kill a server."""
        self.shared_lock = threading.RLock()
        """Held while the shared server is timed, or has something to do: no check must be in
        another one's way. It is taken before those of `once`."""
        self._made: dict[str, Any] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def once(self, key: str, make: Callable[[], T]) -> T:
        """What `make` returns, or raises, at the first call with this key."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._made:
                try:
                    self._made[key] = make()
                except NotTriedError as error:
                    self._made[key] = error
        found = self._made[key]
        if isinstance(found, NotTriedError):
            raise found
        return cast("T", found)

    # The image.

    @cached_property
    def details(self) -> dict[str, Any]:
        return inspection.image(self.containers.api, self.image)

    @cached_property
    def history(self) -> list[str]:
        return inspection.history(self.containers.api, self.image)

    @property
    def config(self) -> dict[str, Any]:
        return dict(self.details["Config"] or {})

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.config.get("Labels") or {})

    @property
    def shell_form(self) -> bool:
        """Whether a shell runs the entry point, and is what hears, or rather doesn't, SIGTERM."""
        entrypoint = self.config.get("Entrypoint") or []
        return len(entrypoint) > 2 and entrypoint[0].endswith("sh") and entrypoint[1] == "-c"

    def never_started(self) -> Container:
        """A container of the image that isn't started: its files."""
        return self.once(
            "files",
            lambda: self.containers.create(
                self.image, name="check-files", hostname="check", command=["train"]
            ),
        )

    def program(self, name: str) -> Program:
        """What `docker run IMAGE train`, or `serve`, would start."""
        return self.once(
            f"program {name}", lambda: find(name, self.config, self.never_started().get)
        )

    def _require(self, name: str) -> None:
        problem = self.program(name).problem
        if problem:
            raise NotTriedError(f"there is nothing to run: {problem}", f"see image/{name}")

    # Training.

    @property
    def plain(self) -> Setup:
        return Setup(train=self.inputs.train, hyperparameters=self.inputs.hyperparameters)

    def attempt(self) -> TrainingRun:
        """The run with what was given, whatever became of it."""
        if not self.inputs.trains:
            raise NotTriedError("no data was given", WITH_DATA)
        self._require("train")
        return self.once("attempt", lambda: self.run(self.plain, changes=True)[0])

    def trained(self) -> TrainingRun:
        """The run with what was given, if it completed and left a model."""
        attempt = self.attempt()
        if not attempt.completed:
            raise NotTriedError(f"the training fails: {attempt.words}", "see training/completes")
        if not attempt.model:
            raise NotTriedError("the training leaves no model", "see training/model")
        return attempt

    def run(self, setup: Setup, *, changes: bool = False) -> list[TrainingRun]:
        """A run of its own; one result a host."""
        try:
            return training_run.run(
                self.containers, self.image, setup, self.limits.training, changes=changes
            )
        except CannotStartError as error:
            why = f"it can't be started: {error}"
            raise UnstartableError(why, "see training/completes") from error

    def unusual(self) -> TrainingRun:
        """One run with everything that may come on top: where that works, each of it does."""
        self.trained()
        return self.once(
            "unusual",
            lambda: self.run(
                replace(
                    self.plain,
                    isolated=True,
                    hyperparameters={**self.inputs.hyperparameters, **EXTRA_HYPERPARAMETERS},
                    extra_channel=EXTRA_CHANNEL,
                )
            )[0],
        )

    def with_garbage(self) -> TrainingRun:
        """A run that must fail: random bytes instead of the data, or no data at all."""
        self.trained()

        def make() -> TrainingRun:
            run = self.run(replace(self.plain, garbage=True))[0]
            if run.completed and run.model:
                run = self.run(Setup())[0]
            if run.completed and run.model:
                raise NotTriedError(
                    "it trains a model on random bytes, and on nothing: it was not seen to fail"
                )
            return run

        return self.once("garbage", make)

    # Serving.

    def model(self) -> Model | None:
        """The model that is served: the one that was given, or trained; None without either."""
        if self.inputs.model is not None:
            path = self.inputs.model
            return self.once("model", lambda: Model.of_file(path))
        if not self.inputs.trains:
            return None
        try:
            return self.trained().model
        except NotTriedError as error:
            why = f"there is no model to serve: {error}"
            raise NotTriedError(why, error.verdict.remedy) from error

    def conditions(self) -> Conditions:
        """Those of a plain server."""
        model = self.model()
        return servers.Conditions(model=model.pieces if model else None)

    def serving(self) -> Server:
        """The server that the checks share, healthy or not."""
        self._require("serve")

        def make() -> Server:
            conditions = self.conditions()
            made = self._start(conditions)
            if made.problem and made.problem != "elsewhere" and conditions.model is None:
                made.close()
                raise NotTriedError(f"without a model, {made.words}", WITH_MODEL)
            return made

        return self.once("serving", make)

    def server(self) -> Server:
        """The server that the checks share, which is healthy."""
        found = self.serving()
        if found.problem:
            where = {"elsewhere": "port", "status": "ping", "slow": "ping-time"}
            see = f"see serving/{where.get(found.problem, 'starts')}"
            raise NotTriedError(f"it doesn't become healthy: {found.words}", see)
        return found

    @contextlib.contextmanager
    def another(self, conditions: Conditions, limits: Limits | None = None) -> Iterator[Server]:
        """A server of one's own, healthy or not; removed in the end."""
        made = self._start(conditions, limits)
        try:
            yield made
        finally:
            made.close()

    def _start(self, conditions: Conditions, limits: Limits | None = None) -> Server:
        try:
            return servers.start(self.containers, self.image, conditions, limits or self.limits)
        except CannotStartError as error:
            raise UnstartableError(f"it can't be started: {error}", "see serving/starts") from error

    def payload(self) -> bytes:
        if self.inputs.payload is None:
            raise NotTriedError("no request was given", WITH_PAYLOAD)
        return self.inputs.payload

    def invoke(self, server: Server, body: bytes | None = None) -> Exchange:
        """Send the payload, or another body of its content type."""
        sent = self.payload() if body is None else body
        return server.invoke(sent, self.inputs.content_type, self.limits.invocation)

    def first(self) -> Exchange:
        """The answer to the first request that the shared server has had."""
        self.payload()
        server = self.server()
        with self.shared_lock:
            return self.once("first", lambda: self.invoke(server))

    def answered(self) -> Exchange:
        """The payload's answer, which is 200: what checks rely on that send it again."""
        self.first()
        with self.shared_lock:
            found = self.once("answered", lambda: self.invoke(self.server()))
        if found.status != 200:
            raise NotTriedError(
                f"the request given is answered with {found.words}", "see requests/invocation"
            )
        return found

    def seconds_for(self, size: int) -> float:
        """How long a body of so many bytes may take, by what a short one took."""

        def measure() -> tuple[int, float]:
            body = enlarged(self.payload(), self.inputs.content_type, SHORT_BODY)
            return len(body), self.invoke(self.server(), body).seconds

        with self.shared_lock:
            length, seconds = self.once("short body", measure)
        return seconds * max(1.0, size / length)

    def hostile_server(self) -> Server:
        """The one for what may kill it; a new one if it was killed. Call under `hostile_lock`."""
        self.server()
        found: Server | None = self._made.get("hostile server")
        if found is None or found.problem or not found.alive(self.limits.ping):
            if found is not None:
                found.close()
            memory = self.limits.memory
            found = self._start(replace(self.conditions(), memory=memory))
            self._made["hostile server"] = found
        if found.problem:
            raise NotTriedError(f"with {memory_words(self.limits.memory)}, {found.words}")
        return found


def memory_words(size: int) -> str:
    return f"{size / (1 << 30):.3g} GiB of memory"


def as_json(value: str) -> Any:
    """What a hyperparameter is if it isn't taken for a string."""
    try:
        return json.loads(value)
    except ValueError:
        return value
