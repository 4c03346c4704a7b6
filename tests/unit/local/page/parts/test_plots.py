"""Plots of metrics and phases."""

import re
import xml.etree.ElementTree as ET

import pytest

from harness.local.page.parts.plots import HEIGHT, WIDTH, Phase, Series, bar, plot

HOSTILE = '"><script>alert(1)</script>'


@pytest.mark.parametrize(
    "values",
    [[0.5], [1.0, 1.0], [0.0, 0.0], [-3.0, 5.0, 1e-9], [1e300, -1e300], [1e-12, 2e-12]],
)
def test_every_value_has_its_place(values):
    drawn = plot(Series("loss", [float(n) for n in range(len(values))], values))
    svg = ET.fromstring(drawn)
    dots = [(float(each.attrib["cx"]), float(each.attrib["cy"])) for each in svg.iter("circle")]

    assert len(dots) == len(values)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in dots)
    highest, lowest = values.index(max(values)), values.index(min(values))
    assert dots[highest][1] <= dots[lowest][1]


def test_names_are_escaped_and_it_says_what_it_shows():
    drawn = plot(Series(HOSTILE, [0, 1], [2, 4]))

    assert "<script" not in drawn
    label = ET.fromstring(drawn).attrib["aria-label"]
    assert label == f"{HOSTILE} over 1 seconds: 2 values from 2 to 4, the last 4"


def test_many_values_are_a_line_without_dots():
    drawn = plot(Series("loss", list(range(1000)), [1 / (n + 1) for n in range(1000)]))

    assert "<circle" not in drawn
    assert len(re.findall("L", drawn)) == 999


@pytest.mark.parametrize(
    ("start", "seconds", "whole", "left", "wide"),
    [(0, 5, 10, 0, 50), (5, 5, 10, 50, 50), (10, 0, 10, 99.2, 0.8), (0, 0, 0, 0, 100)],
)
def test_a_phase_is_where_it_was(start, seconds, whole, left, wide):
    rects = list(ET.fromstring(bar(Phase("p", start, seconds), whole)).iter("rect"))

    assert (float(rects[1].attrib["x"]), float(rects[1].attrib["width"])) == (left, wide)
