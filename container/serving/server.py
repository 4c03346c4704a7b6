"""`docker run IMAGE serve`: load the model, then fork workers that listen.

The model is loaded once, before anything listens, and the workers share its memory. Each worker
binds the port itself (SO_REUSEPORT), so the kernel hands out connections and no proxy stands
between. On SIGTERM the workers stop listening, end the requests that run, and exit.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from serving import signals
from serving.errors import StartError

if TYPE_CHECKING:
    from serving.app import App

logger = logging.getLogger("serving")

# SageMaker sends SIGKILL 30 s after SIGTERM; what still runs shortly before that is given up.
GRACE = 25  # seconds

# Connections that a worker holds open, idle ones included.
CONNECTIONS = 1024


def main() -> int:
    """Serve until SIGTERM or SIGINT.

    Returns:
        The exit status: 0 after a signal, 1 where there is nothing to serve.
    """
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr
    )
    # One thread of linear algebra a worker, as there is a worker for each CPU. NumPy reads these
    # when it is imported, so what imports it is imported below.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    try:
        _serve()
    except StartError as error:
        logger.error("serve: %s", error, exc_info=error.__cause__)  # noqa: TRY400
        return 1
    return 0


def _serve() -> None:
    from granian.constants import HTTPModes, Interfaces
    from granian.log import LogLevels
    from granian.server import mp

    from serving import hooks
    from serving.app import App
    from serving.content import CONTENT_TYPES
    from serving.relay import Relay
    from serving.settings import Settings

    started = time.perf_counter()
    settings = Settings.from_environ(os.environ)
    functions = hooks.load(settings.code_dir, settings.program)
    own_output = functions.output_fn or functions.transform_fn
    if own_output is None and settings.default_accept not in CONTENT_TYPES:
        raise StartError(
            f"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT is {settings.default_accept!r}; "
            f"this server answers in {', '.join(CONTENT_TYPES)}."
        )
    app = App(
        hooks.load_model(functions, settings.model_dir),
        functions,
        default_accept=settings.default_accept,
        workers=settings.workers,
        timeout=settings.timeout,
    )
    # What exists now lives as long as the server: the collector leaves it alone from here on, so
    # its pages stay shared.
    gc.collect()
    gc.freeze()

    multiprocessing.set_start_method("fork")
    server = mp.MPServer(
        settings.program,
        address="0.0.0.0",  # noqa: S104  (a container's own network)
        port=settings.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=settings.workers,
        # Python runs one thread at a time, so more make a worker no faster, and Relay keeps all but
        # one out of the way. They are there so that /ping is answered within SageMaker's 2 s while
        # predictions take longer than that; this is the most that Granian advises.
        blocking_threads=2 * multiprocessing.cpu_count() + 1,
        backpressure=CONNECTIONS,
        respawn_failed_workers=True,
        workers_kill_timeout=GRACE,
        log_level=LogLevels.warning,
    )
    logger.info(
        "Model loaded in %.2f s; serving it on port %d with %d worker(s)",
        time.perf_counter() - started,
        settings.port,
        settings.workers,
    )

    def start_worker() -> App:
        """What Granian calls first in a new worker; its own signal handlers come next."""
        for number in signals.STOP:
            signal.signal(number, _leave)
        signals.release()
        signals.wake_main_thread()
        return app

    # What Granian's threads call, with the means to answer from another one; there is no setting.
    call = mp._wsgi_call_wrap  # type: ignore[attr-defined]
    mp._wsgi_call_wrap = lambda *options: Relay(call(*options))  # type: ignore[attr-defined]

    signals.hold_in_forks()
    signals.wake_main_thread()
    server.serve(target_loader=start_worker, wrap_loader=False)


def _leave(*_: object) -> None:
    """Ends a worker that has not begun to listen."""
    os._exit(0)
