"""A container's output: cut into lines, and the line that says why it has failed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_LOG_LINE = 262_144
"""Bytes of one log line; a longer one is cut in pieces, as CloudWatch Logs' events are limited."""


def lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Cut a container's output into lines, without their line ends."""
    return lines_of_both((chunk, None) for chunk in chunks)


def lines_of_both(chunks: Iterable[tuple[bytes | None, bytes | None]]) -> Iterator[str]:
    """The same of stdout and stderr: a line of one isn't cut by what comes of the other."""
    streams = _Stream(), _Stream()
    for both in chunks:
        for stream, chunk in zip(streams, both, strict=True):
            if chunk:
                yield from stream.add(chunk)
    for stream in streams:
        yield from stream.end()


class _Stream:
    """What has come of a stream, and is no whole line yet."""

    def __init__(self) -> None:
        self._rest = b""

    def add(self, chunk: bytes) -> Iterator[str]:
        """The lines that end in the chunk."""
        *ended, rest = (self._rest + chunk).split(b"\n")
        *pieces, self._rest = _cut(rest)
        for line in ended:
            for piece in _cut(line.rstrip(b"\r")):
                yield piece.decode("utf-8", "replace")
        for piece in pieces:
            yield piece.decode("utf-8", "replace")

    def end(self) -> Iterator[str]:
        """What has no end."""
        if self._rest:
            yield self._rest.rstrip(b"\r").decode("utf-8", "replace")


def _cut(line: bytes) -> list[bytes]:
    """The line in pieces of `MAX_LOG_LINE` bytes at most, with no UTF-8 character cut apart."""
    if len(line) <= MAX_LOG_LINE:
        return [line]
    pieces = []
    while len(line) > MAX_LOG_LINE:
        at = MAX_LOG_LINE
        while at > MAX_LOG_LINE - 4 and line[at] & 0xC0 == 0x80:
            at -= 1
        pieces.append(line[:at])
        line = line[at:]
    return [*pieces, line]


KEPT = 50
"""Lines after one that tells of an error, in which that is still what counts."""

NEAR = 20
"""Lines, besides those of tracebacks, for which a sentence explains an exception without words."""

MAX_LINE = 1000
"""Characters of a line that are looked at."""

MAX_WORDS = 400
"""Characters of last words."""

_PING = re.compile(
    r"\b(?:GET|HEAD)\b\W{1,12}(?:https?://[^/\s]+)?/ping\b"
    r"|\b(?:path|uri|url|target)[\"']?\s*[=:]\s*[\"']?/ping\b"
)

# A word that begins as a name does ends in Error, or a logger's level says so. What is followed by
# a number is a metric.
_ERROR = re.compile(
    r"\b[A-Z]\w*(?:Error|Exception)\b"
    r"|(?<![\w-])(?:Error|Exception|error|fatal|panic|panicked)\b(?!\w|\s*[=:]?\s*[-+.\d])"
    r"(?=:|\s(?:in|while|at|on|when)\b)"
    r"|\b(?:ERROR|FATAL|CRITICAL|SEVERE|PANIC)\b(?!\s*[=:]\s*[-+.\d])"
    r"|\[(?:error|crit|alert|emerg|fatal)\]"
    r"|\blevel[\"']?\s*[=:]\s*[\"']?(?:error|fatal|critical|panic)\b"
)

_EPILOGUE = re.compile(
    r"(?i)\bworkers?\b|shutting down|\bexit(?:ed|ing|_code| code| status)?\b|terminated"
    r"|reporting training failure"
)
"""What servers and toolkits say, as of an error, when something else has ended."""

_OF_AN_EXCEPTION = re.compile(
    r"(?i)\bexception\b(?:\s(?:in|on|while|during|occurred)\b[^:]*)?[.:]?$"
)
"""The end of a line that tells only that there is an exception."""

_WORD = re.compile(r"(?<!\S)[\"'(\[]*[A-Za-z][\w'\u2019-]*[\"')\].,:;!?]*(?!\S)")
_NAME = re.compile(r"\b[A-Z]\w*(?:Error|Exception)\b")

_TRACEBACK = "Traceback (most recent call last):"

_CHAIN = (
    "During handling of the above exception",
    "The above exception was the direct cause",
)


def is_of_ping(line: str) -> bool:
    """Whether it is the line of a server's log about one of SageMaker's health checks."""
    return "/ping" in line and _PING.search(line[:MAX_LINE]) is not None


class LastWords:
    """What a container's log says of why it failed, as far as one line can.

    That is the exception of a traceback, behind the line that a logger has put before that, or the
    last line that tells of an error, if it is among the last `KEPT`; otherwise the last line. An
    exception without words, `KeyError: 118`, stands behind the last sentence about an error that is
    `NEAR`. Lines that pings have caused don't count, unless there are no others: then what a server
    says of an error, that it doesn't reach what is behind it for instance, rather than that there
    was a ping.
    """

    def __init__(self) -> None:
        self._last = ""
        self._of_ping = ""
        self._error = ""
        self._since = 0
        """Lines that have followed it."""
        self._goes_on = False
        """Whether the next line belongs to it."""
        self._indent: int | None = None
        """Where a traceback begins in its lines, while there is one."""
        self._head = ""
        """The line before it, if that tells of an error."""
        self._chained = False
        self._sentence = ""
        """The last line that tells of an error in words."""
        self._since_sentence = 0
        """Lines that have followed it, without those of tracebacks."""

    def add(self, line: str) -> None:
        """Take in the log's next line."""
        text = line[:MAX_LINE].rstrip()
        if not text.strip():
            return
        if is_of_ping(text):
            if _ERROR.search(text) or not _ERROR.search(self._of_ping):
                self._of_ping = text.strip()
            return
        self._since += 1
        self._since_sentence += self._indent is None
        if text.startswith(_CHAIN):
            self._chained = True
            return
        if _TRACEBACK in text:
            self._begin_traceback(text)
        elif self._indent is not None:
            self._read_traceback(text[self._indent :])
        elif self._goes_on:
            self._note(self._explained(f"{self._error} {text.strip()}", ""))
        elif not text[0].isspace() and _ERROR.search(text) and not self._is_epilogue(text):
            self._note(self._explained(text, ""))
        self._last = text.strip()

    def _begin_traceback(self, text: str) -> None:
        if not self._chained:
            self._head = self._last if _ERROR.search(self._last) else ""
        self._indent, self._chained = text.index(_TRACEBACK), False

    def _read_traceback(self, text: str) -> None:
        if not text or text[0].isspace():  # a frame
            return
        self._indent = None
        self._note(self._explained(text, self._head))

    def _is_epilogue(self, text: str) -> bool:
        return bool(self._error and self._since <= KEPT and _EPILOGUE.search(text))

    def _explained(self, text: str, head: str) -> str:
        """The line behind its head, or behind the last sentence if neither says anything."""
        if _is_sentence(head) or _is_sentence(text):
            self._sentence, self._since_sentence = head if _is_sentence(head) else text, 0
        elif _is_bare(text) and self._sentence and self._since_sentence <= NEAR:
            head = self._sentence
        if text in head or not head:
            return head or text
        return f"{head.rstrip(':.')}: {text}"

    def _note(self, text: str) -> None:
        self._goes_on = text.endswith(":") and not self._goes_on
        self._error, self._since = text.strip(), 0

    def __str__(self) -> str:
        """The words; empty if the log is."""
        text = self._error if self._tells_of_error else self._last or self._of_ping
        return text[:MAX_WORDS]

    @property
    def _tells_of_error(self) -> bool:
        return bool(self._error) and self._since <= KEPT

    @property
    def said(self) -> str:
        """The words with what they are; empty if the log is."""
        words = str(self)
        if not words:
            return ""
        is_last = words in (self._last[:MAX_WORDS], "") or not self._tells_of_error
        return f"its last log line: {words}" if is_last else f"its log says: {words}"


def _is_sentence(text: str) -> bool:
    """Whether a line that tells of an error says in words what it is."""
    return not (_EPILOGUE.search(text) or _OF_AN_EXCEPTION.search(text)) and _words(text) > 2


def _is_bare(text: str) -> bool:
    """Whether it is an exception without words; what a `KeyError` has is a value."""
    return _words(text) < (3 if "KeyError" in text else 1)


def _words(text: str) -> int:
    """The words that follow the exception's name, or the level."""
    sign = _ERROR.search(text)
    said = text[sign.end() :] if sign else text.partition(":")[2]
    return len(_WORD.findall(_NAME.sub(" ", re.sub(r"[{}\",]", " ", said))))
