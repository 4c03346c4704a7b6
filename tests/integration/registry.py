"""A container registry on loopback, Debian's `docker-registry`, and ECR's manners before it."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Self

import bcrypt
import pytest
from filelock import FileLock

from harness import paths
from tests.faults import _Handler as Forwarder

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT = 30

CONFIG = """\
version: 0.1
log: {{level: info, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {data}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}
"""


def program() -> str:
    """Debian's registry: the one that is installed, else what its package has.

    Installing the package would also start it, on all addresses and port 5000.
    """
    if found := shutil.which("docker-registry"):
        return found
    kept = paths.cache_folder() / "docker-registry"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(kept.with_suffix(".lock")):  # other workers of pytest-xdist need it
        if not kept.exists():
            _download(kept)
    return str(kept)


def _download(kept: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        pytest.skip("needs Debian's docker-registry: this is no Debian, and none is in PATH")
    with tempfile.TemporaryDirectory() as folder:
        try:
            if os.geteuid() == 0:
                _run("apt-get", "--quiet", "update", cwd=folder)
            _run("apt-get", "--quiet", "download", "docker-registry", cwd=folder)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"needs Debian's docker-registry, which apt-get can't get: {error}")
        (package,) = Path(folder).glob("*.deb")
        _run("dpkg-deb", "--extract", package, f"{folder}/files", cwd=folder)
        shutil.move(f"{folder}/files/usr/bin/docker-registry", kept)


def _run(*command: str | Path, cwd: str) -> None:
    subprocess.run(command, cwd=cwd, check=True, timeout=300, stdout=subprocess.DEVNULL)


class DockerRegistry:
    """The registry, which lets in nobody until `allow` names somebody. A context manager.

    Its images are in `data`, which several may have in common; its other files are in `folder`.
    """

    def __init__(self, folder: Path, data: Path | None = None) -> None:
        self._folder = folder
        self._data = data or folder / "data"
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._port}"

    def allow(self, user: str, password: str) -> None:
        """Let in this user, and nobody else. The registry reads the file again when it changes."""
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
        (self._folder / "htpasswd").write_text(f"{user}:{hashed}\n")

    def start(self) -> None:
        """Listen: at a free port first, and at the same one after `stop`."""
        config = self._folder / "config.yml"
        config.write_text(CONFIG.format(folder=self._folder, data=self._data, port=self._port))
        self._process = subprocess.Popen(
            [program(), "serve", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            bufsize=0,  # `select` knows nothing of a buffer
        )
        assert isinstance(self._process.stderr, io.FileIO)
        said = b""
        while not (listening := re.search(rb"listening on 127\.0\.0\.1:(\d+)", said)):
            ready, _, _ = select.select([self._process.stderr], [], [], WAIT)
            more = self._process.stderr.read(65_536) if ready else b""
            if not more:
                self.stop()
                raise AssertionError(f"the registry didn't start: {said.decode()}")
            said += more
        self._port = int(listening[1])
        threading.Thread(target=self._process.stderr.readall, daemon=True).start()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(WAIT)
            self._process = None

    def __enter__(self) -> Self:
        (self._folder / "htpasswd").write_text("nobody:*\n")
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


@dataclass(frozen=True)
class Trouble:
    """What a registry answers."""

    status: int
    code: str = "UNKNOWN"
    message: str = "not now"


class Door:
    """A proxy before a registry that answers as ECR does where that differs. A context manager.

    Tags are immutable. `meanwhile` is called once, before the next tag is taken; `troubles` are
    what the next requests for a tag get.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.meanwhile: Callable[[], None] | None = None
        self.troubles: list[Trouble] = []
        self.refused: list[str] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        handler = type("Handler", (_DoorHandler,), {"door": self, "address": self.upstream})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _DoorHandler(Forwarder):
    door: Door

    def _answer(self) -> None:
        body = self._body()
        place = re.fullmatch(r"/v2/(.+)/manifests/([^:]+)", self.path)
        if self.command == "PUT" and place:
            repository, tag = place.groups()
            if meanwhile := self.door.meanwhile:
                self.door.meanwhile = None
                meanwhile()
            if self.door.troubles:
                self._deny(self.door.troubles.pop(0))
                return
            if self._exists():
                self.door.refused.append(tag)
                words = (
                    f"The image tag '{tag}' already exists in the '{repository}' repository and "
                    "cannot be overwritten because the repository is immutable."
                )
                self._deny(Trouble(400, "TAG_INVALID", words))
                return
        self._forward(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _answer

    def _exists(self) -> bool:
        upstream = http.client.HTTPConnection(self.address, timeout=WAIT)
        try:
            headers = {
                "Authorization": self.headers["Authorization"],
                "Accept": self.headers["Content-Type"],
            }
            upstream.request("HEAD", self.path, headers=headers)
            return upstream.getresponse().status == http.HTTPStatus.OK
        finally:
            upstream.close()

    def _deny(self, trouble: Trouble) -> None:
        document = {"errors": [{"code": trouble.code, "message": trouble.message}]}
        self.send_response(trouble.status)
        self.send_header("Content-Type", "application/json")
        self._finish(json.dumps(document).encode())
