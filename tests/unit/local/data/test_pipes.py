"""What goes into the pipes of a channel, and the pipes themselves, with moto's S3."""

import contextlib
import gzip
import json
import os
import struct
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from harness.local.data import pipes, s3_objects
from harness.local.data.opt_ml import CHUNK
from harness.local.http import listening
from harness.local.http.limits import Limits

WAIT = 20


@pytest.fixture
def put(aws, new):
    """Puts objects below a prefix of its own, which it returns as a URI."""
    root = new("pipes")

    def put(objects):
        for key, body in objects.items():
            aws.s3.put_object(Bucket=aws.bucket, Key=f"{root}/{key}", Body=body)
        return f"s3://{aws.bucket}/{root}/"

    return put


def channel(uri, kind="S3Prefix", source=None, **members):
    source = {"S3DataType": kind, "S3Uri": uri, **(source or {})}
    return {"ChannelName": "train", "DataSource": {"S3DataSource": source}, **members}


def sent(aws, channel, epoch=0, index=0, hosts=1):
    stream = pipes.Stream(aws.s3, channel, index, hosts)
    try:
        return b"".join(stream.epoch(epoch))
    finally:
        stream.close()


def record(data):
    """A record as MXNet's recordio module writes it: magic, length, data, padding to four."""
    return b"\x0a\x23\xd7\xce" + struct.pack("<I", len(data)) + data + b"\0" * (-len(data) % 4)


class TestObjects:
    def test_of_a_prefix_come_in_key_order(self, aws, put):
        uri = put({"b": b"2", "a/z": b"1", "c": b"3", "folder/": b""})
        assert sent(aws, channel(uri)) == b"123"

    def test_may_be_file_and_folder_at_once(self, aws, put):
        assert sent(aws, channel(put({"a": b"1", "a/b": b"2"}))) == b"12"

    def test_of_a_manifest_come_in_its_order(self, aws, put):
        uri = put({"x/a": b"1", "x/b": b"2"})
        put({"m": json.dumps([{"prefix": f"{uri}x/"}, "b", "a", "b"]).encode()})
        assert sent(aws, channel(f"{uri}m", "ManifestFile")) == b"212"

    def test_are_read_in_pieces(self, aws, put):
        body = os.urandom(3 * CHUNK + 5)
        stream = pipes.Stream(aws.s3, channel(put({"a": body})))
        chunks = list(stream.epoch(0))
        assert max(map(len, chunks)) <= CHUNK
        assert b"".join(chunks) == body

    def test_that_are_not_there_are_told_before_the_job_begins(self, aws, put):
        with pytest.raises(s3_objects.DataError, match="no data under"):
            pipes.Stream(aws.s3, channel(f"{put({})}none"))
        with pytest.raises(s3_objects.DataError, match="NoSuchKey"):
            pipes.Stream(aws.s3, channel(f"{put({})}none", "ManifestFile"))

    def test_that_a_manifest_lists_but_are_not_there(self, aws, put):
        uri = put({"a": b"1"})
        put({"m": json.dumps([{"prefix": uri}, "a", "b"]).encode()})
        chunks = pipes.Stream(aws.s3, channel(f"{uri}m", "ManifestFile")).epoch(0)
        assert next(chunks) == b"1"
        with pytest.raises(s3_objects.DataError, match=r"/b: .*NoSuchKey"):
            next(chunks)


class TestGzip:
    def test_each_object_is_unpacked(self, aws, put):
        uri = put({"a": gzip.compress(b"1") + gzip.compress(b"2"), "b": gzip.compress(b"3")})
        assert sent(aws, channel(uri, CompressionType="Gzip")) == b"123"

    def test_what_unpacks_to_much_comes_in_pieces(self, aws, put):
        uri = put({"a": gzip.compress(bytes(20 * CHUNK))})
        sizes = [
            len(chunk)
            for chunk in pipes.Stream(aws.s3, channel(uri, CompressionType="Gzip")).epoch(0)
        ]
        assert sum(sizes) == 20 * CHUNK
        assert max(sizes) <= CHUNK

    @pytest.mark.parametrize("body", [b"plain", gzip.compress(b"x" * 100, mtime=0)[:-9]])
    def test_what_is_not_gzip_is_named(self, aws, put, body):
        with pytest.raises(s3_objects.DataError, match="/a is not compressed with gzip"):
            sent(aws, channel(put({"a": body}), CompressionType="Gzip"))


class TestRecordIO:
    def test_each_object_is_a_record(self, aws, put):
        uri = put({"a": b"12345", "b": b"", "c": b"1234"})
        expected = record(b"12345") + record(b"") + record(b"1234")
        assert sent(aws, channel(uri, RecordWrapperType="RecordIO")) == expected

    def test_of_what_was_compressed(self, aws, put):
        body = os.urandom(CHUNK + 1)
        uri = put({"a": gzip.compress(body)})
        packed = channel(uri, RecordWrapperType="RecordIO", CompressionType="Gzip")
        assert sent(aws, packed) == record(body)

    def test_a_record_has_a_limit(self, aws, put, monkeypatch):
        monkeypatch.setattr(pipes, "RECORD_LIMIT", 5)
        uri = put({"a": b"1234", "b": b"12345"})
        with pytest.raises(s3_objects.DataError, match="/b has 5 bytes, too many for one record"):
            sent(aws, channel(uri, RecordWrapperType="RecordIO"))


class TestAugmentedManifests:
    @pytest.fixture
    def manifest(self, put):
        def manifest(lines, names=("image-ref", "label"), **members):
            uri = put({"1.png": b"\x89one", "2.png": b"\x89two"})
            text = lines if isinstance(lines, str) else "\n".join(map(json.dumps, lines)) + "\n"
            put({"m": text.replace("ROOT/", uri).encode()})
            return channel(
                f"{uri}m", "AugmentedManifestFile", {"AttributeNames": list(names)}, **members
            )

        return manifest

    def test_attributes_come_in_the_order_asked_for(self, aws, manifest):
        lines = [
            {"label": 1, "other": 5, "image-ref": "ROOT/1.png"},
            {"image-ref": "ROOT/2.png", "label": 0},
        ]
        assert sent(aws, manifest(lines)) == b"\x89one1\x89two0"
        assert sent(aws, manifest(lines, ["label", "image-ref"])) == b"1\x89one0\x89two"

    def test_each_attribute_is_a_record(self, aws, manifest):
        values = ["Où", {"a": [1, 2.5]}, None, [True]]
        lines = [{"image-ref": "ROOT/1.png", "label": value} for value in values]
        expected = b"".join(
            record(b"\x89one") + record(label.encode())
            for label in ('"Où"', '{"a":[1,2.5]}', "null", "[true]")
        )
        assert sent(aws, manifest(lines, RecordWrapperType="RecordIO")) == expected

    def test_what_they_refer_to_may_be_compressed(self, aws, put, manifest):
        put({"1.gz": gzip.compress(b"one")})
        lines = [{"image-ref": "ROOT/1.gz", "label": 1}]
        packed = manifest(lines, RecordWrapperType="RecordIO", CompressionType="Gzip")
        assert sent(aws, packed) == record(b"one") + record(b"1")

    def test_lines_are_dealt_out(self, aws, manifest):
        dealt = manifest([{"label": number} for number in range(5)], ["label"])
        dealt["DataSource"]["S3DataSource"]["S3DataDistributionType"] = "ShardedByS3Key"
        assert sent(aws, dealt, index=0, hosts=2) == b"024"
        assert sent(aws, dealt, index=1, hosts=2) == b"13"

    def test_half_a_character_is_sent_as_it_stands_in_json(self, aws, manifest):
        assert sent(aws, manifest('{"label": "a\\ud800"}', ["label"])) == b'"a\\ud800"'

    def test_blank_lines_and_a_missing_last_line_end_are_no_matter(self, aws, manifest):
        assert sent(aws, manifest('{"label": 1}\n\n  \r\n{"label": 2}', ["label"])) == b"12"

    @pytest.mark.parametrize(
        ("lines", "words"),
        [
            ('{"label": 1}\n{', "line 2 of s3://.*/m is not JSON"),
            ("[" * 100_000, "line 1 of .* is not JSON"),
            ('{"label": 1}\n{"label": ' + "9" * 5000 + "}", "line 2 of .* is not JSON"),
            ('{"label": 1}\n{"label": NaN}', "line 2 of .* is not JSON"),
            ('{"label": 1}\n\0', "line 2 of .* is not JSON"),
            ('{"image-ref": "s3://b/\\ud800", "label": 1}\n', "is not UTF-8"),
            ("[]\n", "line 1 of .* is not a JSON object"),
            ('{"image-ref": "ROOT/1.png"}\n', "line 1 of .* has no attribute label"),
            ('{"image-ref": 1, "label": 1}\n', "image-ref is not the URI of an object in S3"),
            ('{"image-ref": "1.png", "label": 1}\n', "1.png is not of the form s3://bucket/key"),
            ('{"image-ref": "ROOT/3.png", "label": 1}\n', "/3.png: .*NoSuchKey"),
            ("\n\n", "no data under s3://.*/m"),
        ],
    )
    def test_what_is_wrong_is_named(self, aws, manifest, lines, words):
        names = ["label"] if lines.startswith('{"label": 1}') else ["image-ref", "label"]
        with pytest.raises(s3_objects.DataError, match=words):
            sent(aws, manifest(lines, names))


class TestShuffling:
    def test_the_order_is_another_at_each_epoch_and_the_same_again(self, aws, put):
        uri = put({f"{number:02}": bytes([number]) for number in range(20)})
        shuffled = channel(uri, ShuffleConfig={"Seed": 7})
        epochs = [sent(aws, shuffled, epoch) for epoch in range(3)]
        assert all(sorted(epoch) == list(range(20)) for epoch in epochs)
        assert len(set(epochs)) == 3
        assert sent(aws, shuffled, 1) == epochs[1]
        assert sent(aws, channel(uri, ShuffleConfig={"Seed": 8})) != epochs[0]

    def test_what_a_host_gets_is_another_at_each_epoch(self, aws, put):
        uri = put({f"{number:02}": bytes([number]) for number in range(20)})
        dealt = channel(
            uri, source={"S3DataDistributionType": "ShardedByS3Key"}, ShuffleConfig={"Seed": 7}
        )
        shares = [[sent(aws, dealt, epoch, index, 2) for index in range(2)] for epoch in range(2)]
        for first, second in shares:
            assert sorted(first + second) == list(range(20))
            assert len(first) == len(second)
        assert set(shares[0][0]) != set(shares[1][0])


def test_a_reader_may_pause_for_longer_than_s3_waits(aws, put, monkeypatch):
    """A connection on which nothing could be sent for so long is closed."""
    body = os.urandom(40 * CHUNK)  # more than fits into the buffers of a connection
    uri = put({"a": body})
    monkeypatch.setattr(listening, "LIMITS", Limits(stall=0.3))
    with LocalAWS() as impatient:
        client = local_boto_session(impatient.url, impatient.region).client("s3")
        asked = []
        client.meta.events.register("before-call.s3.GetObject", lambda **_: asked.append(1))
        chunks = pipes.Stream(client, channel(uri)).epoch(0)
        read = [next(chunks)]
        time.sleep(1)
        read += chunks
    assert b"".join(read) == body
    assert len(asked) > 1


class Epochs:
    """Streams what it is given, whatever the epoch."""

    def __init__(self, *chunks):
        self.chunks = chunks

    def epoch(self, number):
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk or str(number).encode()


@pytest.fixture
def opened(tmp_path):
    """Opens pipes of streams by their channels' names; checks that nothing of them is left."""
    made: list[Any] = []  # `Pipes` that have their `errors`
    errors = threading.Event()

    def opened(files=(), **streams):
        folder = tmp_path / f"pipes-{len(made)}"
        folder.mkdir()
        made.append(pipes.Pipes(folder, streams, errors.set, files))
        made[-1].open()
        made[-1].errors = errors
        return made[-1]

    def descriptors():
        """Of pipes, whether they have a name or not."""
        links = []
        for each in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # the listing's own
                links.append(str(each.readlink()))
        return sum(link.startswith(("pipe:", str(tmp_path))) for link in links)

    before = descriptors()
    yield opened
    for each in made:
        each.close()
        each.close()  # may be called twice
    assert not [thread.name for thread in threading.enumerate() if thread.name[:5] == "pipe-"]
    assert descriptors() == before


def names(made):
    return sorted(path.name for path in made.folder.iterdir())


class TestPipes:
    pytestmark = pytest.mark.timeout(60)

    def test_there_is_one_for_each_epoch_that_is_read(self, opened):
        made = opened(train=Epochs(b"data", b""), test=Epochs(b"test"))
        assert names(made) == ["test_0", "train_0"]
        for epoch in range(3):
            # At once, and without a look whether it is there: no reader misses the next one.
            assert (made.folder / f"train_{epoch}").read_bytes() == b"data%d" % epoch
        assert (made.folder / "test_0").read_bytes() == b"test"
        assert made.error is None

    def test_one_that_was_read_is_there_no_more(self, opened):
        made = opened(train=Epochs(b"data"))
        (made.folder / "train_0").read_bytes()
        assert not (made.folder / "train_0").exists()

    def test_its_user_need_not_be_ours(self, opened):
        before = os.umask(0o077)
        try:
            made = opened(train=Epochs(b"data"))
            assert (made.folder / "train_0").stat().st_mode & 0o777 == 0o644
        finally:
            os.umask(before)

    def test_a_reader_may_stop_early(self, opened):
        made = opened(train=Epochs(*[bytes(CHUNK)] * 50))
        for epoch in range(3):
            with (made.folder / f"train_{epoch}").open("rb", buffering=0) as pipe:
                assert pipe.read(10) == bytes(10)
        assert made.error is None

    def test_the_next_may_be_read_before_the_last_is_closed(self, opened):
        made = opened(train=Epochs(b"", *[bytes(CHUNK)] * 3))
        with (made.folder / "train_0").open("rb") as first:
            assert first.read(1) == b"0"
            assert (made.folder / "train_1").read_bytes() == b"1" + bytes(3 * CHUNK)
            assert first.read() == bytes(3 * CHUNK)

    def test_they_close_whether_or_not_they_are_read(self, opened):
        made = opened(unread=Epochs(b"data"), stuck=Epochs(*[bytes(CHUNK)] * 3))
        with (made.folder / "stuck_0").open("rb", buffering=0) as pipe:
            pipe.read(1)
            made.close()
            while pipe.read(CHUNK):  # what was in the pipe already
                pass

    def test_what_cannot_be_read_keeps_the_reader_waiting(self, opened):
        made = opened(train=Epochs(b"data", s3_objects.DataError("gone")))
        with (made.folder / "train_0").open("rb", buffering=0) as pipe:
            assert pipe.read(10) == b"data"
            assert made.errors.wait(WAIT)
            assert str(made.error) == "gone"
            os.set_blocking(pipe.fileno(), False)
            assert pipe.read(10) is None  # nothing yet; b"" would be the end
            made.close()
            assert pipe.read(10) == b""

    def test_what_cannot_be_read_but_nobody_reads_is_no_error(self, opened):
        left = threading.Event()

        class Late(Epochs):
            def epoch(self, number):
                yield b"data"
                left.wait(WAIT)
                raise s3_objects.DataError("gone")

        made = opened(train=Late())
        with (made.folder / "train_0").open("rb", buffering=0) as pipe:
            assert pipe.read(10) == b"data"
        left.set()
        wait_until(lambda: len(made._threads) == 1)  # that of the next epoch
        assert made.error is None

    def test_channels_of_files_have_a_place(self, opened):
        made = opened(["test"], train=Epochs(b"data"))
        assert names(made) == ["test", "train_0"]
        assert made.mounts.folders == {"/opt/ml/input/data": made.folder}
        assert made.mounts.volumes == ["/opt/ml/input/data/test"]

    def test_a_channel_reads_s3_as_fast_as_its_reader(self, opened):
        """No more is fetched than fits into the pipe."""
        fetched = []

        class Counted(Epochs):
            def epoch(self, number):
                for _ in range(100):
                    fetched.append(CHUNK)
                    yield bytes(CHUNK)

        made = opened(train=Counted())
        with (made.folder / "train_0").open("rb", buffering=0) as pipe:
            pipe.read(1)
            assert len(fetched) == 1


def wait_until(true):
    deadline = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_errors_of_s3_are_told_as_they_are(aws, put):
    with pytest.raises(ClientError, match="NoSuchBucket"):
        pipes.Stream(aws.s3, channel("s3://no-such-bucket-of-ours/x"))
