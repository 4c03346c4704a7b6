"""Lines of containers on their way to CloudWatch Logs (moto's)."""

import itertools
import threading
import time

import pytest

from harness.local.core import logs
from harness.local.core.logs import LogStreams

GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture
def streams(aws):
    made = LogStreams(lambda region: aws.session.client("logs", region_name=region))
    yield made
    made.close()


def lines(aws, stream):
    """The messages of a stream."""
    found = []
    token: dict[str, str] = {}
    while True:
        page = aws.logs.get_log_events(
            logGroupName=stream.group, logStreamName=stream.name, startFromHead=True, **token
        )
        found += [event["message"] for event in page["events"]]
        if token == {"nextToken": page["nextForwardToken"]}:
            return found
        token = {"nextToken": page["nextForwardToken"]}


class Client:
    """Stands where a CloudWatch Logs client does: holds on, counts, or fails, as it is told."""

    def __init__(self):
        self.proceed = threading.Event()
        self.asked = threading.Event()
        self.proceed.set()
        self.batches = []
        self.error = None

    class exceptions:
        class ResourceAlreadyExistsException(Exception):
            pass

        class ResourceNotFoundException(Exception):
            pass

    def create_log_group(self, **request):
        pass

    create_log_stream = create_log_group

    def put_log_events(self, logGroupName, logStreamName, logEvents):
        self.asked.set()
        assert self.proceed.wait(30)
        if self.error:
            error, self.error = self.error, None
            raise error
        self.batches.append((logStreamName, [event["message"] for event in logEvents]))

    def close(self):
        pass


@pytest.fixture
def client():
    return Client()


@pytest.fixture
def held(client):
    """Streams whose client waits until it is told to proceed."""
    client.proceed.clear()
    streams = LogStreams(lambda region: client)
    yield streams
    client.proceed.set()
    streams.close()


class TestCloudWatch:
    def test_lines_arrive_in_order(self, aws, streams, new):
        stream = streams.open("us-east-1", GROUP, new("job"))
        written = [f"line {number} ü" for number in range(500)]
        for line in written:
            stream.write(line)
        stream.flush()
        assert lines(aws, stream) == written

    def test_streams_of_a_group_are_kept_apart(self, aws, streams, new):
        first = streams.open("us-east-1", GROUP, new("job"))
        second = streams.open("us-east-1", GROUP, new("job"))
        for number in range(10):
            first.write(f"first {number}")
            second.write(f"second {number}")
        streams.flush()
        assert lines(aws, first) == [f"first {number}" for number in range(10)]
        assert lines(aws, second) == [f"second {number}" for number in range(10)]

    def test_an_empty_line_is_a_blank(self, aws, streams, new):
        stream = streams.open("us-east-1", GROUP, new("job"))
        for line in ("before", "", "after", "  "):
            stream.write(line)
        stream.flush()
        assert lines(aws, stream) == ["before", " ", "after", "  "]
        assert str(stream.words) == "after"

    def test_more_than_a_batch_of_events(self, aws, streams, new):
        stream = streams.open("us-east-1", GROUP, new("job"))
        for number in range(logs.BATCH_EVENTS + 1):
            stream.write(str(number))
        stream.flush()
        assert len(lines(aws, stream)) == logs.BATCH_EVENTS + 1

    def test_close_sends_the_rest_and_takes_no_more(self, aws, new):
        streams = LogStreams(lambda region: aws.session.client("logs", region_name=region))
        stream = streams.open("us-east-1", GROUP, new("job"))
        stream.write("the last words")
        streams.close()
        stream.write("too late")
        streams.flush()
        assert lines(aws, stream) == ["the last words"]

    def test_close_without_a_line(self, streams):
        streams.close()


class TestReset:
    def test_lines_go_on_in_a_new_stream(self, aws, streams, new, caplog):
        """As after a reset of moto, which forgets the groups, or where somebody deletes them."""
        stream = streams.open("us-east-1", f"/group/{new('group')}", new("job"))
        stream.write("before")
        stream.flush()
        aws.logs.delete_log_group(logGroupName=stream.group)
        for number in range(200):
            stream.write(f"after {number}")
            if number % 20 == 0:
                stream.flush()
        stream.flush()
        assert lines(aws, stream) == [f"after {number}" for number in range(200)]
        (said,) = [each for each in caplog.records if each.name == logs.__name__]
        assert said.levelname == "WARNING"
        assert said.exc_info is None

    def test_lines_that_get_lost_are_told_of_once(self, held, client, caplog):
        stream = held.open("us-east-1", GROUP, "s")

        def fail(**request):
            raise RuntimeError("no more room")

        client.put_log_events = fail
        for number in range(20):
            stream.write(str(number))
            stream.flush()
        (said,) = [each for each in caplog.records if each.name == logs.__name__]
        assert said.getMessage() == (
            "lost 1 log lines of s, and others if this goes on: RuntimeError: no more room"
        )
        assert said.exc_info is None


class TestBatches:
    def test_limits_of_a_batch(self, client):
        client.proceed.clear()
        streams = LogStreams(lambda region: client)
        stream = streams.open("us-east-1", GROUP, "s")
        stream.write("first")
        assert client.asked.wait(30)  # what follows is sent together
        for _ in range(5):
            stream.write("ü" * 131_072)  # 262,144 bytes
        for _ in range(logs.BATCH_EVENTS):
            stream.write("x")
        client.proceed.set()
        streams.close()
        sizes = [
            sum(len(message.encode()) + logs.EVENT_OVERHEAD for message in batch)
            for _, batch in client.batches
        ]
        assert max(sizes) <= logs.BATCH_BYTES
        assert max(len(batch) for _, batch in client.batches) <= logs.BATCH_EVENTS
        assert sum(len(batch) for _, batch in client.batches) == 6 + logs.BATCH_EVENTS

    def test_long_lines_wait_when_there_are_many_bytes(self, held, client, monkeypatch):
        monkeypatch.setattr(logs, "MAX_QUEUED_BYTES", 1000)
        stream = held.open("us-east-1", GROUP, "s")
        stream.write("first")
        assert client.asked.wait(30)
        writer = threading.Thread(target=lambda: [stream.write("x" * 300) for _ in range(20)])
        writer.start()
        deadline = time.monotonic() + 30
        while stream.size < 1000:
            assert time.monotonic() < deadline
        assert len(stream.events) == 4
        client.proceed.set()
        writer.join(30)
        stream.flush()
        assert sum(len(batch) for _, batch in client.batches) == 21

    def test_flush_waits_for_its_own_stream(self, held, client):
        """Lines that others write meanwhile don't count for those that are waited for."""
        busy = held.open("us-east-1", GROUP, "busy")
        mine = held.open("us-east-1", GROUP, "mine")
        busy.write("1")
        assert client.asked.wait(30)
        busy.write("2")
        mine.write("my line")
        flushing = threading.Thread(target=mine.flush)
        sent_before = []

        def put(logGroupName, logStreamName, logEvents):
            if logStreamName == "mine":
                flushing.join(0.3)  # time to return, where it wrongly does
            sent_before.append((logStreamName, flushing.is_alive()))

        client.put_log_events = put
        flushing.start()
        deadline = time.monotonic() + 30
        while not held._changed._waiters:  # the writer is held, so it can't be that one
            assert time.monotonic() < deadline
        for number in range(10):
            busy.write(str(number))
        client.proceed.set()
        flushing.join(30)
        assert not flushing.is_alive()
        assert ("mine", True) in sent_before

    def test_an_error_loses_its_own_lines_only(self, held, client):
        stream = held.open("us-east-1", GROUP, "s")
        stream.write("lost")
        assert client.asked.wait(30)
        client.error = RuntimeError("a fault of the client")
        stream.write("kept")
        client.proceed.set()
        stream.flush()
        assert client.batches == [("s", ["kept"])]

    def test_a_fast_writer_has_to_wait(self, held, client, monkeypatch):
        monkeypatch.setattr(logs, "MAX_QUEUED", 10)
        stream = held.open("us-east-1", GROUP, "s")
        stream.write("first")
        assert client.asked.wait(30)
        written = itertools.count()
        full = threading.Event()

        def write():
            for _ in range(30):
                if next(written) == 10:
                    full.set()
                stream.write("x")

        writer = threading.Thread(target=write)
        writer.start()
        assert full.wait(30)
        assert len(stream.events) <= 10
        client.proceed.set()
        writer.join(30)
        assert not writer.is_alive()
        stream.flush()
        assert sum(len(batch) for _, batch in client.batches) == 31
