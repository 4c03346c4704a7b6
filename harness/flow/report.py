"""What a run shows: a table for people, one JSON object for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

# The R² of the blog post this flow follows (df=20, alpha=1, 25 % test rows, seed 42).
PUBLISHED_DECIMALS = 4


@dataclass(frozen=True)
class R2:
    """R² on the rows that were trained on, and on those held out."""

    train: float
    test: float


DIFFERENCE = 1e-9
"""How far predictions of one artifact may be apart, relative to the largest of them."""


@dataclass(frozen=True)
class Comparison:
    """The same artifact's predictions on the local AWS."""

    r2: R2
    difference: float
    """The largest one, relative to the largest prediction."""


PUBLISHED = R2(train=0.9967, test=0.9972)


@dataclass(frozen=True)
class Report:
    """A run that got as far as its score. `seconds` are by step, and `total`."""

    target: str
    region: str
    run: str
    image: str
    training_job: str
    model_data: str
    endpoint: str
    r2: R2
    thresholds: R2
    seconds: dict[str, float]
    published: R2 = PUBLISHED
    local: Comparison | None = None
    """Where it was compared."""

    @property
    def passed(self) -> bool:
        """Whether all holds that has to. An R² that is not a number holds nothing."""
        return (
            self.r2.train >= self.thresholds.train
            and self.r2.test >= self.thresholds.test
            and self.same
        )

    @property
    def same(self) -> bool:
        return self.local is None or self.local.difference <= DIFFERENCE

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"passed": self.passed}

    def as_json(self) -> str:
        return json.dumps(self.as_dict())

    def as_table(self, *, colour: bool = False) -> str:
        """The table, without a line break at its end."""
        return "\n".join([*self._heading(), "", *self._steps(), "", *self._scores(colour)])

    def _heading(self) -> list[str]:
        names = {
            "run": self.run,
            "target": f"{self.target} ({self.region})",
            "image": self.image,
            "model": self.model_data,
        }
        return [f"{name:<10}{value}" for name, value in names.items()]

    def _steps(self) -> list[str]:
        steps = {step: taken for step, taken in self.seconds.items() if step != "total"}
        names = "".join(f"{step.replace('_', ' '):>11}" for step in (*steps, "total"))
        taken = "".join(f"{s:>11.2f}" for s in (*steps.values(), self.seconds["total"]))
        return [f"{'step':<10}{names}", f"{'seconds':<10}{taken}"]

    def _scores(self, colour: bool) -> list[str]:
        lines = [f"{'R²':<10}{'reached':>11}{'threshold':>11}{'published':>11}"]
        for name in ("train", "test"):
            reached, threshold = getattr(self.r2, name), getattr(self.thresholds, name)
            published = getattr(self.published, name)
            mark = "" if reached >= threshold else "  below the threshold"
            lines.append(
                f"{name:<10}{reached:>11.5f}{threshold:>11.5g}"
                f"{published:>11.4f}{_paint(mark, 31, colour)}"
            )
        if self.local:
            mark = "" if self.same else f"  above {DIFFERENCE:g}"
            scores = f"{self.local.r2.train:>11.5f}{self.local.r2.test:>11.5f}"
            difference = f"{self.local.difference:>12.1e}{_paint(mark, 31, colour)}"
            lines += [
                "",
                f"{'local':<10}{'train R²':>11}{'test R²':>11}{'difference':>12}",
                f"{'':<10}{scores}{difference}",
            ]
        verdict = _paint("PASS", 32, colour) if self.passed else _paint("FAIL", 31, colour)
        return [*lines, "", verdict]


def _paint(text: str, code: int, colour: bool) -> str:
    return f"\033[{code}m{text}\033[0m" if colour and text else text
