"""A notebook's kernel on the local AWS: `%load_ext harness`, or `harness.use_local_aws()`.

What runs in the kernel from then on is on the local AWS, by the same variables that `harness env`
prints: boto3, either SageMaker SDK, and what the kernel starts. Jobs that are made by boto3's
default session, as the SDKs' are, show their progress.
"""

from __future__ import annotations

import atexit
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from harness.errors import ConfigError
from harness.notebook import progress
from harness.sdk import finding
from harness.service import state
from harness.service.environment import sdk_defaults, variables_for
from harness.service.python import sitecustomize
from harness.service.state import Running

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.process import LocalProcess

ACCOUNT = "123456789012"


class _Kernel:
    """What this process has of a local AWS, and what there was before."""

    def __init__(self) -> None:
        self.running: Running | None = None
        self._own: LocalProcess | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._before: dict[str, str | None] = {}

    def use(self) -> Running:
        if self.running is not None:
            if state.is_healthy(self.running.url):
                return self.running
            self.leave()  # it has ended since
        found = state.find()
        self.running = found or self._start()
        folder = Path(self._folder.name) if self._folder else None
        self._set(variables_for(self.running, os.environ, folder))
        sitecustomize.quicken_all()
        _forget_sessions()
        boto3.setup_default_session()
        progress.follow_jobs(boto3._get_default_session(), self.running)
        return self.running

    def leave(self) -> None:
        """Restore the environment, and end the local AWS if it is this process's own."""
        atexit.unregister(self.leave)
        progress.stop()
        self._set(self._before)
        self._before.clear()
        own, folder, was_used = self._own, self._folder, self.running is not None
        self.running = self._own = self._folder = None
        if was_used:
            _forget_sessions()
        if own is not None:
            own.close()
        if folder is not None:
            folder.cleanup()

    def _start(self) -> Running:
        """One that ends with this process, however that ends."""
        try:
            from harness.config.settings import Settings
            from harness.local.core.client import ensure_bucket, local_boto_session
            from harness.local.process import LocalProcess
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"no local AWS runs, and none can be started in this environment, since "
                f"{error.name} isn't installed; run `harness up --detach` in another one."
            ) from error
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        settings = Settings(region=region or "us-east-1")
        atexit.register(self.leave)
        self._folder = tempfile.TemporaryDirectory(prefix="harness-notebook-")
        self._own = LocalProcess().start(settings)
        try:
            url = self._own.url
            ensure_bucket(local_boto_session(url, settings.region), finding.BUCKET)
        except BaseException:
            self.leave()
            raise
        (Path(self._folder.name) / state.DEFAULTS).write_text(sdk_defaults(finding.BUCKET))
        return Running(os.getpid(), "", settings.region, ACCOUNT, finding.BUCKET, url)

    def _set(self, variables: Mapping[str, str | None]) -> None:
        for name, value in variables.items():
            self._before.setdefault(name, os.environ.get(name))
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


_kernel = _Kernel()


def use_local_aws() -> str:
    """Have this process use the local AWS that `harness up` has started, or else one of its own.

    Sets the environment, and lets boto3 forget its default session. One of its own ends with this
    process, or with `leave_local_aws`. Returns the endpoint URL. A second call changes nothing.

    Raises:
        HarnessError: there is none, and none can be started.
    """
    return _kernel.use().url


def leave_local_aws() -> None:
    """Undo `use_local_aws`: the environment is what it was. May be called twice."""
    _kernel.leave()


def load_ipython_extension(_: Any) -> None:
    """`%load_ext harness`."""
    print(f"The local AWS is at {use_local_aws()}, and so is this kernel.")


def unload_ipython_extension(_: Any) -> None:
    """`%unload_ext harness`."""
    leave_local_aws()


def _forget_sessions() -> None:
    """Have boto3, and the SDK's v3 if it is here, make their clients anew."""
    boto3.DEFAULT_SESSION = None
    module = sys.modules.get("sagemaker.core.utils.utils")
    reset = getattr(getattr(module, "SageMakerClient", None), "reset", None)
    if reset is not None:
        reset()
