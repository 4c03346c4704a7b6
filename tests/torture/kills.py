"""SIGKILL at moments of chance: nothing of ours may be left after the next start, and all of what
is others' must be.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import machine
from harness.local.engine.sessions import LABEL_HOST, LABEL_LOCK, LABEL_SESSION
from tests.integration.registry import DockerRegistry
from tests.integration.support import ROLE
from tests.policies import ALL, trust
from tests.torture.service import Service

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping

    from docker import DockerClient

    from tests.torture.tally import Tally

PROJECT = Path(__file__).parents[1] / "integration/quick"
COMMAND_SECONDS = 120


def sudden(
    service: Service, image: str, seconds: float, choose: random.Random, tally: Tally
) -> None:
    """Commands and services, each killed somewhere on its way."""
    with _shop(service.folder) as shop, _others(service.engine, image) as others:
        deadline = time.monotonic() + seconds
        number = 0
        while time.monotonic() < deadline:
            folder = service.folder / f"kill-{number}"
            folder.mkdir()
            trial = Trial(folder, service, image, shop, choose)
            kinds = [trial.run, trial.up, trial.build, trial.push, trial.clean]
            kind = kinds[number % len(kinds)]
            number += 1
            tally.attempt()
            try:
                kind()
            finally:
                trial.clean_up(kind.__name__, tally)
        for each in others():
            tally.went_wrong("lost", f"{each} was others', and is gone")


class Trial:
    """One kill, with a state folder, a folder for temporary files and a machine's name to itself.

    The project's images are the only thing that trials share.
    """

    def __init__(
        self,
        folder: Path,
        service: Service,
        image: str,
        shop: Mapping[str, str],
        choose: random.Random,
    ) -> None:
        self._folder = folder
        self._shop = shop
        self._engine = service.engine
        self._image = image
        self._choose = choose
        self._machine = f"{machine.name()}-kill-{uuid.uuid4().hex[:6]}"
        self._temporary = folder / "tmp"
        self._temporary.mkdir()
        self._project = folder / "project"
        shutil.copytree(PROJECT, self._project)
        self._environ: Mapping[str, str] = {
            **service.environ,
            machine.VARIABLE: self._machine,
            "XDG_STATE_HOME": str(folder / "state"),
            "TMPDIR": str(self._temporary),
        }

    def run(self) -> None:
        """`harness run`, in its first seconds, which are all it takes."""
        self._kill_after(self._start("run"), self._choose.uniform(0.2, 7))

    def build(self) -> None:
        """`harness build` of a project that has changed."""
        self._change()
        self._kill_after(self._start("build"), self._choose.uniform(0.2, 3))

    def push(self) -> None:
        """`harness push` of a project that has changed: it is built, and goes to the registry."""
        self._change()
        self._kill_after(self._start("push", **self._shop), self._choose.uniform(1, 6))

    def _change(self) -> None:
        changed = self._project / "container/quick.py"
        changed.write_text(f"{changed.read_text()}\n# {uuid.uuid4()}\n")

    def clean(self) -> None:
        """`harness clean`, of what a killed service has left."""
        self.up()
        self._kill_after(self._start("clean"), self._choose.uniform(0.2, 2))

    def up(self) -> None:
        """`harness up`, with jobs and endpoints on their way."""
        service = Service(self._folder)
        service.environ = dict(self._environ)
        service.start()
        try:
            _make_something(service, self._image)
            threading.Event().wait(self._choose.uniform(0, 3))
        finally:
            service.kill()
            service.engine.close()

    def clean_up(self, kind: str, tally: Tally) -> None:
        """The next start, after which nothing may be left.

        A session whose container the engine is only just removing is looked at by the start after
        that: until then its lock says whose it is.
        """
        self._clean(kind, tally)
        if any(self._locks()):
            self._clean(kind, tally)
        for each in [*self._left(), *self._locks()]:
            tally.went_wrong("leftovers", f"{each} after {kind}")
        shutil.rmtree(self._folder)

    def _clean(self, kind: str, tally: Tally) -> None:
        cleaned = self._start("clean")
        try:
            status = cleaned.wait(COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            tally.went_wrong("hangs", f"harness clean after {kind}")
            cleaned.kill()
            cleaned.wait()
            return
        if status:
            said = (self._folder / "clean.log").read_text()[-500:]
            tally.went_wrong("leftovers", f"harness clean after {kind}: status {status}: {said}")

    def _left(self) -> Iterator[str]:
        label = {"label": f"{LABEL_HOST}={self._machine}"}
        api = self._engine.api
        for container in api.containers(all=True, filters=label):
            yield f"container {container['Names'][0]}"
        for network in api.networks(filters=label):
            yield f"network {network['Name']}"
        for volume in api.volumes(filters=label)["Volumes"] or []:
            yield f"volume {volume['Name']}"
        for path in self._temporary.iterdir():
            yield f"temporary file {path.name}"

    def _locks(self) -> Iterator[str]:
        sessions = self._folder / "state/harness/sessions"
        for path in sessions.iterdir() if sessions.is_dir() else ():
            yield f"session file {path.name}"

    def _start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        with (self._folder / f"{arguments[0]}.log").open("w") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "harness", *arguments],
                cwd=self._project, env={**self._environ, **variables}, stdout=log, stderr=log,
                text=True, start_new_session=True,
            )  # fmt: skip

    def _kill_after(self, process: subprocess.Popen[str], seconds: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.wait()


def _make_something(service: Service, image: str) -> None:
    """A job of two hosts that doesn't end by itself, and an endpoint."""
    aws = service.aws()
    name = uuid.uuid4().hex[:8]
    aws.create_training_job(
        f"kill-{name}",
        image,
        Environment={"PROBE": "until-sigterm"},
        ResourceConfig={"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    aws.create_endpoint(f"kill-{name}", container={"Image": image})


@contextlib.contextmanager
def _shop(folder: Path) -> Iterator[Mapping[str, str]]:
    """The environment in which `harness push` finds an ECR with a real registry behind it."""
    (folder / "shop").mkdir()
    (folder / "registry").mkdir()
    with (
        DockerRegistry(folder / "registry") as registry,
        Service(folder / "shop", "--registry", registry.host) as service,
    ):
        ecr = service.boto.client("ecr")
        (login,) = ecr.get_authorization_token()["authorizationData"]
        user, _, password = base64.b64decode(login["authorizationToken"]).decode().partition(":")
        registry.allow(user, password)
        iam = service.boto.client("iam")
        iam.create_role(
            RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument=trust("sagemaker")
        )
        iam.put_role_policy(RoleName=ROLE.rpartition("/")[2], PolicyName="all", PolicyDocument=ALL)
        yield {
            "AWS_ENDPOINT_URL": service.url,
            "AWS_ACCESS_KEY_ID": "harness",
            "AWS_SECRET_ACCESS_KEY": "harness",
            "HARNESS_TARGET": "aws",
            "HARNESS_AWS_BUCKET": service.running["bucket"],
            "HARNESS_AWS_ROLE_ARN": ROLE,
            "HARNESS_AWS_REPOSITORY": "torture",
        }


@contextlib.contextmanager
def _others(engine: DockerClient, image: str) -> Iterator[Callable[[], list[str]]]:
    """A container of nobody, one of another machine's session, a network and an image; tells which
    of them are gone.
    """
    name = f"torture-others-{uuid.uuid4().hex[:8]}"
    elsewhere = {LABEL_SESSION: name, LABEL_HOST: f"{name}.example", LABEL_LOCK: "/nowhere"}
    command = ["sleep", "3600"]
    made: dict[str, Any] = {}
    try:
        for suffix, labels in (("plain", {}), ("elsewhere", elsewhere)):
            made[suffix] = engine.containers.run(
                image, entrypoint=command, name=f"{name}-{suffix}", labels=labels, detach=True,
                network_mode="none",
            )  # fmt: skip
        made["network"] = engine.networks.create(name)
        engine.images.get(image).tag(name, "theirs")

        def gone() -> list[str]:
            found = [each["Names"][0][1:] for each in engine.api.containers(all=True)]
            missing = [
                suffix for suffix in ("plain", "elsewhere") if f"{name}-{suffix}" not in found
            ]
            missing += [] if engine.networks.list(names=[name]) else ["network"]
            return missing + ([] if engine.images.list(f"{name}:theirs") else ["image"])

        yield gone
    finally:
        for each in ("plain", "elsewhere"):
            with contextlib.suppress(Exception):
                made[each].remove(force=True)
        with contextlib.suppress(Exception):
            made["network"].remove()
        with contextlib.suppress(Exception):
            engine.images.remove(f"{name}:theirs")
