"""What is told of data on its way."""

import pytest

from harness.local.data import transfers
from harness.local.data.transfers import Transfer


@pytest.mark.parametrize(
    ("done", "expected", "words"),
    [
        (1_240_000_000, 2_000_000_000, "1.2 of 2.0 GB"),
        (0, 2_000_000_000, "0.0 of 2.0 GB"),
        (120_400_000, 512_000_000, "120 of 512 MB"),
        (12_000_000, None, "12 MB so far"),
        (2_500_000_000, None, "2.5 GB so far"),
    ],
)
def test_words(done, expected, words):
    transfer = Transfer("Downloading input data", lambda _: None)
    transfer.expect(expected)
    transfer.add(done)
    assert str(transfer) == f"Downloading input data: {words}"


def test_it_tells_once_a_second_from_the_first_second_on(clock):
    told: list[str] = []
    transfer = Transfer("Data", told.append)
    transfer.expect(100_000_000)
    for _ in range(10):
        clock(0.25)
        transfer.add(10_000_000)
    assert told == ["Data: 40 of 100 MB", "Data: 80 of 100 MB"]


def test_what_takes_less_than_a_second_is_not_told_of(clock):
    told: list[str] = []
    transfer = Transfer("Data", told.append)
    transfer.expect(2_000_000_000)
    clock(transfers.PERIOD - 0.01)
    transfer.add(2_000_000_000)
    assert told == []


def test_pieces_pass_and_count_when_the_next_is_asked_for():
    transfer = Transfer("Data", lambda _: None)
    pieces = transfer.counted(iter([b"x" * 1_000_000, b"y" * 2_000_000]))
    assert len(next(pieces)) == 1_000_000
    assert str(transfer) == "Data: 0 MB so far"
    assert len(next(pieces)) == 2_000_000
    assert str(transfer) == "Data: 1 MB so far"
    assert list(pieces) == []
    assert str(transfer) == "Data: 3 MB so far"


def test_one_size_that_nobody_knows_leaves_the_whole_unknown():
    transfer = Transfer("Data", lambda _: None)
    for size in (1_000_000, None, 2_000_000):
        transfer.expect(size)
    assert str(transfer) == "Data: 0 MB so far"
