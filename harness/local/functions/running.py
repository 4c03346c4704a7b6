"""Functions of Lambda's: each invocation runs in a container of its own."""

from __future__ import annotations

import json
import threading
import uuid
from collections import deque
from typing import TYPE_CHECKING

from harness.errors import EngineError
from harness.local.data import opt_ml
from harness.local.engine.errors import StartError
from harness.local.functions import contents
from harness.local.functions.images import Images
from harness.local.functions.python.bootstrap import MARK
from harness.local.moto.ours.view import Outcome
from harness.local.protocol.errors import AwsError
from harness.local.protocol.messages import RequestContext

if TYPE_CHECKING:
    from harness.local.core.backend import Backend
    from harness.local.engine.container import Container
    from harness.local.functions.images import Image
    from harness.local.moto.ours.view import Function

ALLOWANCE = 30
"""Seconds that a container has beyond its function's timeout, to start in."""

LAST = 10
"""Lines of a function that ended without a result that are told."""

MIB = 1024**2

MAX_RESULT = 6 * MIB
"""Bytes of what a function returns ("Invocation payload" in Lambda's quotas)."""


MAX_OUTPUT = 2 * MAX_RESULT
"""Characters of its output that are kept, the last ones: a function may write for a quarter of an
hour."""


class Functions:
    """Runs the functions of one local AWS."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._images = Images(backend.containers)

    def run(self, function: Function) -> Outcome:
        """What comes of it. Raises `AwsError` if it can't be run."""
        try:
            image = self._images.find(function.runtime)
            container = self._create(function, image)
            try:
                return self._followed(function, image, container)
            finally:
                container.remove()
        except StartError as error:
            text = f"The container of function {function.name} can't be started: {error}."
            raise AwsError("InvalidRuntimeException", text) from error
        except EngineError as error:
            text = f"Function {function.name} can't be run: {error}."
            raise AwsError("ServiceException", text) from error

    def _create(self, function: Function, image: Image) -> Container:
        """The container, with all that it needs in it."""
        backend = self._backend
        context = RequestContext("lambda", "Invoke", function.region, function.account_id, "")
        request_id = str(uuid.uuid4())
        environment = {
            "_HANDLER": function.handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
            "AWS_DEFAULT_REGION": function.region,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": function.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "LAMBDA_TASK_ROOT": f"/{contents.CODE}",
            "HARNESS_FUNCTION_ARN": function.arn,
            "HARNESS_REQUEST_ID": request_id,
            **function.environment,
        }
        folder = f"/{contents.RUNTIME}"
        event = f"{folder}/{contents.EVENT}" if image.is_bare else function.event
        container = backend.containers.create(
            image.name,
            name=f"lambda-{function.name}",
            hostname="function",
            entrypoint=["python3", f"{folder}/{contents.PROGRAM.name}"] if image.is_bare else None,
            command=[function.handler, event],
            environment=backend.container_environment(
                context, image.name, environment, isolated=False
            ),
            memory=function.memory * MIB,
        )
        try:
            container.put("/", iter([contents.unpacked(contents.CODE, function.code)]))
            if function.layers:
                container.put("/", iter([contents.unpacked(contents.LAYERS, *function.layers)]))
            if image.is_bare:
                container.put("/", contents.runtime(function.code, function.event))
            if files := backend.container_files(isolated=False):
                container.put("/", opt_ml.tar_stream(opt_ml.files(files)))
        except BaseException:
            container.remove()
            raise
        return container

    def _followed(self, function: Function, image: Image, container: Container) -> Outcome:
        """Start it, wait for its end, and take its output apart."""
        output = _Output()
        ended = threading.Event()
        container.start(output.add, ended.set)
        in_time = ended.wait(function.timeout + ALLOWANCE)
        if not in_time:
            container.kill()
            ended.wait(ALLOWANCE)
        lines = output.lines()
        if not in_time:
            return _failed(f"Task timed out after {function.timeout:.2f} seconds", lines)
        if container.out_of_memory:
            return _failed("Runtime exited with error: signal: killed", lines, "Runtime.ExitError")
        if image.is_bare:
            result = "".join(each[1:] for each in lines if each.startswith(MARK))
            log = [each for each in lines if not each.startswith(MARK)]
        else:
            result, log = (lines[-1], lines[:-1]) if lines else ("", [])
        if not result:
            text = f"Runtime exited with exit code {container.exit_code}, and without a result"
            return _failed(text, lines, "Runtime.ExitError")
        if container.exit_code and not _is_json(result):
            return _failed("\n".join(lines[-LAST:]), lines, "Runtime.ExitError")
        if len(result) > MAX_RESULT:
            text = f"Response payload size exceeded maximum allowed payload size ({MAX_RESULT} b)."
            return _failed(text, log, "Function.ResponseSizeTooLarge")
        return Outcome(result, container.exit_code != 0, _text(log))


class _Output:
    """The last lines of a container, one or more, of `MAX_OUTPUT` characters together."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._size = 0
        self._lock = threading.Lock()

    def add(self, line: str) -> None:
        with self._lock:
            self._lines.append(line)
            self._size += len(line)
            while self._size > MAX_OUTPUT and len(self._lines) > 1:
                self._size -= len(self._lines.popleft())

    def lines(self) -> list[str]:
        with self._lock:
            return list(self._lines)


def _failed(why: str, lines: list[str], kind: str = "Sandbox.Timedout") -> Outcome:
    return Outcome(json.dumps({"errorMessage": why, "errorType": kind}), True, _text(lines))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _text(lines: list[str]) -> str:
    return "\n".join(lines).strip("\n")
