"""`ParameterRanges`: the values a hyperparameter may take, and the scale they are chosen on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping, Sequence

KINDS = ("IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges")

MAX_PARAMETERS = 30
"""Hyperparameters that a job may search ("Resource Limits for Automatic Model Tuning")."""

WIDE = 100.0
"""Times that the upper end of a range is the lower one, from which on `Auto` is logarithmic."""


@dataclass(frozen=True)
class Numeric:
    """An integer or a continuous hyperparameter, between `low` and `high`, which it may be."""

    name: str
    low: float
    high: float
    scaling: str
    """`Linear`, `Logarithmic` or `ReverseLogarithmic`; what `Auto` has become."""
    is_integer: bool

    @property
    def count(self) -> float:
        """How many values there are."""
        return self.high - self.low + 1 if self.is_integer else math.inf

    @property
    def width(self) -> int:
        """How many numbers `encode` makes of a value."""
        return 1

    def decode(self, place: Sequence[float]) -> str:
        """The value at a place between 0 and 1, as the container gets it."""
        low, high = self._ends()
        value = _UNSCALE[self.scaling](low + min(max(place[0], 0.0), 1.0) * (high - low))
        value = min(max(value, self.low), self.high)
        return str(round(value)) if self.is_integer else repr(float(value))

    def encode(self, value: str) -> list[float] | None:
        """The place of a value: outside 0 to 1 if it isn't in the range, None if it has none."""
        low, high = self._ends()
        try:
            return [(_SCALE[self.scaling](float(value)) - low) / (high - low)]
        except ValueError:  # no number, or none that has a logarithm
            return None

    def choose(self, chance: random.Random) -> str:
        return self.decode([chance.random()])

    def _ends(self) -> tuple[float, float]:
        """The scaled ends. Each integer gets a whole unit, the first and the last ones, too."""
        edge = 0.5 if self.is_integer else 0.0
        scale = _SCALE[self.scaling]
        return scale(self.low - edge), scale(self.high + edge)


_SCALE: dict[str, Callable[[float], float]] = {
    "Linear": float,
    "Logarithmic": math.log,
    "ReverseLogarithmic": lambda value: -math.log1p(-value),
}
_UNSCALE: dict[str, Callable[[float], float]] = {
    "Linear": float,
    "Logarithmic": math.exp,
    "ReverseLogarithmic": lambda value: -math.expm1(-value),
}


@dataclass(frozen=True)
class Categorical:
    """A hyperparameter that is one of `values`."""

    name: str
    values: tuple[str, ...]

    @property
    def count(self) -> float:
        return len(self.values)

    @property
    def width(self) -> int:
        """A number each, of which the largest counts; one is enough to tell two apart."""
        return len(self.values) if len(self.values) > 2 else len(self.values) - 1

    def decode(self, place: Sequence[float]) -> str:
        if self.width <= 1:
            return self.values[round(place[0])] if place else self.values[0]
        return self.values[max(range(self.width), key=place.__getitem__)]

    def encode(self, value: str) -> list[float] | None:
        if value not in self.values:
            return None
        index = self.values.index(value)
        if self.width <= 1:
            return [float(index)] * self.width
        return [float(each == index) for each in range(self.width)]

    def choose(self, chance: random.Random) -> str:
        return chance.choice(self.values)


Range = Numeric | Categorical


def parse(ranges: Mapping[str, Any], where: str) -> list[Range]:
    """The ranges of a `ParameterRanges`.

    Raises:
        AwsError: one is no range, or two are of one hyperparameter; the text begins with `where`.
    """
    if ranges.get("AutoParameters"):
        raise refusal(f"{where}.AutoParameters: not run by the local AWS, only by AWS.")
    found = list(_parsed(ranges, where))
    names = [each.name for each in found]
    if len(set(names)) != len(names):
        raise refusal(f"{where}: hyperparameter names must be unique: {sorted(names)}.")
    if len(names) > MAX_PARAMETERS:
        raise refusal(f"{where}: at most {MAX_PARAMETERS} hyperparameters can be searched.")
    return found


def _parsed(ranges: Mapping[str, Any], where: str) -> Iterator[Range]:
    for kind in KINDS:
        for each in ranges.get(kind) or []:
            here = f"{where}.{kind}: {each['Name']}"
            if kind == "CategoricalParameterRanges":
                if len(set(each["Values"])) != len(each["Values"]):
                    raise refusal(f"{here}: Values must be unique.")
                yield Categorical(each["Name"], tuple(each["Values"]))
            else:
                yield _numeric(each, here, is_integer=kind == "IntegerParameterRanges")


def _numeric(given: Mapping[str, Any], here: str, *, is_integer: bool) -> Numeric:
    low, high = (
        _number(given[member], f"{here}: {member}", is_integer=is_integer)
        for member in ("MinValue", "MaxValue")
    )
    if not low < high:
        raise refusal(
            f"{here}: MinValue {given['MinValue']} must be less than MaxValue {given['MaxValue']}."
        )
    scaling = given.get("ScalingType", "Auto")
    if scaling == "Logarithmic" and low <= 0:
        raise refusal(
            f"{here}: Logarithmic scaling works only for ranges that have only values greater "
            "than 0."
        )
    if scaling == "ReverseLogarithmic" and (is_integer or not 0 <= low < high < 1):
        raise refusal(
            f"{here}: Reverse logarithmic scaling works only for continuous ranges that are "
            "entirely within the range 0<=x<1.0."
        )
    if scaling == "Auto":
        scaling = _scaling(low, high, is_integer=is_integer)
    return Numeric(given["Name"], low, high, scaling, is_integer)


def _number(text: str, where: str, *, is_integer: bool) -> float:
    try:
        value = float(int(text)) if is_integer else float(text)
        if math.isfinite(value):
            return value
    except (ValueError, OverflowError):
        pass
    kind = "an integer" if is_integer else "a number"
    raise refusal(f"{where}: {text!r} is not {kind}.")


def _scaling(low: float, high: float, *, is_integer: bool) -> str:
    """What `Auto` stands for: AWS chooses the best scale, and doesn't say how."""
    if low > 0 and high / low >= WIDE:
        return "Logarithmic"
    if not is_integer and 0 <= low < high < 1 and (1 - low) / (1 - high) >= WIDE:
        return "ReverseLogarithmic"
    return "Linear"


def combinations(ranges: Sequence[Range]) -> float:
    """How many combinations of values there are; infinitely many if one range is continuous."""
    return math.prod(each.count for each in ranges)


def refusal(text: str) -> AwsError:
    return AwsError("ValidationException", text)
