"""Write the pages of docs/reference/ that are made of the code: `make reference`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli import reference as cli
from harness.config import reference
from harness.flow.record import reference as report
from harness.local.aws import make_providers
from harness.local.core.backend import Backend
from harness.local.protocol.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.local.protocol.members import Member

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"

MEMBERS_HEAD = """\
# Members of requests

What becomes of every input member of the operations that run for real:

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
        for operation in sorted(service.operations):
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
    (FOLDER / "report.md").write_text(report.markdown(), encoding="utf-8")
    (FOLDER / "report.schema.json").write_text(report.schema(), encoding="utf-8")
