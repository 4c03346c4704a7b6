"""Requests, and who wants none for a moment."""

import threading

from harness.local.state.turns import Turns


def test_who_is_alone_waits_for_requests_and_lets_none_in():
    turns, said = Turns(), []
    begun, end, alone = threading.Event(), threading.Event(), threading.Event()

    def request():
        with turns.request():
            begun.set()
            end.wait(10)
            said.append("request")

    def be_alone():
        with turns.alone():
            said.append("alone")
            alone.set()
            later.start()
            later.join(0.05)
            said.append("still alone")

    def later_request():
        with turns.request():
            said.append("later")

    later = threading.Thread(target=later_request)
    threads = [threading.Thread(target=each) for each in (request, be_alone)]
    threads[0].start()
    begun.wait(10)
    threads[1].start()
    assert not alone.wait(0.05)
    end.set()
    for thread in threads:
        thread.join(10)
    later.join(10)
    assert said == ["request", "alone", "still alone", "later"]
