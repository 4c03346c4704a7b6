"""Objects into records and requests, and answers into output: filters and the join."""

import gzip
import itertools
import struct

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.local.data import records
from harness.local.data.records import RecordError

LIMIT = 60
MAGIC = struct.pack("<I", 0xCED7230A)
PACKED = gzip.compress(b"1,2\n", mtime=0)  # with no time in it, which would be in tests' names

files = st.binary(max_size=200).map(lambda data: data.replace(b"x", b"\n"))


def cut(data, size):
    """The chunks that data comes in; `size` bytes each."""
    return (data[at : at + size] for at in range(0, len(data), size))


def bodies(data, kind, strategy, limit=LIMIT, chunk=7):
    return list(records.requests(cut(data, chunk), kind, strategy, limit))


def tfrecord(data):
    return struct.pack("<QI", len(data), 1) + data + struct.pack("<I", 2)


def recordio(data):
    """As MXNet writes it: in parts, cut where the data has the magic number."""
    parts = data.split(MAGIC)
    flags = [1, *[2] * (len(parts) - 2), 3] if len(parts) > 1 else [0]
    return b"".join(
        MAGIC + struct.pack("<I", flag << 29 | len(part)) + part + bytes(-len(part) % 4)
        for flag, part in zip(flags, parts, strict=True)
    )


class TestSplitting:
    @given(files, st.integers(1, 50))
    def test_lines_one_at_a_time(self, data, chunk):
        lines = data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        assume(all(len(line) < LIMIT for line in lines))
        assert bodies(data, "Line", "SingleRecord", chunk=chunk) == lines

    @given(files, st.integers(1, 50))
    def test_as_many_lines_as_fit(self, data, chunk):
        assume(all(len(line) < LIMIT for line in data.split(b"\n")))
        found = bodies(data, "Line", "MultiRecord", chunk=chunk)
        assert b"".join(found) == data
        for body, following in itertools.pairwise(found):
            first = following.split(b"\n")[0] + b"\n"
            assert len(body) <= LIMIT
            # The last line of all may have no newline.
            assert len(body) + len(first) > LIMIT or b"\n" not in following

    @given(st.lists(st.binary(max_size=20)))
    def test_tfrecords(self, payloads):
        data = b"".join(map(tfrecord, payloads))
        assert bodies(data, "TFRecord", "SingleRecord") == payloads
        multi = bodies(data, "TFRecord", "MultiRecord")
        assert b"".join(multi) == data
        assert all(len(body) <= LIMIT for body in multi)

    @given(st.lists(st.lists(st.binary(max_size=8), min_size=1, max_size=3).map(MAGIC.join)))
    def test_recordio(self, payloads):
        data = b"".join(map(recordio, payloads))
        assert bodies(data, "RecordIO", "SingleRecord") == payloads
        multi = bodies(data, "RecordIO", "MultiRecord")
        assert b"".join(multi) == data
        assert all(len(body) <= LIMIT for body in multi)

    def test_an_object_that_is_not_split_is_one_request(self):
        assert bodies(b"1\n2\n", "None", "SingleRecord") == [b"1\n2\n"]
        assert bodies(b"", "None", "MultiRecord") == [b""]

    def test_an_empty_object_has_no_lines(self):
        assert bodies(b"", "Line", "MultiRecord") == []

    @pytest.mark.parametrize(
        ("kind", "data"),
        [
            ("None", bytes(LIMIT + 1)),
            ("Line", b"1\n" + bytes(LIMIT + 1) + b"\n2"),
            ("TFRecord", tfrecord(bytes(LIMIT))),
            ("RecordIO", recordio(bytes(LIMIT))),
            ("RecordIO", recordio(MAGIC.join([bytes(20)] * 4))),
        ],
    )
    @pytest.mark.parametrize("strategy", ["SingleRecord", "MultiRecord"])
    def test_a_record_that_is_too_large(self, kind, data, strategy):
        with pytest.raises(RecordError, match="Too much data for max payload size"):
            bodies(data, kind, strategy)

    @pytest.mark.parametrize("kind", ["TFRecord", "RecordIO"])
    def test_what_ends_too_early(self, kind):
        whole = {"TFRecord": tfrecord, "RecordIO": recordio}[kind](MAGIC.join([b"12345"] * 2))
        for end in range(1, len(whole)):
            with pytest.raises(RecordError, match=f"Failed to split the input into {kind} records"):
                bodies(whole[:end], kind, "SingleRecord")

    def test_what_is_not_of_the_format(self):
        with pytest.raises(RecordError, match="RecordIO records: no header"):
            bodies(b"1,2,3\n4,5,6\n", "RecordIO", "SingleRecord")


class TestDecompressing:
    @given(st.lists(st.binary(), min_size=1, max_size=3), st.integers(1, 30))
    def test_gzip(self, parts, chunk):
        packed = b"".join(gzip.compress(part) for part in parts)  # which is gzip, too
        found = records.decompressed(cut(packed, chunk), "Gzip")
        assert b"".join(found) == b"".join(parts)

    def test_what_is_not_compressed_stays_as_it_is(self):
        assert b"".join(records.decompressed(cut(b"1,2", 2), "None")) == b"1,2"

    @pytest.mark.parametrize("data", [b"1,2\n", PACKED[:-3], PACKED[:12] + b"\xff" * 12])
    def test_what_is_not_gzip(self, data):
        with pytest.raises(RecordError, match="Unable to decompress the input as Gzip"):
            list(records.decompressed(cut(data, 5), "Gzip"))

    def test_memory_is_that_of_a_chunk(self):
        packed = gzip.compress(bytes(50_000_000))
        assert max(map(len, records.decompressed(cut(packed, 65_536), "Gzip"))) <= 1 << 20


class TestAssembling:
    @pytest.mark.parametrize(
        ("body", "how", "end"),
        [
            (b"1", "Line", b"\n"),
            (b"1\n", "Line", b""),
            (b"", "Line", b"\n"),
            (b"1", "None", b""),
            (b"", "None", b""),
        ],
    )
    def test_a_line_ends_once(self, body, how, end):
        assert records.ended(body, how) == end
