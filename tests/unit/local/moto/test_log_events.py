"""Log streams of moto's with their events on disk: pages as CloudWatch Logs has them."""

import contextlib
import itertools
import random
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.local.moto.logs import events

GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture
def stream(aws, new):
    """The name of a new log stream."""
    return make_stream(aws, new("stream"))


def make_stream(aws, name):
    with contextlib.suppress(aws.logs.exceptions.ResourceAlreadyExistsException):
        aws.logs.create_log_group(logGroupName=GROUP)
    aws.logs.create_log_stream(logGroupName=GROUP, logStreamName=name)
    return name


def put(aws, stream, messages, start=None, step=1):
    start = int(time.time() * 1000) if start is None else start
    aws.logs.put_log_events(
        logGroupName=GROUP,
        logStreamName=stream,
        logEvents=[
            {"timestamp": start + at * step, "message": each} for at, each in enumerate(messages)
        ],
    )
    return start


def forward(aws, stream, **request):
    """The messages of all pages, from the head on."""
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = aws.logs.get_log_events(
            logGroupName=GROUP, logStreamName=stream, startFromHead=True, **request, **token
        )
        found += [event["message"] for event in page["events"]]
        if token == {"nextToken": page["nextForwardToken"]}:
            return found
        token = {"nextToken": page["nextForwardToken"]}


def backward(aws, stream, **request):
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = aws.logs.get_log_events(logGroupName=GROUP, logStreamName=stream, **request, **token)
        found = [event["message"] for event in page["events"]] + found
        if token == {"nextToken": page["nextBackwardToken"]}:
            return found
        token = {"nextToken": page["nextBackwardToken"]}


def filtered(aws, **request):
    found: list[tuple[str, str]] = []
    token: dict[str, str] = {}
    while True:
        page = aws.logs.filter_log_events(logGroupName=GROUP, **request, **token)
        found += [(event["logStreamName"], event["message"]) for event in page["events"]]
        if "nextToken" not in page:
            return found
        token = {"nextToken": page["nextToken"]}


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    batches=st.lists(st.lists(st.integers(0, 50), max_size=8).map(sorted), max_size=4),
    limit=st.integers(3, 20),
    begin=st.integers(0, 50),
    length=st.integers(0, 50),
)
def test_pages_are_those_of_a_sorted_list(aws, new, batches, limit, begin, length):
    """Events of one time stay in the order in which they came."""
    stream, now = make_stream(aws, new("stream")), int(time.time() * 1000)
    numbers = itertools.count()
    written = []
    for batch in batches:
        events = [{"timestamp": now + at, "message": str(next(numbers))} for at in batch]
        if events:
            aws.logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)
        written += events
    expected = [each["message"] for each in sorted(written, key=lambda each: each["timestamp"])]
    assert forward(aws, stream, limit=limit) == expected
    assert backward(aws, stream, limit=limit) == expected
    assert [message for _, message in filtered(aws, logStreamNames=[stream], limit=limit)] == (
        expected
    )
    within = {"startTime": now + begin, "endTime": now + begin + length}
    some = [
        each["message"]
        for each in sorted(written, key=lambda each: each["timestamp"])
        if now + begin <= each["timestamp"] <= now + begin + length
    ]
    assert forward(aws, stream, limit=limit, **within) == some
    assert backward(aws, stream, limit=limit, **within) == some


class TestPages:
    def test_the_last_ones_where_it_is_not_said_otherwise(self, aws, stream):
        put(aws, stream, map(str, range(10)))
        page = aws.logs.get_log_events(logGroupName=GROUP, logStreamName=stream, limit=3)
        assert [event["message"] for event in page["events"]] == ["7", "8", "9"]

    def test_a_token_finds_what_comes_later(self, aws, stream):
        where = {"logGroupName": GROUP, "logStreamName": stream, "startFromHead": True}
        token = aws.logs.get_log_events(**where)["nextForwardToken"]
        for number in range(3):
            assert aws.logs.get_log_events(**where, nextToken=token)["events"] == []
            put(aws, stream, [str(number)])
            page = aws.logs.get_log_events(**where, nextToken=token)
            assert [event["message"] for event in page["events"]] == [str(number)]
            token = page["nextForwardToken"]

    @pytest.mark.parametrize("token", ["x", "f/1", "f/-" + "1" * 55, "q/" + "1" * 56])
    def test_a_token_that_is_none(self, aws, stream, token):
        put(aws, stream, ["a"])
        with pytest.raises(ClientError, match="The specified nextToken is invalid"):
            aws.logs.get_log_events(logGroupName=GROUP, logStreamName=stream, nextToken=token)

    def test_of_a_megabyte_at_most(self, aws, stream):
        for _ in range(3):
            put(aws, stream, ["x" * 250_000] * 4)
        page = aws.logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)
        assert len(page["events"]) == 4
        assert len(forward(aws, stream)) == len(backward(aws, stream)) == 12
        assert len(filtered(aws, logStreamNames=[stream])) == 12

    @pytest.mark.parametrize("number", [2**63, 10**300, -(10**300)])
    def test_times_that_are_none(self, aws, stream, number):
        put(aws, stream, ["a"])
        for name in ("startTime", "endTime"):
            found = aws.logs.get_log_events(
                logGroupName=GROUP, logStreamName=stream, **{name: abs(number)}
            )
            assert len(found["events"]) == (name == "endTime")

    def test_half_a_character(self, aws, stream):
        put(aws, stream, ["a\ud800b\0c"])
        assert forward(aws, stream) == ["a?b\0c"]


class TestFilter:
    def test_streams_by_time_or_one_after_another(self, aws, new):
        streams = [make_stream(aws, new("stream")) for _ in range(3)]
        start = int(time.time() * 1000)
        for number, each in enumerate(streams):
            put(aws, each, [f"{number}-{at}" for at in range(5)], start, step=number + 1)
        for limit in (1, 2, 7, 100):
            found = filtered(aws, logStreamNames=streams, limit=limit)
            assert found == [
                (each, f"{number}-{at}") for number, each in enumerate(streams) for at in range(5)
            ]
            found = filtered(aws, logStreamNames=streams, limit=limit, interleaved=True)
            assert found == sorted(
                ((each, f"{number}-{at}") for number, each in enumerate(streams)
                 for at in range(5)),
                key=lambda one: int(one[1][2:]) * (int(one[1][0]) + 1),
            )  # fmt: skip

    def test_streams_by_what_their_names_begin_with(self, aws, new):
        name = new("of")
        for each in ("job-1/algo-1", "job-1/algo-2", "job-2/algo-1"):
            put(aws, make_stream(aws, f"{name}-{each}"), [each, each])
        found = filtered(aws, logStreamNamePrefix=f"{name}-job-1/", limit=1)
        assert sorted({message for _, message in found}) == ["job-1/algo-1", "job-1/algo-2"]
        assert len(found) == 4
        assert filtered(aws, logStreamNamePrefix=f"{name}-none") == []
        with pytest.raises(ClientError, match="InvalidParameterException"):
            filtered(aws, logStreamNamePrefix=name, logStreamNames=[name])

    def test_a_word(self, aws, stream):
        put(aws, stream, [f"{'even' if at % 2 == 0 else 'odd'} {at}" for at in range(1000)])
        found = filtered(aws, logStreamNames=[stream], filterPattern="odd", limit=7)
        assert [message for _, message in found] == [f"odd {at}" for at in range(1, 1000, 2)]

    @pytest.mark.parametrize("token", ["x", "a@b@c", "a@b@1-2", f"{GROUP}@none@1-2"])
    def test_a_token_that_is_none_finds_nothing(self, aws, stream, token):
        put(aws, stream, ["a"])
        found = aws.logs.filter_log_events(
            logGroupName=GROUP, logStreamNames=[stream], nextToken=token
        )
        assert found["events"] == []


class TestRest:
    def test_a_description(self, aws, stream):
        start = put(aws, stream, ["a", "b", "c"])
        (found,) = aws.logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=stream)[
            "logStreams"
        ]
        assert (found["firstEventTimestamp"], found["lastEventTimestamp"]) == (start, start + 2)

    def test_a_query(self, aws, new):
        group, stream, now = new("/group"), new("stream"), int(time.time())
        aws.logs.create_log_group(logGroupName=group)
        aws.logs.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [{"timestamp": now * 1000 + at, "message": str(at)} for at in range(100)]
        aws.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
        query = aws.logs.start_query(
            logGroupName=group,
            startTime=now - 3600,
            endTime=now + 3600,
            queryString="fields @timestamp, @message | sort @timestamp desc | limit 3",
        )
        found = aws.logs.get_query_results(queryId=query["queryId"])["results"]
        assert len(found) == 3
        messages = [
            next(each["value"] for each in row if each["field"] == "@message") for row in found
        ]
        assert messages == ["99", "98", "97"]

    def test_a_deleted_stream_leaves_no_events(self, aws, stream):
        put(aws, stream, ["a"] * 100)
        aws.logs.delete_log_stream(logGroupName=GROUP, logStreamName=stream)
        make_stream(aws, stream)
        assert forward(aws, stream) == []
        put(aws, stream, ["b"])
        assert forward(aws, stream) == ["b"]
        count = "SELECT count(*), count(DISTINCT stream) FROM events"
        before = events.database()._connection.execute(count).fetchone()
        aws.logs.delete_log_stream(logGroupName=GROUP, logStreamName=stream)
        put(aws, make_stream(aws, f"{stream}-other"), ["c", "d"])
        after = events.database()._connection.execute(count).fetchone()
        assert after == (before[0] + 1, before[1])


def test_a_hundred_thousand_lines_are_not_in_memory(aws, stream):
    """moto's own would have 22 MB of them, and of a page as much again."""
    from moto.logs.models import logs_backends

    backend = logs_backends["123456789012"]["us-east-1"]
    line = "".join(random.choices("abcdefgh", k=60))  # one for all, so that only copies count
    put(aws, stream, [line])
    now = int(time.time() * 1000)
    before = memory()
    for _ in range(10):
        events = [{"timestamp": now, "message": f"{line} {at}"} for at in range(10_000)]
        backend.put_log_events(GROUP, stream, events)
    del events
    assert len(aws.logs.get_log_events(logGroupName=GROUP, logStreamName=stream)["events"]) > 9_000
    assert memory() - before < 20 << 10


def memory():
    """KB that this process has in use."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


class TestLists:
    """Pages of streams and groups: what is created or deleted between two shifts nothing."""

    @pytest.mark.parametrize("order", [{}, {"descending": True}, {"orderBy": "LastEventTime"}])
    def test_streams_that_come_and_go(self, aws, new, order):
        group = new("/group")
        aws.logs.create_log_group(logGroupName=group)
        for name in "bdfh":
            aws.logs.create_log_stream(logGroupName=group, logStreamName=name)
        first = aws.logs.describe_log_streams(logGroupName=group, limit=2, **order)
        shown = [each["logStreamName"] for each in first["logStreams"]]
        aws.logs.delete_log_stream(logGroupName=group, logStreamName=shown[-1])
        come = "z" if order == {"descending": True} else "a"
        aws.logs.create_log_stream(logGroupName=group, logStreamName=come)
        second = aws.logs.describe_log_streams(
            logGroupName=group, nextToken=first["nextToken"], **order
        )
        assert [each["logStreamName"] for each in second["logStreams"]] == [
            each for each in sorted("bdfh", reverse="descending" in order) if each not in shown
        ]

    def test_groups_that_come_and_go(self, aws, new):
        prefix = new("/listed")
        for name in "bdfh":
            aws.logs.create_log_group(logGroupName=prefix + name)
        first = aws.logs.describe_log_groups(logGroupNamePrefix=prefix, limit=2)
        aws.logs.delete_log_group(logGroupName=f"{prefix}f")  # which moto's own token names
        aws.logs.create_log_group(logGroupName=f"{prefix}a")
        second = aws.logs.describe_log_groups(
            logGroupNamePrefix=prefix, nextToken=first["nextToken"]
        )
        shown = [each["logGroupName"] for page in (first, second) for each in page["logGroups"]]
        assert shown == [prefix + name for name in "bdh"]

    def test_tokens_of_other_requests_are_refused(self, aws, new):
        prefix = new("/foreign")
        for name in "ab":
            aws.logs.create_log_group(logGroupName=prefix + name)
            for stream in "xy":
                aws.logs.create_log_stream(logGroupName=prefix + name, logStreamName=stream)
        streams = aws.logs.describe_log_streams(logGroupName=f"{prefix}a", limit=1)["nextToken"]
        groups = aws.logs.describe_log_groups(logGroupNamePrefix=prefix, limit=1)["nextToken"]
        calls = [
            lambda: aws.logs.describe_log_streams(logGroupName=f"{prefix}b", nextToken=streams),
            lambda: aws.logs.describe_log_streams(logGroupName=f"{prefix}a", nextToken=groups),
            lambda: aws.logs.describe_log_groups(nextToken=groups),
            lambda: aws.logs.describe_log_groups(nextToken="nonsense"),
        ]
        for call in calls:
            with pytest.raises(ClientError, match="nextToken is invalid"):
                call()
