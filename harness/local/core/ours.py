"""What runs here, as moto's services see it: CloudFormation, the tagging API, Lambda."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from harness.local.core.store import Store
    from harness.local.moto.ours.view import Function, Outcome
    from harness.local.protocol.service import Service


class Ours:
    """The `View` of one local AWS."""

    def __init__(
        self, sagemaker: Service, store: Store, run: Callable[[Function], Outcome]
    ) -> None:
        self._sagemaker = sagemaker
        self._store = store
        self._run = run

    def run(self, function: Function) -> Outcome:
        return self._run(function)

    def tagged(self, account_id: str, region: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        with self._store.lock:
            return [
                (arn, dict(tags))
                for arn, tags in self._store.tags.items()
                if arn.split(":")[3:5] == [region, account_id]
            ]

    def call(
        self, operation: str, request: Mapping[str, Any], account_id: str, region: str
    ) -> Mapping[str, Any]:
        return self._sagemaker.call(operation, request, region=region, account_id=account_id)
