"""`docker run IMAGE serve`: load the model, then fork workers that listen.

The model is loaded once, before anything listens, and the workers share its memory. Each worker
binds the port itself (SO_REUSEPORT), so the kernel hands out connections and no proxy stands
between. On SIGTERM the workers stop listening, end the requests that run, and exit.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from serving.errors import StartError

if TYPE_CHECKING:
    from serving.settings import Settings

logger = logging.getLogger("serving")


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
    from serving import hooks, workers
    from serving.app import App
    from serving.content import CONTENT_TYPES
    from serving.settings import Settings

    started = time.perf_counter()
    settings = Settings.from_environ(os.environ)
    code_dir = _ready(settings)
    functions = hooks.load(code_dir, settings.program)
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

    try:
        bound = workers.bind(settings.port)
    except OSError as error:
        raise StartError(f"Port {settings.port} can't be listened to: {error}") from error
    logger.info(
        "Model loaded in %.2f s by %s; serving it on port %d with %d worker(s)",
        time.perf_counter() - started,
        code_dir / settings.program,
        settings.port,
        settings.workers,
    )
    # Python runs one thread at a time, so more answer no faster; they are there for hooks that wait
    # for something else.
    helpers = 2 * (os.cpu_count() or 1) + 1
    workers.Workers(app, bound, settings.workers, helpers).serve()


def _ready(settings: Settings) -> Path:
    """The folder with the program, once it is here and what it requires is installed.

    Raises:
        StartError: it can't be had, or doesn't install.
    """
    from serving import submitted

    code_dir = settings.code_dir
    if settings.submitted:
        folder = Path(tempfile.mkdtemp(prefix="program-"))  # as long as the server serves
        try:
            submitted.fetch(settings.submitted, folder)
            code_dir = folder
        except StartError as error:
            if not (code_dir / settings.program).is_file() or _is_images_own(code_dir, settings):
                raise
            logger.warning("%s So %s serves, which came with the model.", error, code_dir)
    if not _is_images_own(code_dir, settings):
        submitted.install(code_dir)
    return code_dir


def _is_images_own(code_dir: Path, settings: Settings) -> bool:
    return code_dir == settings.base_dir / "code"
