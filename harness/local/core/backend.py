"""What the providers of the local AWS share: clients for moto's services, logs, containers."""

from __future__ import annotations

import functools
import logging
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from harness.aws_model import instance_types
from harness.local.core import sdk_access
from harness.local.core.client import DUMMY_KEY, local_boto_session
from harness.local.core.logs import LogStreams
from harness.local.core.store import Store
from harness.local.engine.containers import Containers
from harness.local.engine.image_registry import Registry
from harness.local.faults.faults import Faults
from harness.local.moto import s3_streaming

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from types_boto3_ecr import ECRClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_s3 import S3Client

    from harness.local.protocol.messages import RequestContext

_log = logging.getLogger(__name__)

CONNECTIONS = 64
"""Calls that all jobs together make at once to a service, without opening new connections."""

CLOSE_TIMEOUT = 30
"""Seconds that closing waits for the threads of jobs whose containers have been removed."""


class Backend:
    """One for each local AWS. `url` answers the local AWS's own address, once it listens.

    `listen` makes it listen on one more address, for the clients whose addresses are accepted,
    and answers the URL, or None where the address isn't this machine's. `registry` is the address
    of the one that images of ECR are pulled from.
    """

    def __init__(
        self,
        url: Callable[[], str],
        region: str,
        account_id: str,
        listen: Callable[[str, Callable[[str], bool]], str | None] | None = None,
        registry: str = "",
        faults: Faults | None = None,
        *,
        ignores_gpus: bool = False,
    ) -> None:
        self._url = url
        self._listen = listen
        self._reachable: str | None = None
        self._reachable_lock = threading.Lock()
        self._files: dict[str, bytes] = {}
        self.registry = registry
        self.region = region
        self.account_id = account_id
        self.faults = faults or Faults()
        self.ignores_gpus = ignores_gpus
        """Whether instance types with accelerators run without them."""
        self.store = Store()
        self.containers = Containers(Registry(registry, account_id) if registry else None)
        self.logs = LogStreams(self.logs_client)
        self._clients: dict[tuple[str, str, str, float | None], Any] = {}
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    @functools.cached_property
    def s3(self) -> S3Client:
        client: S3Client = self._client("s3", self.region)
        s3_streaming.directly(client, self.account_id)
        return client

    def logs_client(self, region: str, account_id: str = "") -> CloudWatchLogsClient:
        client: CloudWatchLogsClient = self._client("logs", region, account_id)
        return client

    def cloudwatch(self, region: str, account_id: str = "") -> Any:
        return self.client("cloudwatch", region, account_id)

    def client(
        self, service: str, region: str, account_id: str = "", *, patience: float | None = None
    ) -> Any:
        """A client of another of this local AWS's services, which is kept.

        `patience` are the seconds that an answer may take; nothing is asked twice then.
        """
        key = service, region, account_id, patience
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._client(service, region, account_id, patience)
            return self._clients[key]

    def ecr(self, region: str, account_id: str = "") -> ECRClient:
        client: ECRClient = self._client("ecr", region, account_id)
        return client

    def _key(self, account_id: str) -> str:
        """The access key by which services are called in the name of an account."""
        return DUMMY_KEY if account_id in ("", self.account_id) else account_id

    def _client(
        self, service: str, region: str, account_id: str = "", patience: float | None = None
    ) -> Any:
        session = local_boto_session(self._url(), region, self._key(account_id))
        make: Any = session.client  # overloaded by service name
        config = Config(max_pool_connections=CONNECTIONS)
        if patience is not None:
            once = Config(read_timeout=patience, retries={"total_max_attempts": 1})
            config = config.merge(once)
        return make(service, config=config)

    def gpus(self, instance_type: str) -> int:
        """How many GPUs a container gets for an instance of the type."""
        return 0 if self.ignores_gpus else instance_types.gpus(instance_type)

    def container_environment(
        self, context: RequestContext, image: str, own: Mapping[str, str], *, isolated: bool
    ) -> dict[str, str]:
        """What a container of the image has in its environment, with its request's `own`.

        Below that, the local AWS's address, where there is one that containers reach, and keys for
        it: AWS's own are somewhere else, and the user's don't get there. Nothing that is isolated
        can reach it.
        """
        environment = {"AWS_REGION": context.region, **own}
        if isolated or not (url := self._container_url()):
            return environment
        known = {**self.containers.image_environment(image), **environment}
        path = sdk_access.data_path(known, sdk_access.FOLDER)
        key = self._key(context.account_id)
        return {**sdk_access.variables(url, key), **environment, **path}

    def container_files(self, *, isolated: bool) -> dict[str, bytes]:
        """What belongs to that environment, by the path in the container; empty if nothing does."""
        if isolated or not (url := self._container_url()):
            return {}
        if not self._files:  # whoever comes at the same time makes the same
            named = sdk_access.files(url).items()
            self._files = {f"{sdk_access.FOLDER}/{name}": content for name, content in named}
        return self._files

    def _container_url(self) -> str | None:
        """The local AWS's URL as containers reach it; it listens there from the first one on."""
        with self._reachable_lock:
            if self._reachable is None:
                gateway = self.containers.gateway() if self._listen else None
                url = (
                    self._listen(gateway, self.containers.is_container)
                    if self._listen and gateway
                    else None
                )
                self._reachable = url or ""
            return self._reachable or None

    def spawn(self, target: Callable[[], None], name: str) -> None:
        """Run `target` in a thread that `close` waits for."""

        def run() -> None:
            try:
                target()
            except Exception:  # noqa: BLE001 - the thread's last resort
                _log.exception("%s ended with an unexpected error", name)
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, name=name, daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def together(self, calls: Sequence[Callable[[], None]], name: str) -> None:
        """Run `calls` at once and wait for all; the first error is raised when all have ended."""
        futures: list[Future[None]] = []
        for call in calls:
            future: Future[None] = Future()
            futures.append(future)

            def run(call: Callable[[], None] = call, future: Future[None] = future) -> None:
                try:
                    call()
                    future.set_result(None)
                except BaseException as error:  # noqa: BLE001 - raised by the caller
                    future.set_exception(error)

            self.spawn(run, name)
        errors = [error for future in futures if (error := future.exception()) is not None]
        if errors:
            raise errors[0]

    def reset(self) -> None:
        """Forget all resources, and end what runs for them: its containers are gone then.

        The last log lines are written out before; those of later jobs go on.
        """
        with self._lock:
            threads = list(self._threads)
        self.store.clear()
        self.containers.remove_all()
        self._wait_for(threads)
        self.logs.flush()

    def close(self) -> None:
        """Remove all containers, let the jobs' threads end, and write out the last log lines."""
        self.store.close()
        self.containers.close()
        with self._lock:
            threads = list(self._threads)
        self._wait_for(threads)
        self.logs.close()
        if "s3" in self.__dict__:  # it was used
            self.s3.close()
        for client in self._clients.values():
            client.close()

    def _wait_for(self, threads: Sequence[threading.Thread]) -> None:
        """Let them end, `CLOSE_TIMEOUT` seconds at most for all."""
        deadline = time.monotonic() + CLOSE_TIMEOUT
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
