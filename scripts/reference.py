"""Write the pages of docs/reference/ that are made of the code: `make reference`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli import reference as cli
from harness.config import loading, reference
from harness.flow.record import reference as report
from harness.local.aws import make_providers
from harness.local.core.backend import Backend
from harness.local.protocol.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.local.protocol.members import Member

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"

MESSAGES = FOLDER.parent.parent / "tests" / "errors" / "messages.toml"
"""What a newcomer is told."""

MEMBERS_HEAD = """\
# Members of requests

What becomes of every input member of the operations that run for real (of those on
[records](../coverage.md) all are kept, and none is acted on but to tell, list and find them):

- **acted on**: as on AWS.
- **kept**: shown where AWS shows it, and otherwise without effect, which is harmless for the reason
  given.
- **refused**: answered with an error that says so in this sentence. What is switched off (false,
  empty) isn't. "refused by CreateEndpoint" lets a configuration be kept, and no endpoint have it;
  "refused by CreateModel" the same of model packages and models.

A member with members is acted on by these; those below one that is refused are refused with it.

Made by `make reference` of the files `members.toml` beside what acts on them; don't edit. A test
walks botocore's service models, and fails on a member without a line.
"""


TROUBLE_HEAD = """\
# Troubleshooting, by message

What a first failure says, what it means, and what to do. `…` stands for what differs from case to
case. A failure of a step ends with the same three: what went wrong and where, what to do, and the
container's last lines. `harness doctor` looks at the machine, `harness check` at an image.

Made by `make reference` of `tests/errors/messages.toml`, against which `tests/errors` holds what is
really said; don't edit.
"""


def troubleshooting_page() -> str:
    """The text of docs/troubleshooting.md."""
    return "\n".join([TROUBLE_HEAD, *_troubles()])


def _troubles() -> Iterator[str]:
    part = ""
    for each in tomllib.loads(MESSAGES.read_text(encoding="utf-8"))["message"]:
        if each["part"] != part:
            part = each["part"]
            yield f"## {part}\n"
        yield f"```text\n{each['says']}\n```\n"
        yield f"{each['means']} {each['do']}\n"


ENVIRONMENT_HEAD = """\
# Environment variables

Made by `make reference` of the code; don't edit.

## Read

| variable | what it does |
|---|---|
| `HARNESS_CONFIG` | names the project file, instead of the nearest `harness.toml` |
| `HARNESS_NO_ENGINE_SETUP` | `1`: no Docker engine is installed or started |
| `HARNESS_NO_PACKAGE_SETUP` | `1`: no packages are installed that a command needs; it says which |
| `HARNESS_MEMORY_LIMIT` | megabytes that the local AWS takes at most, 200 or more; 0: no limit |
| `HARNESS_HOST` | a name of this machine that stays, where the host name changes from run to run |
| `NO_COLOR` | anything: no colours |
| `DOCKER_HOST`, `DOCKER_CONTEXT` | which Docker engine, as for the `docker` command |
| `AWS_ENDPOINT_URL` | for `LocalSession`: the local AWS that runs already |
| `GITHUB_STEP_SUMMARY` | a run's summary is added to this file |
| `MOTO_DOCKER_LAMBDA_IMAGE` | for the local AWS: the image that Lambda functions run in |

## Settings

Each overrides the [key](settings.md) beside it. For names of the project's own:
`HARNESS_HYPERPARAMETERS_NAME`, `HARNESS_THRESHOLDS_METRIC` (a minimum).

| variable | key |
|---|---|
| `HARNESS_TARGET` | `target` |
| `HARNESS_REGION` | `region` |"""


def environment_page() -> str:
    """The text of docs/reference/environment.md."""
    keys = [
        f"| `HARNESS_{section.upper()}_{key.upper()}` | `{section}.{key}` |"
        for section, model in loading.SECTIONS.items()
        for key in model.model_fields
    ]
    return "\n".join([ENVIRONMENT_HEAD, *keys]) + "\n"


def services() -> list[Service]:
    """Those of the local AWS that run operations for real."""
    providers = make_providers(Backend(str, "us-east-1", "123456789012"))
    return [Service(name, some) for name, some in providers.items()]


def members(service: Service, operation: str) -> list[Member]:
    """The input members of an operation, with their lines."""
    shape = service.model.operation_model(operation).input_shape
    return list(service.members.walk(shape)) if shape is not None else []


def members_page() -> str:
    """The text of docs/reference/members.md."""
    return "\n".join([MEMBERS_HEAD, *_members_lines()])


def _members_lines() -> Iterator[str]:
    for service in services():
        yield f"## {service.name}\n"
        for operation in sorted(service.real):
            yield f"### {operation}\n"
            yield "| member | what becomes of it |\n|---|---|"
            yield from map(_row, members(service, operation))
            yield ""


def _row(member: Member) -> str:
    line = member.line
    if line is None:
        return f"| `{member.path}` | |"
    text = f": {line.text}" if line.text else ""
    return f"| `{member.path}` | **{line.state}**{text.replace('|', chr(92) + '|')} |"


if __name__ == "__main__":
    (FOLDER / "cli.md").write_text(cli.markdown(), encoding="utf-8")
    (FOLDER / "settings.md").write_text(reference.markdown(), encoding="utf-8")
    (FOLDER / "members.md").write_text(members_page(), encoding="utf-8")
    (FOLDER / "environment.md").write_text(environment_page(), encoding="utf-8")
    (FOLDER.parent / "troubleshooting.md").write_text(troubleshooting_page(), encoding="utf-8")
    (FOLDER / "report.md").write_text(report.markdown(), encoding="utf-8")
    (FOLDER / "report.schema.json").write_text(report.schema(), encoding="utf-8")
