"""The local AWS: its services put together behind one address.

SageMaker, its Runtime and its quotas run here; every other service is moto's.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import threading
from typing import TYPE_CHECKING, Self

from harness.local.core.backend import Backend
from harness.local.core.ours import Ours
from harness.local.core.tags import Tags
from harness.local.experiments.experiments import Experiments, Trials
from harness.local.experiments.provider import MetricsService, TrialComponents
from harness.local.faults.faults import Faults
from harness.local.functions.running import Functions
from harness.local.hosting.endpoint_configs import EndpointConfigs
from harness.local.hosting.endpoints import Endpoints
from harness.local.hosting.models import Models
from harness.local.hosting.runtime import AsyncRuntime, Runtime
from harness.local.http.dispatch import Dispatch
from harness.local.http.listening import Server
from harness.local.http.trust import Trust
from harness.local.jobs.processing.provider import ProcessingJobs
from harness.local.jobs.training.provider import TrainingJobs
from harness.local.jobs.transform.provider import TransformJobs
from harness.local.jobs.transform.validation import PackageValidation
from harness.local.jobs.tuning.provider import TuningJobs
from harness.local.lineage.artifacts import Actions, Artifacts, Contexts
from harness.local.lineage.associations import Associations
from harness.local.lineage.groups import LineageGroups
from harness.local.moto.app import MotoApp
from harness.local.moto.ours.accounts import account_of
from harness.local.moto.quotas import Quotas
from harness.local.page.page import Page
from harness.local.pipelines.executions import PipelineExecutions
from harness.local.pipelines.provider import Pipelines
from harness.local.protocol.service import Service
from harness.local.records.provider import Records
from harness.local.registry.groups import ModelPackageGroups
from harness.local.registry.packages import ModelPackages
from harness.local.search.provider import Search
from harness.local.state.keeper import Keeper
from harness.local.state.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from harness.config.faults import Fault

_log = logging.getLogger(__name__)

INNER_CONCURRENT = 32
"""Requests that are worked on at once of those that our own operations and jobs make, of S3 for
instance.

They have threads of their own: those that wait for them may be all that there are otherwise.
"""

_LOOPBACK = "127.0.0.1"

_ALL_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104  # to listen on

_NEEDED = ("moto.iam.models", "moto.moto_server.werkzeug_app", "moto.s3.models")


def make_providers(backend: Backend) -> dict[str, list[object]]:
    """What runs here, by botocore's service name: a further kind of resource is a further line."""
    pipelines = Pipelines(backend)
    return {
        "sagemaker": [
            TrainingJobs(backend),
            TransformJobs(backend),
            TuningJobs(backend),
            ProcessingJobs(backend),
            pipelines,
            PipelineExecutions(backend, pipelines),
            ModelPackageGroups(backend),
            ModelPackages(backend, PackageValidation(backend)),
            Models(backend),
            EndpointConfigs(backend),
            Endpoints(backend),
            Experiments(backend),
            Trials(backend),
            TrialComponents(backend),
            Artifacts(backend),
            Actions(backend),
            Contexts(backend),
            Associations(backend),
            LineageGroups(),
            Search(backend),
            Tags(backend),
            Records(backend),
        ],
        "sagemaker-runtime": [Runtime(backend), AsyncRuntime(backend)],
        "sagemaker-metrics": [MetricsService(backend)],
        "service-quotas": [Quotas()],
    }


def load() -> None:
    """Import what the first requests need, which isn't imported with this module."""
    for name in _NEEDED:
        importlib.import_module(name)


class LocalAWS:
    """A local AWS on `http://host:port`, running in threads of this process.

    `port` 0 takes a free one. `extra_hosts` are further addresses to listen on, on the same port
    (Docker's bridge gateway, so that containers reach it). `registry` is the "host:port" of a
    container registry that ECR's repositories are in; without one they hold no image that Docker
    could pull. `providers` are the objects that implement operations, by botocore's service name;
    by default those of `make_providers`. One that has `close()` is closed first when the server
    closes, while that still answers. `faults` are those that it begins with; further ones may be
    added to its `faults`, or at /_harness/faults. `state` is a folder to take up what was saved in,
    and to save in: by `save_state`, or at /_harness/state. With `gpu` "ignore", instance types with
    GPUs run without them; else they get the Docker engine's, and are refused where it has none.

    moto keeps its state for the whole process: two of these at once share their buckets, roles
    and log groups, unless their `account_id`s differ (bucket names are global all the same). The
    state is dropped when the last one in the process is closed.
    """

    def __init__(
        self,
        region: str = "us-east-1",
        account_id: str = "123456789012",
        host: str = _LOOPBACK,
        port: int = 0,
        *,
        extra_hosts: Sequence[str] = (),
        registry: str = "",
        providers: Mapping[str, Sequence[object]] | None = None,
        faults: Iterable[Fault] = (),
        state: Path | None = None,
        gpu: str = "require",
    ) -> None:
        self.region = region
        self.account_id = account_id
        self.host = host
        self.port = port
        self._hosts = [host, *extra_hosts]
        self._registry = registry
        self.faults = Faults(faults)
        self._given_providers = providers
        self._state = state
        self._keeper: Keeper
        self._ignores_gpus = gpu == "ignore"
        self._moto = MotoApp(account_id, region, registry)
        self._trust = Trust(host, lambda: self.url)
        self._services: dict[str, Service] = {}
        self._dispatch: Dispatch
        self._closers: list[Callable[[], None]] = []
        self._server: Server | None = None
        self._inner_url = ""
        self._started = False
        self._warming: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The endpoint URL to give to clients; its port is known once the server has started."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> Self:
        """Listen, and return when connections are accepted.

        Raises:
            OSError: the port is taken, or an address isn't this machine's.
            ServiceError: the state can't be taken up; the text says why.
        """
        if self._started:
            raise RuntimeError("This local AWS has been started already.")
        self._started = True
        self._moto.open()
        try:
            self._put_together()
            self._listen()
            if self._state is not None:
                self._keeper.open(self._state)
        except BaseException:
            self.close()
            raise
        self._warming = threading.Thread(target=self._warm_up, name="harness-warm-up", daemon=True)
        self._warming.start()
        return self

    def _put_together(self) -> None:
        """Make what answers: the services, and the page of those that are here by default."""
        backend: Backend | None = None
        providers = self._given_providers
        if providers is None:
            backend = self._make_backend()
            self._closers.append(backend.close)
            providers = make_providers(backend)
        objects = [each for some in providers.values() for each in some]
        self._closers += [close for each in objects if (close := getattr(each, "close", None))]
        here = {"region": self.region, "account_id": self.account_id}
        self._services = {
            name: Service(name, some, **here, account_of=account_of)
            for name, some in providers.items()
        }
        page: Page | None = None
        if backend:
            sagemaker = self._services["sagemaker"]
            self._moto.ours = Ours(sagemaker, backend.store, Functions(backend).run)
            page = Page(sagemaker, backend.client, self.faults, **here)
            self._closers.append(page.close)
        services = self._services.values()
        turns = Turns()
        self._keeper = Keeper(self._moto, backend, objects, turns, self.account_id)
        self._closers.insert(0, self._keeper.close)
        self._dispatch = Dispatch(
            self._trust, page, services, self._moto, here, self.faults, self._keeper, turns
        )

    def _make_backend(self) -> Backend:
        return Backend(
            lambda: self._inner_url, self.region, self.account_id, self.listen, self._registry,
            self.faults, ignores_gpus=self._ignores_gpus,
        )  # fmt: skip

    def _listen(self) -> None:
        self._server = Server(self._dispatch)
        for host in self._hosts:
            self.port = self._server.listen(host, self.port, faults=self.faults)
        if self._given_providers is None:
            inner = self._server.listen(_LOOPBACK, 0, workers=INNER_CONCURRENT)
            self._inner_url = f"http://{_LOOPBACK}:{inner}"

    def _warm_up(self) -> None:
        """Load what the first requests need, while the process that waits does something else."""
        self._moto.load("s3")
        for service in self._services.values():
            _ = service.operations, service.members

    def listen(self, host: str, accepts: Callable[[str], bool]) -> str | None:
        """Listen on a further address of this machine, for clients whose address `accepts` takes.

        On the same port if it is free there. Returns the URL; None if the address isn't this
        machine's. It is closed with the server.
        """
        if not self._started or self._server is None:
            return None
        if self.host in _ALL_ADDRESSES:
            return f"http://{host}:{self.port}"
        listen = self._server.listen
        for port in (self.port, 0):
            with contextlib.suppress(OSError):
                return f"http://{host}:{listen(host, port, accepts, faults=self.faults)}"
        return None

    def save_state(self) -> None:
        """Save everything in the state folder, for the next one that begins with it.

        Raises:
            ServiceError: it can't be written; what was saved there before stays.
        """
        self._keeper.save()

    def reset(self) -> None:
        """Forget everything, and end what runs. So does a request to /_harness/reset."""
        self._keeper.reset()

    def on_reset(self, call: Callable[[], None]) -> None:
        """Have this called after each reset, to make what is to be there all the same."""
        self._keeper.after_reset.append(call)

    def close(self) -> None:
        """Close the providers, stop answering and free the port. May be called twice."""
        if not self._started:
            return
        self._started = False
        self.close_providers()
        if self._server is not None:
            self._server.stop()
        self._moto.close()

    def close_providers(self) -> None:
        """End all that runs, as a part of closing; the rest is gone with the process anyway."""
        for close in reversed(self._closers):
            try:
                close()
            except Exception:  # noqa: BLE001  # is logged with its traceback
                _log.exception("%r failed; what it would have cleaned up may be left", close)
        self._closers.clear()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
