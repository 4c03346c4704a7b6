"""What a run shows: a table for people, one JSON object for programs."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.flow.record.figures import TITLES
from harness.flow.steps.compare import MOST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.config.settings import Threshold
    from harness.flow.steps.compare import Comparison


@dataclass(frozen=True)
class Report:
    """A run, to its end or to what ended it. `seconds` are by step, and `total`.

    `metrics` has all that was measured, `scores` those of them that are one score of several sets
    of requests: the names of the metrics by score, and by set.
    """

    target: str
    region: str
    run: str
    image: str
    seconds: dict[str, float]
    training_job: str = ""
    model_data: str = ""
    """The model's URI in S3, where it was torn down with the rest unless it was kept."""
    endpoint: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    local: Comparison | None = None
    """Where it was compared."""
    output: str = ""
    """The folder that has the model, the predictions and this report."""
    model: str = ""
    """The model's file there."""
    report: str = ""
    """The page for people there."""
    error: str = ""
    """What ended the run before its end."""

    @property
    def passed(self) -> bool:
        """Whether all holds that has to. A metric that isn't there, or is no number, holds none."""
        return not self.error and self.same and all(self._holds(name) for name in self.thresholds)

    @property
    def same(self) -> bool:
        return self.local is None or self.local.same

    def _holds(self, name: str) -> bool:
        return self.thresholds[name].holds(self.metrics.get(name, math.nan))

    def as_dict(self) -> dict[str, Any]:
        bounds = {
            name: threshold.model_dump(exclude_none=True)
            for name, threshold in self.thresholds.items()
        }
        found = {
            name: value
            for name, value in vars(self).items()
            if name not in {"scores", "local", "thresholds"}
        }
        found |= {
            "thresholds": bounds,
            "local": asdict(self.local) if self.local else None,
            "passed": self.passed,
        }
        finite: dict[str, Any] = _finite(found)
        return finite

    def as_json(self) -> str:
        return json.dumps(self.as_dict())

    def as_table(self, *, colour: bool = False) -> str:
        """The table, without a line break at its end."""
        parts = [self._heading(), self._steps(), *self._measured(colour)]
        if self.local:
            parts.append(self._compared(self.local, colour))
        verdict = _paint("PASS", 32, colour) if self.passed else _paint("FAIL", 31, colour)
        return "\n\n".join(["\n".join(part) for part in parts] + [verdict])

    def _heading(self) -> list[str]:
        names = {
            "run": self.run,
            "target": f"{self.target} ({self.region})",
            "image": self.image,
            "model": shown(self.model) or self.model_data,
        }
        return [f"{name:<10}{value}" for name, value in names.items() if value]

    def _steps(self) -> list[str]:
        steps = {step: taken for step, taken in self.seconds.items() if step != "total"}
        names = "".join(f"{step.replace('_', ' '):>11}" for step in (*steps, "total"))
        taken = "".join(f"{s:>11.2f}" for s in (*steps.values(), self.seconds["total"]))
        return [f"{'step':<10}{names}", f"{'seconds':<10}{taken}"]

    def _measured(self, colour: bool) -> Iterator[list[str]]:
        """A table for each score, by set of requests, and one for all other metrics."""
        # What the job's log has said is in the log: beside scores it is shown where it is bounded.
        logged = [name for name in self.metrics if name not in self.thresholds]
        others = [*self.thresholds, *([] if self.scores else logged)]
        for score, sets in self.scores.items():
            rows = {label or "all": name for label, name in sets.items()}
            others = [name for name in others if name not in rows.values()]
            yield self._table(TITLES.get(score, score), rows, colour)
        if others:
            yield self._table("metric", {name: name for name in others}, colour)

    def _table(self, title: str, rows: Mapping[str, str], colour: bool) -> list[str]:
        """Metrics by their labels: what they have reached, and what they should."""
        bounds = {name: self.thresholds[name] for name in rows.values() if name in self.thresholds}
        published = any(each.published is not None for each in bounds.values())
        bounded = any(each.min is not None or each.max is not None for each in bounds.values())
        width = max(10, *(len(label) + 2 for label in (title, *rows)))
        head = f"{title:<{width}}{'reached':>11}"
        head += f"{'threshold':>11}" if bounded else ""
        head += f"{'published':>11}" if published else ""
        lines = [head]
        for label, name in rows.items():
            reached, threshold = self.metrics.get(name, math.nan), bounds.get(name)
            line = f"{label:<{width}}{reached:>11.5f}"
            line += f"{_bounds(threshold):>11}" if bounded else ""
            if published:
                figure = threshold.published if threshold else None
                line += f"{'':>11}" if figure is None else f"{figure:>11.4f}"
            if threshold and not threshold.holds(reached):
                line += _paint(f"  {_fault(threshold, reached)}", 31, colour)
            lines.append(line)
        return lines

    def _compared(self, local: Comparison, colour: bool) -> list[str]:
        mark = "" if self.same else _paint(f"  above {MOST:g}", 31, colour)
        names = list(local.metrics)
        head = "".join(f"{_label(name, self.scores):>{max(11, len(name) + 2)}}" for name in names)
        values = "".join(f"{local.metrics[name]:>{max(11, len(name) + 2)}.5f}" for name in names)
        return [
            f"{'local':<10}{head}{'difference':>12}",
            f"{'':<10}{values}{local.difference:>12.1e}{mark}",
        ]


def shown(path: str) -> str:
    """A path as seen from here, if it is below."""
    if not path:
        return ""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def _label(metric: str, scores: Mapping[str, Mapping[str, str]]) -> str:
    for score, sets in scores.items():
        for label, name in sets.items():
            if name == metric:
                return f"{label} {TITLES.get(score, score)}".strip()
    return metric


def _bounds(threshold: Threshold | None) -> str:
    if threshold is None:
        return ""
    lower = "" if threshold.min is None else f"{threshold.min:.5g}"
    upper = "" if threshold.max is None else f"{threshold.max:.5g}"
    return f"{lower} to {upper}" if lower and upper else lower or (upper and f"≤ {upper}")


def _fault(threshold: Threshold, reached: float) -> str:
    if math.isnan(reached):
        return "not measured"
    low = threshold.min is not None and not reached >= threshold.min
    return "below the threshold" if low else "above the threshold"


def _finite(value: Any) -> Any:
    """JSON knows no NaN and no infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return value


def _paint(text: str, code: int, colour: bool) -> str:
    return f"\033[{code}m{text}\033[0m" if colour and text else text
