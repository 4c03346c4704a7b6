"""Runs a function of Lambda's in a container: `python3 bootstrap.py module.function event.json`.

What comes of it is on stdout, in lines that begin with `MARK`, as Lambda's runtimes put it; the
exit code is 1 if the function failed. It knows nothing of the harness, and needs Python 3.6.
"""

import importlib
import json
import os
import signal
import sys
import time
import traceback

MARK = "\x1e"
"""What lines of the result begin with, and those of the function's own mostly don't."""

PIECE = 100_000
"""Characters of a line of it."""

CODE, LAYERS = "/var/task", "/opt/python"


class Context:
    """What a handler gets beside its event."""

    def __init__(self) -> None:
        named = os.environ.get
        self.function_name = named("AWS_LAMBDA_FUNCTION_NAME", "")
        self.function_version = named("AWS_LAMBDA_FUNCTION_VERSION", "")
        self.invoked_function_arn = named("HARNESS_FUNCTION_ARN", "")
        self.memory_limit_in_mb = named("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
        self.aws_request_id = named("HARNESS_REQUEST_ID", "")
        self.log_group_name = named("AWS_LAMBDA_LOG_GROUP_NAME", "")
        self.log_stream_name = named("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self.identity = self.client_context = None
        self._deadline = time.monotonic() + timeout()

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int(1000 * (self._deadline - time.monotonic())))


def timeout() -> float:
    """Seconds that the function may take."""
    return float(os.environ.get("AWS_LAMBDA_FUNCTION_TIMEOUT", "3"))


def run(handler: str, file: str) -> int:
    """Call it with the event of a file, and say what comes of it; returns the exit code."""
    context = Context()
    signal.signal(signal.SIGALRM, lambda *_: too_late(context))
    signal.setitimer(signal.ITIMER_REAL, timeout())
    try:
        module, _, name = handler.rpartition(".")
        function = getattr(importlib.import_module(module.replace("/", ".")), name)
        with open(file, encoding="utf-8") as event:  # noqa: PTH123
            given = json.load(event)
        answer = json.dumps(function(given, context))
    except BaseException as error:  # noqa: BLE001  # also SystemExit, which ends no function well
        signal.setitimer(signal.ITIMER_REAL, 0)
        frames = traceback.format_tb(error.__traceback__)[1:]
        kind = type(error).__name__
        sys.stdout.write("".join([f"[ERROR] {kind}: {error}\n", *frames]))
        say(json.dumps({"errorMessage": str(error), "errorType": kind, "stackTrace": frames}))
        return 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    say(answer)
    return 0


def too_late(context: Context) -> None:
    """End the function, whatever it does."""
    text = (
        f"RequestId: {context.aws_request_id} Error: Task timed out after {timeout():.2f} seconds"
    )
    say(json.dumps({"errorType": "Sandbox.Timedout", "errorMessage": text}))
    os._exit(1)


def say(result: str) -> None:
    """The result, behind whatever the function has written."""
    sys.stdout.write("\n")
    for at in range(0, len(result), PIECE):
        sys.stdout.write(MARK + result[at : at + PIECE] + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # Its own folder, where its boto3 is, comes after the function's own.
    sys.path[:1] = [CODE, LAYERS, sys.path[0]]
    os.chdir(CODE)
    sys.exit(run(*sys.argv[1:]))
