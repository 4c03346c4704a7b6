"""Write docs/coverage.md: what becomes of every operation of SageMaker's service models.

Nothing in it is written by hand: what runs here is what the providers have methods for, and what
moto keeps is what its response classes have methods for. `--check` writes nothing, and has status
1 if the file isn't current.
"""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from moto.core.utils import camelcase_to_underscores

from harness.local.aws import make_providers
from harness.local.core.backend import Backend
from harness.local.moto.ours import refusals
from harness.local.protocol.service import Service
from harness.local.records.provider import HEADER, Records

FILE = Path(__file__).parents[1] / "docs" / "coverage.md"

# Our service, moto's module, and the class of its responses.
SERVICES = (
    ("sagemaker", "moto.sagemaker.responses", "SageMakerResponse"),
    ("sagemaker-metrics", "moto.sagemakermetrics.responses", "SageMakerMetricsResponse"),
    ("sagemaker-runtime", "moto.sagemakerruntime.responses", "SageMakerRuntimeResponse"),
)

REAL, RECORD, REFUSED = "runs for real", "a record", "refused"
MOTOS, MISSING = "kept as a record by moto", "not there"
STATES = (REAL, RECORD, REFUSED, MOTOS, MISSING)

INTRODUCTION = f"""\
# Operations

What the local AWS makes of every operation of SageMaker's service models, those of {{versions}}.
`make coverage` writes this file; a test fails if it isn't current.

- **{REAL}**: validated, carried out and answered as on AWS, in Docker where something is to run.
  What can't be carried out is refused in one sentence.
- **{RECORD}**: created, described, listed, changed and deleted as on AWS, with AWS's validation,
  names, ARNs, errors, tags, filters and pages; **nothing runs**, and each answer says so by the
  header `{HEADER}: true`. What is answered comes from requests, but for what the table
  [kinds.toml](../harness/local/records/kinds.toml) names. Lists of what is never there are empty.
- **{REFUSED}**: what would be an invention. It is answered with an error that says why in one
  sentence; those are in [refused.toml](../harness/local/records/refused.toml). What can't be
  created is not found either.
- **{MOTOS}**: [moto](https://docs.getmoto.org) stores and returns what it is given; nothing runs.
- **{MISSING}**: answered with an error in AWS's form that names the operation.
"""

OTHERS = """\
## SageMaker's other services

Nothing of them runs here: each of their operations is refused, in a sentence that ends in this.
"""


def versions() -> str:
    """Whose operations these are."""
    return f"botocore {version('botocore')} and moto {version('moto')}"


def states() -> dict[str, dict[str, str]]:
    """By service and operation: one of the states."""
    providers = make_providers(Backend(str, "us-east-1", "123456789012"))
    found: dict[str, dict[str, str]] = {}
    for name, module, responses in SERVICES:
        service = Service(name, providers[name])
        kept = vars(getattr(importlib.import_module(module), responses))
        refused = {
            operation
            for each in providers[name]
            if isinstance(each, Records)
            for operation in each.refused
        }
        found[name] = {
            operation: REAL
            if operation in service.real
            else REFUSED
            if operation in refused
            else RECORD
            if operation in service.operations
            else MOTOS
            if camelcase_to_underscores(operation) in kept
            else MISSING
            for operation in sorted(service.model.operation_names)
        }
    return found


def document() -> str:
    """The text of docs/coverage.md."""
    lines = [INTRODUCTION.format(versions=versions())]
    for service, operations in states().items():
        counts = Counter(operations.values())
        lines += [f"## {service}", "", "| state | operations |", "|---|---:|"]
        lines += [f"| {state} | {counts[state]} |" for state in STATES if counts[state]]
        lines += ["", "| operation | state |", "|---|---|"]
        lines += [
            f"| {operation} | {f'**{state}**' if state == REAL else state} |"
            for operation, state in operations.items()
        ]
        lines.append("")
    lines += [OTHERS, "| service | why |", "|---|---|"]
    lines += [f"| {service} | {why} |" for service, why in refusals.SERVICES.items()]
    return "\n".join([*lines, ""])


def main() -> int:
    text = document()
    if sys.argv[1:] == ["--check"]:
        current = FILE.is_file() and FILE.read_text() == text
        if not current:
            print("docs/coverage.md is not current; write it with `make coverage`.")
        return 0 if current else 1
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
