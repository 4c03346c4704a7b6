"""Lines from the chunks that a container's output comes in."""

import pytest

from harness.local.engine import log_lines


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([], []),
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"on", b"e\nt", b"wo"], ["one", "two"]),
        ([b"\n\n"], ["", ""]),
        ([b"dos\r\n", b"end\r"], ["dos", "end"]),
        ([b"10%\r20%\r30%\n"], ["10%\r20%\r30%"]),
        ([b"\xff\xfe\x00\n"], ["\ufffd\ufffd\x00"]),
        (["ü".encode()[:1], "ü".encode()[1:] + b"\n"], ["ü"]),
    ],
)
def test_lines_are_cut_from_chunks(chunks, expected):
    assert list(log_lines.lines(chunks)) == expected


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("size", [1, 1000, 100_000_000])
def test_a_long_line_is_cut_between_characters(monkeypatch, size, end):
    monkeypatch.setattr(log_lines, "MAX_LOG_LINE", 10)
    text = "xaü日🙂" * 20
    whole = text.encode() + end
    chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
    pieces = list(log_lines.lines(chunks))
    assert "".join(pieces) == text
    assert max(len(piece.encode()) for piece in pieces) <= 10


def test_bytes_that_are_no_text_are_cut_too(monkeypatch):
    monkeypatch.setattr(log_lines, "MAX_LOG_LINE", 10)
    pieces = list(log_lines.lines([b"\x80" * 25]))
    assert "".join(pieces) == "\ufffd" * 25
    assert max(map(len, pieces)) <= 10


def test_what_comes_of_one_stream_cuts_no_line_of_the_other() -> None:
    frames: list[tuple[bytes | None, bytes | None]] = [
        (None, b"KeyError: 'rate'"), (b"reading the ", None), (b"data\n", None), (None, b"\n"),
        (b"no end", None), (None, b"nor here"),
    ]  # fmt: skip
    assert list(log_lines.lines_of_both(frames)) == [
        "reading the data", "KeyError: 'rate'", "no end", "nor here"
    ]  # fmt: skip
