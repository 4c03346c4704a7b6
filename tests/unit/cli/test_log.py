"""A log on the console."""

import logging

from harness.cli.log import ConsoleHandler
from harness.console import Console


def test_a_log_says_which_of_its_lines_pass(on_terminal):
    console = Console()
    console.clock = "at noon"
    handler = ConsoleHandler(console)
    log = logging.getLogger("harness.tests.console")
    log.setLevel(logging.INFO)
    log.addHandler(handler)

    def write():
        log.info("job: %s", "1 of 2", extra={"passing": True})
        log.warning("lost")

    try:
        assert on_terminal(write) == "job: 1 of 2\r\x1b[Kat noon WARNING lost\n"
    finally:
        log.removeHandler(handler)
