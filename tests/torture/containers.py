"""Attacks that take a container: hostile archives, keys, manifests, expressions, and a way out."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.integration.support import ROLE
from tests.torture.archives import OUTSIDE, archives
from tests.torture.hostile import EXPRESSIONS

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    from tests.torture.service import Service
    from tests.torture.tally import Tally

WAIT_SECONDS = 90
AT_ONCE = 3
ENDS = ("Completed", "Failed", "Stopped")
OUR_FAULT = ("InternalServerError", "internal error", "Traceback", "Errno")
"""Words of a failure reason that only a fault of ours gives."""


class Account:
    """Resources of one attack on a service, with the probe image; a context manager."""

    def __init__(self, service: Service, image: str) -> None:
        self.service = service
        self.image = image
        self.aws = service.aws()
        self._endpoints: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in self._endpoints:
            with contextlib.suppress(Exception):
                self.aws.sagemaker.delete_endpoint(EndpointName=name)

    def put(self, key: str, body: bytes) -> str:
        self.aws.s3.put_object(Bucket=self.aws.bucket, Key=key, Body=body)
        return f"s3://{self.aws.bucket}/{key}"

    def train(self, tally: Tally, **members: Any) -> dict[str, Any]:
        """Create a job and wait for its end; what is known of it then, empty if it hangs."""
        name = f"torture-{uuid.uuid4().hex[:8]}"
        tally.attempt()
        limit = {"MaxRuntimeInSeconds": 60}
        self.aws.create_training_job(name, self.image, **{"StoppingCondition": limit, **members})
        describe: Any = lambda: self.aws.sagemaker.describe_training_job(TrainingJobName=name)  # noqa: E731
        return self._end(describe, "TrainingJobStatus", ENDS, tally)

    def deploy(self, tally: Tally, **model: Any) -> dict[str, Any]:
        """Create an endpoint of a model and wait until it serves, or doesn't."""
        name = f"torture-{uuid.uuid4().hex[:8]}"
        self._endpoints.append(name)
        sagemaker = self.aws.sagemaker
        tally.attempt()
        container: Any = {"Image": self.image, **model.pop("container", {})}
        sagemaker.create_model(
            ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE, **model
        )
        self.aws.create_endpoint(name, model=name)
        describe: Any = lambda: sagemaker.describe_endpoint(EndpointName=name)  # noqa: E731
        return self._end(describe, "EndpointStatus", ("InService", "Failed"), tally)

    def _end(
        self, describe: Callable[[], Any], status: str, ends: tuple[str, ...], tally: Tally
    ) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT_SECONDS
        pause = threading.Event()
        while (described := describe())[status] not in ends:
            if time.monotonic() > deadline:
                tally.went_wrong("hangs", f"{described[status]} after {WAIT_SECONDS} s")
                return {}
            pause.wait(0.2)
        reason = described.get("FailureReason", "")
        if any(words in reason for words in OUR_FAULT):
            tally.went_wrong("5xx", f"{status}: {reason}")
        return dict(described)


def extraction(
    service: Service, image: str, seconds: float, choose: random.Random, tally: Tally
) -> None:
    """Hostile model archives, each deployed; nothing of them may arrive outside a container."""
    outside = Path(OUTSIDE)
    outside.unlink(missing_ok=True)
    mode = Path("/etc/passwd").stat().st_mtime_ns
    with Account(service, image) as account:

        def deploy(name: str, body: bytes) -> None:
            url = account.put(f"models/{uuid.uuid4().hex}/model.tar.gz", body)
            account.deploy(tally, container={"ModelDataUrl": url})

        _each(deploy, list(archives()), seconds, choose)
    if outside.exists() or Path("/etc/passwd").stat().st_mtime_ns != mode:
        tally.went_wrong("escapes", "an archive wrote outside its container")


KEYS = [
    "../climbs", "a/../../b", "/absolute", "//two", "a//b", "trailing/", "line\nbreak", "tab\t",
    "ünï",
    "x" * 1_000, " ", ".", "..", "a/.", "%2e%2e%2f", "q?x=y", "a#b", "'\"`$(id)", "\x7f", "😀",
    "-rf",
    "both", "both/below",
]  # fmt: skip

MANIFESTS: list[bytes] = [
    b"", b"[]", b"{}", b"null", b"1", b"[[[[", b"[" * 100_000,
    b'[{"prefix": 1}]', b'[{"prefix": "s3://"}]',
    b'[{"prefix": "s3://nowhere/"}, 1e999]', b'[{"prefix": "s3://nowhere/"}, null]', b"\xff\x00",
    b'[{"prefix": "s3://nowhere/"}, {"a": 1}]', b'[{"prefix": "s3://nowhere/"}, "../../x"]',
    b'[{"prefix": "s3://nowhere/"}, "a", "a"]', b'{"a":' * 50_000, b"9" * 100_000,
]  # fmt: skip


def inputs(
    service: Service, image: str, seconds: float, choose: random.Random, tally: Tally
) -> None:
    """Hostile S3 keys and manifests as what jobs train on."""
    with Account(service, image) as account:

        def keys(chosen: list[str]) -> None:
            prefix = f"keys-{uuid.uuid4().hex}/"
            for key in chosen:
                account.put(prefix + key, b"content of a key")
            source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{account.aws.bucket}/{prefix}"}
            account.train(tally, InputDataConfig=[_channel(source)])

        def manifest(body: bytes) -> None:
            uri = account.put(f"manifests/{uuid.uuid4().hex}", body)
            source = {"S3DataType": "ManifestFile", "S3Uri": uri}
            described = account.train(tally, InputDataConfig=[_channel(source)])
            if described.get("TrainingJobStatus") == "Completed":
                tally.went_wrong("lost", f"a job trained on the manifest {body[:100]!r}")

        sets = [[key] for key in KEYS] + [KEYS]
        calls: list[tuple[Any, ...]] = [(keys, each) for each in sets]
        calls += [(manifest, each) for each in MANIFESTS]
        _each(lambda call, argument: call(argument), calls, seconds, choose)


def _channel(source: dict[str, Any]) -> Any:
    return {"ChannelName": "train", "DataSource": {"S3DataSource": source}}


def expressions(
    service: Service, image: str, seconds: float, choose: random.Random, tally: Tally
) -> None:
    """Metrics whose expressions never end, on lines made for them."""
    with Account(service, image) as account:

        def train(expression: str) -> None:
            algorithm = {
                "TrainingImage": image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "m", "Regex": expression}],
            }
            try:
                account.train(
                    tally, AlgorithmSpecification=algorithm, Environment={"PROBE": "evil-lines"}
                )
            except account.aws.sagemaker.exceptions.ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                    tally.went_wrong("5xx", f"{expression}: {error}")

        _each(train, [(each,) for each in EXPRESSIONS], seconds, choose)


def isolation(
    service: Service, image: str, seconds: float, choose: random.Random, tally: Tally
) -> None:
    """Ways out of containers with EnableNetworkIsolation, of each kind."""
    with _listening() as port, Account(service, image) as account:
        ports = [port, service.address[1]]
        addresses = sorted(_own_addresses() | _gateways(service))
        targets = json.dumps([[(each, port) for each in addresses for port in ports], ports])
        for hosts in (1, 2):
            described = account.train(
                tally,
                EnableNetworkIsolation=True,
                Environment={"PROBE": "reach"},
                HyperParameters={"targets": targets},
                ResourceConfig={
                    "InstanceCount": hosts, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1,
                },
            )  # fmt: skip
            lines = account.aws.log("/aws/sagemaker/TrainingJobs", described["TrainingJobName"])
            _judge([line for line in lines if line.startswith("REACHED")], hosts, tally)
        isolated = account.deploy(
            tally, EnableNetworkIsolation=True, container={"Environment": {"PROBE": "reach"}}
        )
        answer = account.aws.invoke(
            isolated["EndpointName"], targets.encode(), ContentType="probe/reach"
        )
        _judge(["REACHED " + answer["Body"].read().decode()], 1, tally)


def _judge(lines: list[str], expected: int, tally: Tally) -> None:
    if len(lines) != expected:
        tally.went_wrong("lost", f"{len(lines)} of {expected} containers said what they reached")
    for line in lines:
        for reached in json.loads(line.removeprefix("REACHED ")):
            tally.went_wrong("escapes", f"an isolated container reached {reached}")


@contextlib.contextmanager
def _listening() -> Iterator[int]:
    """A server of this machine on all its addresses; its port."""
    with http.server.ThreadingHTTPServer(
        ("0.0.0.0", 0), http.server.SimpleHTTPRequestHandler
    ) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _own_addresses() -> set[str]:
    """This machine's, but for those that mean each container itself there."""
    found: set[str] = set()
    with contextlib.suppress(OSError):
        infos = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
        found = {str(info[4][0]) for info in infos}
    return {each for each in found if not each.startswith("127.")}


def _gateways(service: Service) -> set[str]:
    """Addresses that this machine has in the engine's networks."""
    found = set()
    for network in service.engine.networks.list():
        for config in (network.attrs.get("IPAM") or {}).get("Config") or []:
            found |= {config["Gateway"]} if "Gateway" in config else set()
    return found


def _each(
    attack: Callable[..., None], arguments: list[tuple[Any, ...]], seconds: float,
    choose: random.Random,
) -> None:  # fmt: skip
    """Call it with each, a few at once, in an order of chance, until the time is up."""
    deadline = time.monotonic() + seconds
    choose.shuffle(arguments)

    def bounded(each: tuple[Any, ...]) -> None:
        if time.monotonic() < deadline:
            attack(*each)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for running in [pool.submit(bounded, each) for each in arguments]:
            running.result()
