"""How somebody calls an endpoint that a run has kept, and gets rid of it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.config.settings import Settings
    from harness.flow.connection import Connection

LONGEST = 200
"""Characters of a row that is shown."""


def how_to_call(endpoint: str, settings: Settings, connection: Connection) -> str:
    """The commands for a shell: one that calls it and, where it outlives us, those to delete it."""
    region = connection.region
    content_type, data = _example(settings)
    if connection.url:
        url = f"{connection.url}/endpoints/{endpoint}/invocations"
        call = f"curl --header 'Content-Type: {content_type}' --data-binary {data} {url}"
        options = f"--region {region} --endpoint-url {connection.url} --no-sign-request"
    else:
        call = (
            f"aws sagemaker-runtime invoke-endpoint --region {region} --endpoint-name {endpoint} "
            f"--content-type {content_type} --cli-binary-format raw-in-base64-out --body {data} "
            "/dev/stdout"
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


def _example(settings: Settings) -> tuple[str, str]:
    """A content type, and a row of the project's requests as a shell takes it."""
    from harness.flow.payloads import CSV, NPY, decode, encode, plain
    from harness.flow.project import requests

    for asked in requests.read(settings)[:1]:
        body = asked.bodies[0]
        kind, content = plain(body.content_type), body.content
        if kind == NPY:  # which no shell can write
            kind, content = CSV, encode(decode(content, NPY)[:1], CSV)
        line = content.decode("utf-8", "replace").partition("\n")[0]
        if len(line) <= LONGEST and line.isprintable():
            return kind, shlex.quote(line)
        return kind, "@FILE"
    return CSV, "@FILE"
