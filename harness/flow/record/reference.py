"""The reference of what a run leaves: docs/reference/report.md, and the JSON schema of report.json.

Both are made of `harness/flow/record/document.py`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from harness.flow.record.document import Document

if TYPE_CHECKING:
    from collections.abc import Iterator

DIALECT = "https://json-schema.org/draft/2020-12/schema"

HEAD = """\
# What is left of a run

A run leaves a folder, `build/runs/RUN/` of the project, or what `--output DIR` names. One that has
failed leaves it as well, with what it had until then.

<picture>
<source media="(prefers-color-scheme: dark)" srcset="../pictures/report-dark.png">
<img alt="report.html: metrics, and the fitted curve with its band" \
src="../pictures/report-light.png">
</picture>

| file | what it is |
|---|---|
| `report.html` | The page for people: one file, which asks for nothing else and runs no script. \
The metrics against their thresholds and the runs before, the plots below, a timeline, requests \
and answers, the logs. It is light, dark or printed. |
| `report.json` | The same for programs: below, and [report.schema.json](report.schema.json). |
| `junit.xml` | For a CI: a test for each step and for each threshold. |
| `model.tar.gz` | The trained model, as SageMaker has it; `harness run --model` deploys it. |
| `output.tar.gz` | What the training has left in `/opt/ml/output/data`, if `report.curve` is set. |
| `predictions/` | The answers, a csv for each set of requests, or the bodies as they came. |
| `transform/` | What the batch transform job has answered. |
| `logs/` | What the containers have written, the last 5000 lines of each. |

The last ten runs stay (`report.keep`, in `[report]` of harness.toml); an older one is removed when
a run has ended. What `--output` names stays.

`harness compare` says what differs between the last two runs, `harness compare RUN RUN` between any
two: a run is its name, a part of it, its folder, `last`, or `last-1` for the one before. With
`--json` it is one object: `metrics` and `seconds` with `first`, `second` and `change`, `settings`
that differ, and how far the `predictions` are apart.

In a CI that has job summaries (`GITHUB_STEP_SUMMARY`), the same is appended to the job's: metrics,
curve, confusion matrix, steps, samples, logs.

## What is drawn

| answers | plots |
|---|---|
| numbers, of one feature | The data and the fitted curve; predictions against truth; residuals. |
| numbers, of several features | Predictions against truth; residuals. |
| classes | The confusion matrix; of probabilities, the ROC curves and their areas. |

That the answers are classes follows from the scores of `[metrics]`; without, from the truth: texts,
or at most twenty whole numbers that the answers have, too. A set of requests needs its truth.

The curve joins the answers. Where the training writes it, it is smooth and may have a band: a csv
below `/opt/ml/output/data`, with the columns `x`, `prediction`, `lower` and `upper`, that
`report.curve` names. `report.reference` is a function of the project's that knows the answer, and
is drawn beside the model:

```toml
[report]
reference = "examples/gauss3/gauss3.py:certified_model"
reference_name = "NIST's certified model"
curve = "curve.csv"
```

What can't be drawn, such as a curve that isn't there, is said in the page (`notes`) and at the
run's end; the run's verdict is of its steps and thresholds alone.

## report.json

`version` is 1. It gets higher where a member changes its meaning or goes; new ones may come.
What `harness run --json` prints has the same members but for `version`, `project`, `began`,
`hyperparameters`, `steps`, `answers`, `logs` and `notes`.

Made by `make reference` of `harness/flow/record/document.py`; don't edit.
"""


def schema() -> str:
    """The JSON schema, as a file."""
    found = {
        "$schema": DIALECT,
        **TypeAdapter(Document).json_schema(),
    }
    return f"{json.dumps(_without_titles(found), indent=2)}\n"


def _without_titles(node: Any) -> Any:
    """Without pydantic's titles, which repeat the members' names."""
    if isinstance(node, dict):
        return {
            key: _without_titles(value)
            for key, value in node.items()
            if not (key == "title" and isinstance(value, str))
        }
    return [_without_titles(each) for each in node] if isinstance(node, list) else node


def markdown() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_tables(json.loads(schema()))])


def _tables(whole: dict[str, Any]) -> Iterator[str]:
    parts = {"": whole, **whole["$defs"]}
    order = ["", *_in_order(whole, whole["$defs"])]
    for name in order:
        part = parts[name]
        if name:
            yield f"\n### {_named(name)}\n"
        yield f"{part.get('description', '')}\n" if part.get("description") else ""
        yield "| member | value | meaning |\n|---|---|---|"
        for member, about in part["properties"].items():
            yield f"| `{member}` | {_kind(about)} | {about.get('description', '')} |"


def _in_order(node: Any, definitions: dict[str, Any]) -> Iterator[str]:
    """The parts in the order in which they are first named."""
    seen: dict[str, None] = {}

    def walk(node: Any) -> None:
        for value in node.values() if isinstance(node, dict) else node:
            if isinstance(value, str) and value.startswith("#/$defs/"):
                name = value.rpartition("/")[2]
                if name not in seen:
                    seen[name] = None
                    walk(definitions[name])
            elif isinstance(value, dict | list):
                walk(value)

    walk(node["properties"])
    return iter(seen)


def _named(definition: str) -> str:
    return definition.removesuffix("Members").lower()


def _kind(about: dict[str, Any]) -> str:
    """What a member's value is, in words."""
    if "$ref" in about:
        name = _named(about["$ref"].rpartition("/")[2])
        return f"[{name}](#{name})"
    if "anyOf" in about:
        return " or ".join(_kind(each) for each in about["anyOf"])
    if about["type"] == "array":
        return f"list of {_kind(about['items'])}"
    if about["type"] == "object":
        return f"object of {_kind(about['additionalProperties'])} by name"
    kind = str(about["type"])
    return {"string": "text", "integer": "whole number"}.get(kind, kind)
