"""How somebody calls an endpoint that a run has kept, and gets rid of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.flow.connection import Connection


def how_to_call(endpoint: str, settings: Settings, connection: Connection) -> str:
    """The commands for a shell: one that calls it and, where it outlives us, those to delete it."""
    region = connection.region
    if connection.url:
        url = f"{connection.url}/endpoints/{endpoint}/invocations"
        call = f"curl --header 'Content-Type: text/csv' --data 100 {url}"
        options = f"--region {region} --endpoint-url {connection.url} --no-sign-request"
    else:
        call = (
            f"aws sagemaker-runtime invoke-endpoint --region {region} --endpoint-name {endpoint} "
            "--content-type text/csv --cli-binary-format raw-in-base64-out --body 100 /dev/stdout"
        )
        options = f"--region {region}"
    lines = [f"Endpoint {endpoint} is in service. Call it:", f"  {call}"]
    if not connection.ephemeral:
        cost = "" if connection.url else f", and {_cost(settings, connection)},"
        lines.append(f"It serves{cost} until you delete it:")
        lines += [
            f"  aws sagemaker delete-{kind} {options} --{kind}-name {endpoint}"
            for kind in ("endpoint", "endpoint-config", "model")
        ]
    return "\n".join(lines)


def _cost(settings: Settings, connection: Connection) -> str:
    from harness.aws_model import prices

    endpoint = settings.endpoint
    count = endpoint.instance_count
    return prices.of_endpoint(connection.boto, endpoint.instance_type, count, connection.region)
