"""Ranges, searches, early stops and completion of tuning jobs, without a job."""

from __future__ import annotations

import random
import threading

import pytest

from harness.local.core.backend import Backend
from harness.local.jobs.job import Job
from harness.local.jobs.tuning import ranges, stopping
from harness.local.jobs.tuning.progress import Progress
from harness.local.jobs.tuning.ranges import Categorical, Numeric
from harness.local.jobs.tuning.room import HOST_MEMORY, Room
from harness.local.jobs.tuning.search import BayesianSearch, GridSearch, Outcome, Search
from harness.local.protocol.errors import AwsError
from harness.local.protocol.messages import RequestContext


def parse(kind, **members):
    (found,) = ranges.parse({kind: [{"Name": "p", **members}]}, "here")
    return found


def continuous(low, high, scaling="Auto"):
    return parse("ContinuousParameterRanges", MinValue=low, MaxValue=high, ScalingType=scaling)


@pytest.mark.parametrize(
    ("low", "high", "scaling"),
    [
        ("0", "1", "Linear"),
        ("0.001", "0.1", "Logarithmic"),
        ("0", "0.995", "ReverseLogarithmic"),
        ("-5", "500", "Linear"),
        ("1", "50", "Linear"),
    ],
)
def test_auto_becomes_the_scale_that_fits(low, high, scaling):
    assert continuous(low, high).scaling == scaling


@pytest.mark.parametrize(
    ("scaling", "low", "high", "middle"),
    [
        ("Linear", "0", "10", 5.0),
        ("Logarithmic", "0.01", "1", 0.1),
        ("ReverseLogarithmic", "0", "0.99", 0.9),
    ],
)
def test_the_middle_of_a_scale(scaling, low, high, middle):
    parsed = continuous(low, high, scaling)
    assert float(parsed.decode([0.5])) == pytest.approx(middle)
    assert parsed.encode(str(middle)) == pytest.approx([0.5])
    assert (float(parsed.decode([0.0])), float(parsed.decode([1.0]))) == pytest.approx(
        (float(low), float(high))
    )


@pytest.mark.parametrize("scaling", ["Linear", "Logarithmic"])
def test_integers_are_whole_and_the_ends_among_them(scaling):
    parsed = parse("IntegerParameterRanges", MinValue="1", MaxValue="4", ScalingType=scaling)
    chance = random.Random(1)
    assert {parsed.choose(chance) for _ in range(200)} == {"1", "2", "3", "4"}
    assert all(parsed.decode(parsed.encode(each)) == each for each in "1234")


@pytest.mark.parametrize("values", [("a",), ("a", "b"), ("a", "b", "c")])
def test_categories_are_told_apart_by_their_places(values):
    parsed = parse("CategoricalParameterRanges", Values=list(values))
    places = [parsed.encode(each) for each in values]
    assert [parsed.decode(place) for place in places] == list(values)
    assert {len(place) for place in places} == {parsed.width}
    assert parsed.encode("none") is None


@pytest.mark.parametrize(
    ("kind", "members", "said"),
    [
        ("IntegerParameterRanges", {"MinValue": "1.5", "MaxValue": "4"}, "not an integer"),
        ("ContinuousParameterRanges", {"MinValue": "a", "MaxValue": "4"}, "not a number"),
        ("ContinuousParameterRanges", {"MinValue": "0", "MaxValue": "inf"}, "not a number"),
        ("ContinuousParameterRanges", {"MinValue": "2", "MaxValue": "2"}, "must be less than"),
        (
            "ContinuousParameterRanges",
            {"MinValue": "0", "MaxValue": "1", "ScalingType": "Logarithmic"},
            "greater than 0",
        ),
        (
            "ContinuousParameterRanges",
            {"MinValue": "0", "MaxValue": "1", "ScalingType": "ReverseLogarithmic"},
            "0<=x<1.0",
        ),
        ("CategoricalParameterRanges", {"Values": ["a", "a"]}, "must be unique"),
        ("AutoParameters", {"ValueHint": "1"}, "only by AWS"),
    ],
)
def test_what_is_no_range_is_refused(kind, members, said):
    with pytest.raises(AwsError, match=said):
        parse(kind, **members)


X = Numeric("x", 0.0, 1.0, "Linear", is_integer=False)
Y = Numeric("y", 0.0, 1.0, "Linear", is_integer=False)
AB = Categorical("label", ("a", "b"))


def proposed(search, number, outcomes=(), pending=()):
    """The values, where there are some."""
    values = search.propose(number, outcomes, pending)
    assert values is not None
    return values


def test_a_seed_makes_the_same_choices_again():
    first, again, other = (
        [Search([X, AB], seed).propose(number, [], []) for number in range(4)] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_nothing_is_tried_twice_while_there_is_something_else():
    search = Search([Numeric("n", 1, 3, "Linear", is_integer=True), AB], 5)
    tried: list[dict[str, str]] = []
    for number in range(6):
        tried.append(proposed(search, number, [], tried))
    assert len({tuple(each.values()) for each in tried}) == 6


def test_a_grid_has_each_combination_once():
    search = GridSearch([AB, Categorical("n", ("1", "2", "3"))], 0)
    found = [search.propose(number, [], []) for number in range(7)]
    assert found[-1] is None
    assert len({tuple(each.values()) for each in found if each}) == 6


def score(values):
    near = (float(values["x"]) - 0.7) ** 2 + (float(values["y"]) - 0.2) ** 2
    return -near - (values["label"] == "b")


def test_a_bayesian_search_comes_nearer_than_chance():
    def best(kind: type[Search]) -> float:
        search, outcomes = kind([X, Y, AB], 1), list[Outcome]()
        for number in range(12):
            values = proposed(search, number, outcomes)
            outcomes.append(Outcome(values, score(values)))
        return max(each.score or -9.0 for each in outcomes)

    assert best(BayesianSearch) > best(Search) / 2  # scores are below 0


def test_a_bayesian_search_keeps_away_from_what_runs_and_from_what_failed():
    outcomes = [
        Outcome({"x": str(x), "y": str(y), "label": "a"}, score({"x": x, "y": y, "label": "a"}))
        for x in (0.1, 0.5, 0.9)
        for y in (0.1, 0.6)
    ]
    search = BayesianSearch([X, Y, AB], 3)
    first = proposed(search, 6, outcomes)
    second = search.propose(6, outcomes, [first])
    third = search.propose(6, [*outcomes, Outcome(first, None)], [])
    assert first not in (second, third)


@pytest.mark.filterwarnings("ignore:.*is outside the bounds")  # as `gaussian` has it
def test_a_parent_s_value_out_of_the_range_does_no_harm():
    outcomes = [Outcome({"x": x, "y": "0.5", "label": "a"}, 1.0) for x in ("-3", "0.2", "7", "z")]
    values = proposed(BayesianSearch([X, Y, AB], 3), 0, outcomes)
    assert 0 <= float(values["x"]) <= 1


@pytest.mark.parametrize(
    ("scores", "previous", "stops"),
    [
        ([1.0], [], False),
        ([1.0, 1.0], [[9.0]], False),  # it has no second epoch
        ([0.4], [[0.5, 9.0]], True),
        ([0.0, 0.9], [[0.5, 0.7], [0.5, 0.9], [9.0, 9.0]], False),  # their medians: 0.7
        ([0.0, 0.6], [[0.5, 0.7], [0.5, 0.9], [9.0, 9.0]], True),
    ],
)
def test_the_median_rule(scores, previous, stops):
    assert stopping.worse_than_median(scores, previous) is stops


def test_hyperband_halves_at_its_rungs_and_ends_after_the_last_epoch():
    band = stopping.Hyperband(1, 9)
    assert [band.rungs(number) for number in range(3)] == [[1, 3], [3], [1, 3]]
    ladder = {0: [1.0], 2: [2.0], 4: [3.0]}
    assert band.stops(0, ladder)
    assert not band.stops(4, ladder)
    assert not band.stops(1, {**ladder, 1: [0.0]})  # another bracket, which begins later
    assert not band.stops(4, {4: [3.0] * 9})
    assert band.stops(4, {4: [3.0] * 10})
    assert stopping.Hyperband(5, 5).rungs(0) == []


def progressed(scores, sign=1.0, **criteria):
    progress = Progress(criteria, sign, 2)
    for each in scores:
        progress.add(each)
    return progress


def test_a_job_is_complete_at_its_target_whatever_the_sign():
    assert progressed([0.8, 0.9], TargetObjectiveMetricValue=0.9).is_complete()
    assert not progressed([0.8], TargetObjectiveMetricValue=0.9).is_complete()
    assert progressed([-0.1], sign=-1.0, TargetObjectiveMetricValue=0.2).is_complete()
    assert not progressed([-0.3], sign=-1.0, TargetObjectiveMetricValue=0.2).is_complete()


def test_less_than_a_hundredth_is_no_improvement():
    patience = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
    assert progressed([1.0, 1.005, 0.5, 1.009], **patience).is_complete()
    going = progressed([1.0, 1.005, 0.5, 1.02], **patience)
    assert not going.is_complete()
    assert going.details()["NumberOfTrainingJobsObjectiveNotImproving"] == 0


def test_a_job_converges_and_completes_where_that_is_enabled():
    scores = [1.0] * 11
    enabled = {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}
    assert not progressed(scores[:10], **enabled).is_complete()
    assert progressed(scores, **enabled).is_complete()
    assert not progressed(scores).is_complete()
    assert progressed(scores).details()["ConvergenceDetectedTime"] is not None


class Waiting(Job):
    """A job that does nothing but wait."""

    noun = "TrainingJob"
    kind = "training-job"


def waiting(name):
    context = RequestContext("sagemaker", "CreateTrainingJob", "us-east-1", "123456789012", "1")
    backend = Backend(str, "us-east-1", "123456789012")
    return Waiting(backend, context, {"TrainingJobName": name})


def test_a_room_lets_those_in_that_fit_and_tells_the_rest_why():
    room, entered = Room(lambda: (2, 64 * HOST_MEMORY)), []
    said, both, leave = threading.Semaphore(0), threading.Semaphore(0), threading.Event()

    def run(number, hosts):
        with room.place(waiting(str(number)), hosts, lambda text: said.release()):
            entered.append(number)
            both.release()
            assert leave.wait(10)

    with room.place(waiting("large"), 7, lambda text: None):  # runs alone, if nothing else does
        threads = [threading.Thread(target=run, args=(number, 1)) for number in range(3)]
        for each in threads:
            each.start()
        assert all(said.acquire(timeout=10) for _ in threads)
        assert entered == []
    assert both.acquire(timeout=10)
    assert both.acquire(timeout=10)
    assert len(entered) == 2
    leave.set()
    for each in threads:
        each.join(10)
    assert sorted(entered) == [0, 1, 2]
