"""What the page's buttons do, as lines to copy: the AWS CLI's and boto3's."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore import xform_name

if TYPE_CHECKING:
    from collections.abc import Mapping


_KEYS = "AWS_ACCESS_KEY_ID=harness AWS_SECRET_ACCESS_KEY=harness"
"""Anything will do, and nobody's real ones are to come here."""


@dataclass(frozen=True)
class Where:
    """The local AWS as a client is told of it."""

    url: str
    region: str


@dataclass(frozen=True)
class Lines:
    """The same call twice."""

    cli: str
    boto3: str


def call(where: Where, service: str, operation: str, members: Mapping[str, Any]) -> Lines:
    """`DeleteEndpoint`, with members that are texts, or what JSON has as well."""
    options = " ".join(
        f"--{xform_name(member, '-')} {shlex.quote(_plain(value))}"
        for member, value in members.items()
    )
    arguments = ", ".join(f"{member}={_text(value)}" for member, value in members.items())
    return Lines(
        f"{_KEYS} aws {service} {xform_name(operation, '-')} {options} {_options(where)}",
        f"import boto3\n\n{_client(where, service)}.{xform_name(operation)}({arguments})",
    )


def invoke(where: Where, name: str, content_type: str, accept: str) -> Lines:
    """InvokeEndpoint, with a body of a file: what is pasted may be megabytes."""
    asked = {"EndpointName": name, "ContentType": content_type, "Accept": accept}
    asked = {member: value for member, value in asked.items() if value}
    options = " ".join(
        f"--{xform_name(member, '-')} {shlex.quote(value)}" for member, value in asked.items()
    )
    arguments = ", ".join(f"{member}={_text(value)}" for member, value in asked.items())
    return Lines(
        f"{_KEYS} aws sagemaker-runtime invoke-endpoint {options} --body fileb://request "
        f"{_options(where)} answer",
        "import boto3, pathlib\n"
        f"answer = {_client(where, 'sagemaker-runtime')}.invoke_endpoint(\n"
        f'    {arguments}, Body=pathlib.Path("request").read_bytes()\n'
        ')\nprint(answer["Body"].read().decode())',
    )


def first_steps(where: Where) -> list[tuple[str, str]]:
    """What to do on an empty page: three ways in, each with the lines that do it."""
    shell = (
        f"export AWS_ENDPOINT_URL={shlex.quote(where.url)}\n"
        f"export AWS_REGION={where.region} AWS_DEFAULT_REGION={where.region}\n"
        f"export {_KEYS}\n"
        "aws sagemaker list-training-jobs"
    )
    python = (
        f"import boto3\n\nsagemaker = {_client(where, 'sagemaker')}\n"
        'print(sagemaker.list_endpoints()["Endpoints"])'
    )
    return [
        ("From a shell: variables that every AWS SDK and the AWS CLI read", shell),
        ("From Python: boto3", python),
        (
            "Your own model: a project that builds, trains, deploys and scores it",
            "harness init my-model\ncd my-model\nharness run",
        ),
    ]


def _client(where: Where, service: str) -> str:
    return (
        f"boto3.client(\n    {_text(service)}, {_keywords(where)},\n"
        '    aws_access_key_id="harness", aws_secret_access_key="harness",\n)'
    )


def _keywords(where: Where) -> str:
    return f"endpoint_url={_text(where.url)}, region_name={_text(where.region)}"


def _options(where: Where) -> str:
    return f"--endpoint-url {shlex.quote(where.url)} --region {shlex.quote(where.region)}"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _text(value: Any) -> str:
    """As Python has it, in double quotes where that is as simple."""
    simple = isinstance(value, str) and re.fullmatch(r"[\w:/.+*;=, -]*", value)
    return f'"{value}"' if simple else repr(value)
