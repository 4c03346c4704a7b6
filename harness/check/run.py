"""Runs the checks of an image, several at once, and says what became of each."""

from __future__ import annotations

import difflib
import os
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.check.contract import CHECKS
from harness.check.inputs import Inputs, Limits
from harness.check.rules import batch, hostile, image, requests, serving, training
from harness.check.subject import Subject
from harness.errors import ConfigError
from harness.local.engine.containers import Containers
from harness.local.engine.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from harness.check.contract import Check
    from harness.check.verdict import Verdict

RULES = (image, training, serving, requests, hostile, batch)
"""The modules whose import registers the checks, in the order in which these are listed."""

GROUPS = [module.__name__.rpartition(".")[2] for module in RULES]

AT_ONCE = 2 + (os.cpu_count() or 1)
"""Checks that run at once: some always wait."""


@dataclass(frozen=True)
class Row:
    """A check, and what became of it."""

    check: Check
    verdict: Verdict
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.check.name,
            "verdict": self.verdict.outcome,
            "seen": self.verdict.seen,
            "remedy": self.verdict.remedy,
            "rule": self.check.rule,
            "section": str(self.check.section),
            "url": self.check.section.url,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class Results:
    """What became of all checks of an image."""

    image: str
    rows: Sequence[Row]
    seconds: float

    def of(self, outcome: str) -> list[Row]:
        return [row for row in self.rows if row.verdict.outcome == outcome]

    @property
    def passed(self) -> bool:
        """Whether none has failed; warnings may be there."""
        return not self.of("fail")

    def as_dict(self) -> dict[str, Any]:
        return {
            "image": self.image,
            "passed": self.passed,
            "seconds": round(self.seconds, 3),
            "counts": {name: len(self.of(name)) for name in ("pass", "fail", "warn", "not tried")},
            "checks": [row.as_dict() for row in self.rows],
        }


@dataclass(frozen=True)
class Options:
    """Which checks are made, and how long things may take."""

    only: Sequence[str] = ()
    """Names of checks or groups; without any, all."""
    skip: Sequence[str] = ()
    limits: Limits = field(default_factory=Limits)


def select(only: Sequence[str] = (), skip: Sequence[str] = ()) -> list[Check]:
    """The checks of these names and groups, or all, without those to skip.

    Raises:
        ConfigError: there is no check or group of such a name.
    """
    wanted = {name for each in only for name in _named(each)} or CHECKS.keys()
    unwanted = {name for each in skip for name in _named(each)}
    chosen = [CHECKS[name] for name in CHECKS if name in wanted and name not in unwanted]
    return sorted(chosen, key=lambda check: GROUPS.index(check.group))


def _named(text: str) -> list[str]:
    """The names of the checks that are meant: a name, a group, or a name without its group."""
    found = [
        check.name for check in CHECKS.values() if text in {check.name, check.group, check.title}
    ]
    if found:
        return found
    known = {word for each in CHECKS.values() for word in (each.name, each.group, each.title)}
    close = difflib.get_close_matches(text, sorted(known), 1, 0.5)
    hint = f"did you mean {close[0]!r}?" if close else "`harness check --list` names them all."
    raise ConfigError(f"there is no check {text!r}; {hint}")


def run(
    image: str,
    inputs: Inputs | None = None,
    options: Options | None = None,
    on_row: Callable[[Row], None] = lambda _: None,
) -> Results:
    """Check an image; `on_row` is told what became of each check as it ends.

    Whatever was started is removed in the end, also when this is interrupted.

    Raises:
        ConfigError: there is no such check, or no such image.
        EngineError: the Docker engine doesn't answer.
    """
    options = options or Options()
    checks = select(options.only, options.skip)
    begun = time.monotonic()
    containers = Containers()
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="check")
    try:
        try:
            containers.require_image(image)
        except ImageError as error:
            raise ConfigError(
                f"the image {image} isn't here, nor can be pulled: {error}"
            ) from error
        subject = Subject(image, inputs or Inputs(), options.limits, containers)

        def one(check: Check) -> Row:
            at = time.monotonic()
            row = Row(check, check(subject), time.monotonic() - at)
            on_row(row)
            return row

        futures = [pool.submit(one, check) for check in checks]
        wait(futures, return_when=FIRST_EXCEPTION)
        # What one has raised comes first: the others may only have followed.
        for future in futures:
            if future.done():
                future.result()
        rows = [future.result() for future in futures]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        containers.close()
    return Results(image, rows, time.monotonic() - begun)


def assert_contract(
    image: str,
    *,
    train: dict[str, Path] | None = None,
    hyperparameters: dict[str, str] | None = None,
    payload: bytes | None = None,
    content_type: str = "",
    model: Path | None = None,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
) -> Results:
    """For tests: that an image keeps SageMaker's container contract.

    Raises:
        AssertionError: it doesn't; each failure is a line of its text, with what to change.
    """
    inputs = Inputs(train or {}, hyperparameters or {}, payload, content_type, model)
    results = run(image, inputs, Options(only, skip))
    wrong = [
        f"{row.check.name}: {row.verdict.seen}\n    → {row.verdict.remedy}"
        for row in results.of("fail")
    ]
    if wrong:
        raise AssertionError(
            f"{image} departs from SageMaker's container contract:\n  " + "\n  ".join(wrong)
        )
    return results
