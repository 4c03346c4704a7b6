"""`SelectiveExecutionConfig`: some of a pipeline's steps run, with another execution's results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.pipelines.definition.document import Definition
    from harness.local.pipelines.execution import Execution


def reused(
    config: Mapping[str, Any], definition: Definition, source: Execution | None
) -> list[str]:
    """The steps whose results the selected ones need, and the source has.

    Raises `ValidationException`.
    """
    selected = [each["StepName"] for each in config["SelectedSteps"]]
    if unknown := [name for name in selected if name not in definition.steps]:
        raise _refusal(f"there is no step '{unknown[0]}' in the pipeline")
    if len(set(selected)) != len(selected):
        raise _refusal("SelectedSteps must be unique")
    needed: set[str] = set()
    for name in selected:
        needed |= definition.steps[name].dependencies - set(selected)
    _check_paths(set(selected), needed, definition)
    if not needed:
        return []
    if source is None:
        raise _refusal(
            f"SourcePipelineExecutionArn must be given, for the selected steps need the results of "
            f"{', '.join(sorted(needed))}"
        )
    if source.status not in ("Failed", "Succeeded"):
        raise _refusal(
            f"the source {source.arn} is {source.status}, and must be Failed or Succeeded"
        )
    for name in sorted(needed):
        run = source.runs.get(name)
        if run is None or not run.has_succeeded:
            raise _refusal(f"step '{name}' has not succeeded in the source {source.arn}")
        if run.step.type != definition.steps[name].type:
            raise _refusal(f"step '{name}' was of type {run.step.type} in the source {source.arn}")
    for name in selected:
        branch = definition.steps[name].branch
        if branch and branch[0] in needed and source.runs[branch[0]].outcome != branch[1]:
            raise _refusal(
                f"step '{name}' is of the branch that condition '{branch[0]}' did not take in the "
                f"source {source.arn}"
            )
    return [name for name in definition.steps if name in needed]


def _check_paths(selected: set[str], needed: set[str], definition: Definition) -> None:
    """All steps between two selected ones must be selected, too."""
    for name in sorted(needed):
        above, left = set[str](), [name]
        while left:
            for other in definition.steps[left.pop()].dependencies - above:
                above.add(other)
                left.append(other)
        if between := sorted(above & selected):
            raise _refusal(
                f"step '{name}' is between selected steps, behind '{between[0]}', and must be "
                "selected, too"
            )


def _refusal(why: str) -> AwsError:
    return AwsError("ValidationException", f"SelectiveExecutionConfig: {why}.")
