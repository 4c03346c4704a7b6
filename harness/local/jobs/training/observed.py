"""What a training container writes for those who watch it: tensors, and TensorBoard's logs.

`DebugHookConfig` and `TensorBoardOutputConfig` in AWS's API reference; the files that tell the
container of them are those that SageMaker Debugger's library reads.
"""

from __future__ import annotations

import logging
import tarfile
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.errors import EngineError
from harness.local.data.artifacts import Mirror

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.local.core.backend import Backend
    from harness.local.engine.container import Container

_log = logging.getLogger(__name__)

# By the request's member: where the files are, unless its LocalPath says otherwise, and the folder
# below its S3OutputPath and the job's name.
_KINDS = {
    "DebugHookConfig": ("/opt/ml/output/tensors", "debug-output"),
    "TensorBoardOutputConfig": ("/opt/ml/output/tensorboard", "tensorboard-output"),
}


def places(request: Mapping[str, Any]) -> dict[str, str]:
    """The `S3OutputPath`s, by member."""
    return {
        f"{member}.S3OutputPath": request[member]["S3OutputPath"]
        for member in _KINDS
        if member in request
    }


class Observed:
    """The folders of one job that are uploaded while its containers write into them."""

    def __init__(self, backend: Backend, request: Mapping[str, Any]) -> None:
        self.configs = {
            member.lower(): {"LocalPath": path, **request[member]}
            for member, (path, _) in _KINDS.items()
            if member in request
        }
        """What /opt/ml/input/config has of them, by the file's name without `.json`."""
        self._name = request["TrainingJobName"]
        self._mirrors = list(self._made(backend, request))

    def _made(self, backend: Backend, request: Mapping[str, Any]) -> Iterator[Mirror]:
        for member, (_, below) in _KINDS.items():
            if member in request:
                config = self.configs[member.lower()]
                prefix = config["S3OutputPath"].rstrip("/")
                yield Mirror(backend.s3, config["LocalPath"], f"{prefix}/{self._name}/{below}/")

    @property
    def folders(self) -> list[str]:
        """Those that are there before the containers start."""
        return [config["LocalPath"].strip("/") for config in self.configs.values()]

    def update(self, containers: Sequence[Container]) -> None:
        """Upload what is new in them; what can't be read now is read later."""
        for mirror in self._mirrors:
            try:
                mirror.update(containers)
            except (ClientError, BotoCoreError, EngineError, tarfile.TarError) as error:
                _log.info("training job %s: %s: %s", self._name, mirror.uri, error)

    def finish(self, containers: Sequence[Container]) -> None:
        """The same at the end. Raises what reading from the engine, or writing to S3, does."""
        for mirror in self._mirrors:
            mirror.update(containers)
