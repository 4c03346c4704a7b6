"""What the page shows and does of pipelines: their graphs, their executions, and why those fail."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from harness.local.page import logs
from harness.local.page.parts.graph import Node, draw
from harness.local.page.parts.kinds import EXECUTION, KINDS, PIPELINE, duration, row, tone, url
from harness.local.page.parts.plots import Phase
from harness.local.pipelines.definition.document import Definition
from harness.local.pipelines.steps.resolver import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from markupsafe import Markup

    from harness.local.page.parts.asked import Local
    from harness.local.page.parts.kinds import Kind, Row
    from harness.local.pipelines.definition.step import Step

SHOWN = 100
"""Executions of a pipeline, the latest ones."""

EXPLAINED = 5
"""Failed steps whose logs are looked into."""

FIELDS = 80
"""Parameters that the form that starts a pipeline has: forms have 100 parts at the most."""

FIELD = "parameter."
"""What the names of those fields begin with."""

TAG = "sagemaker:pipeline-execution-arn"
"""Of what a step has made, as AWS tags it."""

TEXTS = {
    "Start": "It runs with these parameters; one that is left empty has its default.",
    "Stop": "The jobs of its steps are stopped, and no other step begins.",
    "Retry": "Its steps that have succeeded stay as they are; the others run again.",
    "Delete": "It will be gone with its executions; what those have made stays.",
}
"""What is said beside a button."""

_MADE = {"TuningJob": "HyperParameterTuningJob", "RegisterModel": "ModelPackage"}
"""The kinds of what steps make, where `Metadata` has another word for it."""


@dataclass(frozen=True)
class StepRow:
    """A step, as the page lists it. `made` is what it has made: a name and a URL."""

    name: str
    title: str
    type: str
    status: str
    tone: str
    took: str
    notes: Sequence[str]
    made: tuple[str, str] | None
    reason: str
    lines: Sequence[str]
    """Of its log, that explain the reason."""


@dataclass(frozen=True)
class Field:
    """A parameter, in the form that starts a pipeline."""

    name: str
    type: str
    value: str
    choices: Sequence[str]


@dataclass(frozen=True)
class Flow:
    """A pipeline or an execution. `graph` is None if it has too many steps to be drawn."""

    graph: Markup | None
    steps: Sequence[StepRow]
    parameters: Sequence[tuple[str, str]]
    fields: Sequence[Field]
    executions: Sequence[Row]
    phases: Sequence[Phase]

    @property
    def failed(self) -> list[StepRow]:
        return [each for each in self.steps if each.reason]


def flow(local: Local, kind: Kind, region: str, found: Mapping[str, Any]) -> Flow | None:
    """Of what is described; None if it is neither."""
    if kind.noun == PIPELINE:
        return _of_pipeline(local, region, found)
    return _of_execution(local, region, found) if kind.noun == EXECUTION else None


def _of_pipeline(local: Local, region: str, found: Mapping[str, Any]) -> Flow:
    definition = _definition(found["PipelineDefinition"])
    fields = [
        Field(
            each.name, each.type, "" if each.default is None else text(each.default), each.choices
        )
        for each in definition.parameters.values()
    ]
    steps = [
        StepRow(each.name, _title(each), each.type, "", "quiet", "", _branch(each), None, "", [])
        for each in definition.steps.values()
    ]
    names = latest(local, region, [found["PipelineName"]])
    described = (_described(local, region, name) for name in names)
    return Flow(
        _graph(definition, steps, frozenset()), steps, [(each.name, each.value) for each in fields],
        fields[:FIELDS], [row(KINDS[EXECUTION], region, each) for each in described if each], [],
    )  # fmt: skip


def _of_execution(local: Local, region: str, found: Mapping[str, Any]) -> Flow:
    asked = {"PipelineExecutionArn": found["PipelineExecutionArn"]}
    answer = local.call("DescribePipelineDefinitionForExecution", region, asked) or {}
    definition = _definition(answer["PipelineDefinition"])
    listed = _all(local, region, "ListPipelineExecutionSteps", "PipelineExecutionSteps", asked)
    runs = {each["StepName"]: each for each in listed}
    is_running = tone(found["PipelineExecutionStatus"]) == "busy"
    skipped = _skipped(definition, runs, is_running=is_running)
    explained = [name for name, each in runs.items() if each.get("FailureReason")][-EXPLAINED:]
    steps = []
    for step in definition.steps.values():
        run = runs.get(step.name)
        if run is None:
            status = "Not run" if step.name in skipped else "Waiting"
            steps.append(StepRow(
                step.name, _title(step), step.type, status, "quiet", "", _branch(step), None, "", []
            ))  # fmt: skip
        else:
            lines = _explaining(local, region, run) if step.name in explained else []
            steps.append(_started(step, run, region, lines))
    values = _all(local, region, "ListPipelineParametersForExecution", "PipelineParameters", asked)
    return Flow(
        _graph(definition, steps, skipped), steps,
        [(each["Name"], each["Value"]) for each in values], [], [],
        list(_phases(definition, runs, found["CreationTime"])),
    )  # fmt: skip


@functools.lru_cache(maxsize=16)
def _definition(given: str) -> Definition:
    return Definition(given)


def _all(
    local: Local, region: str, operation: str, member: str, asked: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Every page of a list."""
    found: list[dict[str, Any]] = []
    request = {**asked, "MaxResults": 100}
    while answer := local.call(operation, region, request):
        found += answer[member]
        if "NextToken" not in answer:
            break
        request["NextToken"] = answer["NextToken"]
    return found


def _title(step: Step) -> str:
    return str(step.given.get("DisplayName") or step.name)


def _branch(step: Step) -> list[str]:
    if step.branch is None:
        return []
    condition, outcome = step.branch
    return [f"if {condition} is {str(outcome).lower()}"]


def _skipped(
    definition: Definition, runs: Mapping[str, dict[str, Any]], *, is_running: bool
) -> frozenset[str]:
    """The steps that don't run any more: what they wait for has failed, or came to otherwise."""
    found: set[str] = set()
    for step in definition.steps.values():
        needed = [runs[name] for name in step.dependencies if name in runs]
        lost = any(each["StepStatus"] in ("Failed", "Stopped") for each in needed)
        if step.branch and step.branch[0] in runs:
            outcome = _outcome(runs[step.branch[0]])
            lost = lost or outcome not in ("", str(step.branch[1]))
        if step.name not in runs and (lost or not is_running or step.dependencies & found):
            found.add(step.name)
    return frozenset(found)


def _outcome(run: Mapping[str, Any]) -> str:
    return str(run.get("Metadata", {}).get("Condition", {}).get("Outcome", ""))


def _started(step: Step, run: dict[str, Any], region: str, lines: Sequence[str]) -> StepRow:
    ended = run.get("EndTime") or datetime.now(UTC)
    status = run["StepStatus"]
    return StepRow(
        step.name, _title(step), step.type, status, tone(status),
        duration((ended - run["StartTime"]) / timedelta(seconds=1)),
        [*_branch(step), *_notes(run)], _made(run, region), run.get("FailureReason", ""), lines,
    )  # fmt: skip


def _notes(run: Mapping[str, Any]) -> Iterator[str]:
    if outcome := _outcome(run):
        yield f"came to {outcome.lower()}"
    if run.get("AttemptCount", 1) > 1:
        yield f"{run['AttemptCount']} attempts"
    for member, said in (("CacheHitResult", "from the cache of"),
                         ("SelectiveExecutionResult", "taken from")):  # fmt: skip
        if source := run.get(member, {}).get("SourcePipelineExecutionArn"):
            yield f"{said} {source.rpartition('/')[2]}"
    metadata = run.get("Metadata", {})
    callback = metadata.get("Callback", {})
    if "EndTime" not in run and "CallbackToken" in callback:
        yield f"waits for an answer to token {callback['CallbackToken']}"
    for of in (callback, metadata.get("Lambda", {})):
        for each in of.get("OutputParameters", []):
            yield f"{each['Name']}={each['Value']}"


def _made(run: Mapping[str, Any], region: str) -> tuple[str, str] | None:
    """What a step has made: its name, and its page."""
    for metadata, of in run.get("Metadata", {}).items():
        kind = KINDS.get(_MADE.get(metadata, metadata))
        if kind and "Arn" in of:
            name = of["Arn"].partition("/")[2]
            return name, url(kind.noun, name, region)
    return None


def _explaining(local: Local, region: str, run: Mapping[str, Any]) -> list[str]:
    """The lines of its container's log that say why a step has failed."""
    for metadata, of in run.get("Metadata", {}).items():
        kind = KINDS.get(metadata)
        if kind and kind.log_group and "Arn" in of:
            name = of["Arn"].rpartition("/")[2]
            group, prefix = (each.format(name=name) for each in (kind.log_group, kind.log_prefix))
            return logs.explaining(logs.streams(local.client("logs", region), group, prefix))
    return []


def _graph(
    definition: Definition, steps: Sequence[StepRow], skipped: frozenset[str]
) -> Markup | None:
    """The steps in a graph; those that have made something lead to its page."""
    nodes = []
    for each, step in zip(steps, definition.steps.values(), strict=True):
        condition, outcome = step.branch or ("", False)
        parents = {
            name: str(outcome).lower() if name == condition else ""
            for name in definition.steps  # in their order, which a set has not
            if name in step.dependencies
        }
        nodes.append(Node(
            each.name, each.title, each.type, each.status, each.tone,
            each.made[1] if each.made else "", parents, each.name in skipped,
        ))  # fmt: skip
    return draw(nodes, f"Graph of {len(nodes)} steps; the table of steps says the same")


def _phases(
    definition: Definition, runs: Mapping[str, dict[str, Any]], created: datetime
) -> Iterator[Phase]:
    """When each step ran, in the order in which they began."""
    for run in sorted(runs.values(), key=lambda each: each["StartTime"]):
        begun, ended = run["StartTime"], run.get("EndTime")
        yield Phase(
            _title(definition.steps[run["StepName"]]),
            max(0.0, (begun - created) / timedelta(seconds=1)),
            ((ended or datetime.now(UTC)) - begun) / timedelta(seconds=1), is_now=ended is None,
        )  # fmt: skip


def _executions(local: Local, region: str, pipeline: str) -> list[tuple[datetime, str]]:
    """The latest ones of a pipeline, that first: when they began, and their names."""
    asked = {"PipelineName": pipeline, "SortOrder": "Descending", "MaxResults": SHOWN}
    answer = local.call("ListPipelineExecutions", region, asked) or {}
    return [
        (each["StartTime"], KINDS[EXECUTION].name_of(each))
        for each in answer.get("PipelineExecutionSummaries", [])
    ]


def latest(local: Local, region: str, pipelines: Sequence[str]) -> list[str]:
    """The names of the latest executions of these pipelines, as many as of one."""
    found = [each for name in pipelines for each in _executions(local, region, name)]
    return [name for _, name in sorted(found, reverse=True)[:SHOWN]]


def _described(local: Local, region: str, name: str) -> dict[str, Any] | None:
    kind = KINDS[EXECUTION]
    return local.call(kind.describe_operation, region, local.which(kind, region, name))


def verb(kind: Kind, status: str) -> str:
    """What can be done with a pipeline, or an execution of that status; "" if nothing."""
    if kind.noun == PIPELINE:
        return "Start"
    return {"Executing": "Stop", "Failed": "Retry", "Stopped": "Retry"}.get(status, "")


def start(name: str, values: Mapping[str, str]) -> dict[str, Any]:
    """What StartPipelineExecution is asked, with the values of parameters that have one."""
    given = [{"Name": each, "Value": value} for each, value in values.items() if value]
    return {"PipelineName": name, **({"PipelineParameters": given} if given else {})}


def started(name: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """The same, of a form."""
    values = {
        key.removeprefix(FIELD): value for key, value in fields.items() if key.startswith(FIELD)
    }
    return start(name, values)


def execution_of(local: Local, region: str, tags: Sequence[tuple[str, str]]) -> str:
    """The name of the execution by which what has these tags was made; "" if it isn't there."""
    arn = dict(tags).get(TAG, "")
    name = KINDS[EXECUTION].name_of({"PipelineExecutionArn": arn})
    return name if name and _described(local, region, name) else ""
