"""The page: it holds what the run was, asks for nothing, and escapes all that came into it."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.config.settings import Threshold
from harness.flow.record.document import make
from harness.flow.record.html.page import page
from harness.flow.record.seen import Curve
from tests.unit.flow.record.conftest import BEGAN

VOID = {"meta", "link"}
HOSTILE = "</style><script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x00\x1b[31m\ud800"


class Reader(HTMLParser):
    """A page's elements; fails where one isn't closed in its place."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]

    @property
    def text(self):
        return " ".join(self.texts)


def read(report, seen, earlier=(), files=()):
    text = page(make(report, seen), seen, earlier, files)
    for attribute in ("href", "src", "xlink:href", "srcset", "data"):
        for value in re.findall(rf'\s{attribute}="([^"]*)"', text):
            assert not re.match(r"([a-z]+:)?//", value), value
    assert not re.search(r"url\(|@import|NaN|[^a-z]inf[^a-z]", text)
    reader = Reader(text)
    assert not reader.all("script")
    ids = [a["id"] for _, a in reader.found if "id" in a]
    assert len(ids) == len(set(ids))
    for plot in reader.all("svg"):
        assert plot["role"] == "img"
        assert plot["aria-label"]
    return reader


def test_a_run_that_measured_nothing_has_a_page(report, seen):
    empty = replace(report, metrics={}, thresholds={})

    reader = read(empty, seen())

    assert "PASS" in reader.text
    assert [title for title in ("Timeline", "Logs", "Metrics") if title in reader.text] == [
        "Timeline"
    ]


def test_numbers_of_one_feature(report, seen, answers, tmp_path):
    (tmp_path / "known.py").write_text("def known(x):\n    return x\n")
    rows = np.arange(50.0)
    found = seen(
        answers(rows, rows + 1, rows, "train"), answers(rows, rows - 1, rows, "test"),
        reference="known.py:known", reference_name="what is <known>",
    )  # fmt: skip
    found = replace(found, curve=Curve(rows, rows, rows - 1, rows + 1))

    reader = read(report, found)

    assert "Data and fit" in reader.text
    assert "The model less what is <known>" in reader.text
    kinds = [each.get("class") for each in reader.all("path")]
    assert kinds.count("line model") == kinds.count("band model") == 4  # wide and narrow
    assert kinds.count("line reference") == 4
    assert "feature 7: truth 7, answer 8" in reader.text
    assert len(reader.all("circle")) == 100 * 4  # the fit twice, against truth, residuals
    bars = [each for each in reader.all("rect") if "set2" in str(each["class"])]
    assert bars


def test_numbers_of_several_features_have_no_curve(report, seen, answers):
    reader = read(report, seen(answers([1.5, 2.5, 3.0], [1.0, 2.0, 4.0], [[1, 2], [3, 4], [5, 6]])))

    assert "Data and fit" not in reader.text
    assert "Residuals: truth less prediction" in reader.text


def test_many_rows_are_drawn_in_part(report, seen, answers):
    rows = np.linspace(0, 1, 100_000)

    text = page(make(report, found := seen(answers(rows, rows))), found, [], [])

    assert len(text) < 300_000
    assert "<circle" not in text


@pytest.mark.parametrize(
    ("truth", "told", "matrix", "curves"),
    [
        (["a", "b", "b"], ["a", "a", "b"], [1, 0, 1, 1], 0),
        ([0, 1, 1], [0.2, 0.8, 0.4], [1, 0, 1, 1], 1),
        ([0, 1, 2], np.eye(3), [1, 0, 0, 0, 1, 0, 0, 0, 1], 3),
    ],
)
def test_classes(report, seen, answers, truth, told, matrix, curves):
    reader = read(report, seen(answers(truth, told), scores=["accuracy"]))

    assert "Confusion matrix" in reader.text
    cells = [t for t, (n, _) in zip(reader.texts, reader.found, strict=False) if n == "td"]
    assert cells is not None
    counts = re.findall(
        r'<td class="(?:right|wrong|zero)"[^>]*>(\d+)',
        page(make(report, found := seen(answers(truth, told))), found, [], []),
    )
    assert list(map(int, counts)) == matrix
    drawn = [each for each in reader.all("path") if str(each.get("class")).startswith("line set")]
    assert len(drawn) == curves
    assert ("without probabilities" in reader.text) is (curves == 0)


def test_of_many_classes_the_confusions_are_listed(report, seen, answers):
    truth = [f"c{n}" for n in range(40)]

    right, wrong = (
        read(report, seen(answers(truth, told))) for told in (truth, [*truth[1:], "c0"])
    )

    assert "None of the 40 classes was confused with another." in right.text
    assert "The most frequent confusions" in wrong.text
    assert len(wrong.all("tr")) > 15


def test_metrics_against_thresholds_and_the_last_runs(report, seen):
    report = replace(report, thresholds={"test_r2": Threshold(min=0.9)})
    earlier = [
        {"metrics": {"test_r2": value}, "run": f"harness-2026110{n}-120000-abcdef",
         "began": f"2026-11-0{n}T12:00:00+00:00"}
        for n, value in ((1, 0.5), (2, 0.6))
    ]  # fmt: skip

    reader = read(report, seen(), earlier, ["model.tar.gz", "predictions/a b.csv"])

    assert "FAIL" in reader.text
    assert "below the threshold" in reader.text
    assert "+0.150 since the last run" in reader.text
    links = [each["href"] for each in reader.all("a")]
    assert links == [
        "../harness-20261102-120000-abcdef/report.html",
        "../harness-20261101-120000-abcdef/report.html",
        "model.tar.gz", "predictions/a%20b.csv",
    ]  # fmt: skip
    (spark,) = (each for each in reader.all("svg") if each["class"] == "spark")
    assert spark["aria-label"] == "test R² over the last 3 runs"


def test_a_run_that_failed_says_why_and_opens_its_logs(report, seen, log):
    logs = [log("/aws/sagemaker/TrainingJobs", *map(str, range(1000)))]

    reader = read(replace(report, error="it broke"), seen(logs=logs))

    assert "What went wrong" in reader.text
    assert "the last 400 of 1,000" in reader.text
    (details,) = reader.all("details")
    assert "open" in details


def test_whatever_came_in_is_text(report, seen, answers, log):
    found = answers([HOSTILE, "b"], ["b", HOSTILE], name=HOSTILE)
    found.asked.bodies.append(SimpleNamespace(content=HOSTILE.encode("utf-8", "replace"),
                                              content_type=HOSTILE, rows=2))  # fmt: skip
    found.bodies.append(HOSTILE.encode("utf-8", "replace"))
    report = replace(
        report, error=HOSTILE, image=HOSTILE, metrics={HOSTILE: 1.0}, run=HOSTILE,
        thresholds={HOSTILE: Threshold(min=2)},
    )  # fmt: skip
    seen = seen(found, logs=[log(HOSTILE, HOSTILE)])
    seen.notes.append(HOSTILE)

    reader = read(report, seen, [{"metrics": {HOSTILE: 0.5}, "run": HOSTILE}], [HOSTILE])

    assert not reader.all("img")
    assert reader.text.count("<script>alert(1)</script>") >= 10
    assert "\x00" not in reader.text


def test_the_page_forbids_what_it_doesn_t_need(report, seen):
    policies = [
        each["content"] for each in read(report, seen()).all("meta")
        if each.get("http-equiv") == "Content-Security-Policy"
    ]  # fmt: skip

    assert policies == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
    ]


def test_colours_are_of_the_page_light_dark_and_printed(report, seen):
    text = page(make(report, found := seen()), found, [], [])

    assert "@media (prefers-color-scheme: dark)" in text
    assert "@media print" in text
    declared = set(re.findall(r"(--[a-z0-9]+):", text))
    used = set(re.findall(r"var\((--[a-z0-9]+)", text))
    assert used - declared == {"--share"}  # of a cell of a confusion matrix, which has its own


ANY = st.floats(allow_nan=True, allow_infinity=True)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(
    max_examples=25, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(st.lists(st.tuples(ANY, FINITE, FINITE), min_size=1, max_size=20))
@pytest.mark.filterwarnings(
    "error",
    "ignore::ResourceWarning",  # of what an earlier test left to the garbage collector
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
def test_whatever_the_numbers_are_there_is_a_page(report, seen, answers, rows):
    truth, told, x = zip(*rows, strict=True)

    read(report, seen(answers(truth, told, x), scores=["r2"]))


def test_a_step_and_phases_of_another_clock_stay_within(report, seen):
    run = seen()
    assert run.began == BEGAN

    text = page(make(report, run), run, [], [])

    wide = [float(each) for each in re.findall(r"--wide:([\d.]+)%", text)]
    start = [float(each) for each in re.findall(r"--start:([\d.]+)%", text)]
    assert len(wide) == 4  # the phase that takes no time is none
    assert max(a + b for a, b in zip(start, wide, strict=True)) <= 100.01
