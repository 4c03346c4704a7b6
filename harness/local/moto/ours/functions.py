"""moto's Lambda, whose functions run here: in containers of ours, and not in moto's own.

moto's need an image to copy code with, can't reach the local AWS, and are left by a process that is
killed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness.local.moto.ours import view
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from moto.awslambda.models import LambdaFunction


def prepare() -> None:
    """Let moto's functions run here, while a request to a local AWS is answered."""
    from moto.awslambda.models import LambdaFunction

    moto_s: Any = LambdaFunction._invoke_lambda
    if getattr(moto_s, "is_ours", False):
        return

    def invoke(self: LambdaFunction, event: Any = None) -> tuple[str, bool, str]:
        current = view.current()
        if current is None:
            found: tuple[str, bool, str] = moto_s(self, event)
            return found
        outcome = current.run(_function(self, event))
        if outcome.log:
            self.logs_backend.ensure_log_group(self.logs_group_name)
            self.save_logs(outcome.log)
        return outcome.payload, outcome.failed, outcome.log

    invoke.is_ours = True  # type: ignore[attr-defined]
    LambdaFunction._invoke_lambda = invoke  # type: ignore[method-assign]


def _function(known: LambdaFunction, event: Any) -> view.Function:
    """Raises `AwsError` if it is of a kind that isn't run."""
    if known.package_type != "Zip" or not known.run_time or not known.handler:
        raise AwsError(
            "InvalidRuntimeException",
            f"Function {known.function_name} is an image: only functions of code, with a Runtime "
            "and a Handler, are run by the local AWS.",
        )
    return view.Function(
        name=known.function_name,
        arn=known.function_arn,
        version=str(known.version),
        account_id=known.account_id,
        region=known.region,
        runtime=known.run_time,
        handler=known.handler,
        code=known.code_bytes,
        layers=[_layer(known, each["Arn"]) for each in known.layers],
        environment=known.environment_vars,
        memory=int(known.memory_size),
        timeout=int(known.timeout),
        event="{}" if event in (None, "{}") else json.dumps(event),  # moto's word for nothing
    )


def _layer(known: LambdaFunction, arn: str) -> bytes:
    from moto.awslambda.models import lambda_backends

    backend = lambda_backends[known.account_id][known.region]
    found: bytes = backend.layers_versions_by_arn(arn).code_bytes  # type: ignore[union-attr]
    return found
