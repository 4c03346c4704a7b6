"""What a project says of the report that a run leaves."""

from __future__ import annotations

from pydantic import Field

from harness.config.values import Function, Section


class Reporting(Section):
    """What a run leaves in `build/runs/`: docs/reference/report.md."""

    keep: int = Field(
        10, ge=1, le=1000, description="Runs whose output stays in `build/runs/`; older ones make "
        "room. What `--output` names is never removed."
    )  # fmt: skip
    reference: Function = Field(
        "", description="`FILE.py:FUNCTION`, called with features of shape (n, k): a known answer, "
        "of shape (n,), that is drawn beside the model, and scored as it is."
    )  # fmt: skip
    reference_name: str = Field(
        "reference", min_length=1, max_length=80, description="What the report calls it."
    )
    curve: str = Field(
        "", max_length=256, description="A csv that the training writes below /opt/ml/output/data: "
        "the fitted curve of a model of one feature, with the columns `x` and `prediction` and, "
        "for its band, `lower` and `upper`. Empty: the answers are joined by a line."
    )  # fmt: skip
