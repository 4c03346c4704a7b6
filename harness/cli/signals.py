"""Ctrl-C and its kin: one of them unwinds what runs, so that everything is torn down."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

from harness.cli.output import say
from harness.console import Needed

if TYPE_CHECKING:
    from types import FrameType


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM, or a terminal that is gone."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum

    def __str__(self) -> str:
        return f"interrupted by {signal.Signals(self.signum).name}"


class Signals:
    """Ctrl-C, SIGTERM and SIGHUP, as an exception that tears down what runs.

    Once is enough: a second signal only says that tear-down is under way, and a third gives up on
    it (the next start removes what is then left).
    """

    def __init__(self) -> None:
        self._count = 0
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # else it is `nohup`'s wish
            numbers.append(signal.SIGHUP)
        self._before = {
            number: signal.signal(number, self._receive)
            for number in numbers
            if threading.current_thread() is threading.main_thread()
        }

    def restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def wait(self, words: str = "") -> None:
        """Say the words, and wait for a signal; from the first one on, it is a wish to go on."""
        # `signal.pause` would miss one that comes just before it, or to another thread.
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        before = signal.set_wakeup_fd(writer)
        try:
            if words:
                say(words)
            while True:
                os.read(reader, 1)
        except Interrupted:
            say("Tearing down ...")
        finally:
            signal.set_wakeup_fd(before)
            os.close(reader)
            os.close(writer)

    def _receive(self, number: int, _: FrameType | None) -> None:
        self._count += 1
        if self._count == 2:
            say(Needed("Tearing down already; once more to leave it undone."))
        else:
            raise Interrupted(number)
