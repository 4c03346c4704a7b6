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
    from harness.errors import HarnessError
    from harness.flow.project import requests
    from harness.flow.project.payloads import CSV, JSON_LINES, NPY, decode, encode, plain

    try:
        asked = requests.read(settings)[:1]
    except HarnessError:  # which matters to those steps only that ask for them
        asked = []
    for each in asked:
        body = each.bodies[0]
        kind, content = plain(body.content_type), body.content
        if kind == NPY:  # which no shell can write
            kind, content = CSV, encode(decode(content, NPY)[:1], CSV)
        if kind in (CSV, JSON_LINES):  # of which a line is one request, too
            content = content.partition(b"\n")[0]
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return kind, "@FILE"
        short = len(text) <= LONGEST and text.isprintable()
        return kind, shlex.quote(text) if short else "@FILE"
    return CSV, "@FILE"
