"""`make torture`: attack the service from all sides, and say what came of it.

Everything runs on this machine, against a service and containers of its own, and all of it within
15 minutes. The status is 1 if anything but 0 stands in the table.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import docker

from harness.image import base
from tests.torture.attacks import ATTACKS
from tests.torture.service import Service
from tests.torture.tally import KINDS, Tally, table

PAGE = Path(__file__).parents[2] / "docs/reliability.md"
BEGIN, END = "<!-- figures of make torture -->\n", "<!-- end of the figures -->\n"
PROBE = Path(__file__).parents[1] / "integration/probe"


def main() -> int:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    seed = arguments.seed if arguments.seed is not None else random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    attacks = [each for each in ATTACKS if arguments.only in each.name]
    if not attacks:
        names = "".join(f"\n  {each.name}" for each in ATTACKS)
        print(f"no attack has {arguments.only!r} in its name; there are:{names}", file=sys.stderr)
        return 2
    image = _probe_image()
    tallies: list[Tally] = []
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="harness-torture-") as folder:
        service = Service(Path(folder))
        with service:
            for attack in attacks:
                print(f"{attack.name} …", flush=True)
                seconds = attack.short if arguments.short else attack.seconds
                if arguments.seconds is not None:
                    seconds = arguments.seconds
                tally = attack.against(service, image, seconds, seed=seed)
                tallies.append(tally)
                print("".join(f"  {line}\n" for line in tally.evidence), end="", flush=True)
        tallies.append(_end(service))
        if any(tally.evidence for tally in tallies):
            print(service.log.read_text()[-5_000:], file=sys.stderr)
    figures = table(tallies)
    print(f"\n{figures}\n{time.monotonic() - start:.0f} s")
    if arguments.write:
        _write(figures)
    return 1 if any(tally.wrong[kind] for tally in tallies for kind in KINDS) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a minute or two of it")
    parser.add_argument(
        "--only", metavar="WORDS", default="", help="attacks that have these in their name"
    )
    parser.add_argument("--seconds", type=float, help="of each attack, instead of its own time")
    parser.add_argument("--seed", type=int, help="of all that is chance, to have a run again")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    return parser.parse_args()


def _probe_image() -> str:
    client = docker.from_env()
    try:
        base.ensure(client)
        tag = "harness-probe:latest"
        client.images.build(
            path=str(PROBE), tag=tag, buildargs={"BASE_IMAGE": base.TAG}, rm=True, forcerm=True
        )
    finally:
        client.close()
    return tag


def _end(service: Service) -> Tally:
    """What the service has left, once it has ended as Ctrl-C ends it."""
    tally = Tally("after its end")
    tally.attempt()
    for each in service.left():
        tally.went_wrong("leftovers", each)
    return tally


def _write(figures: str) -> None:
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{figures}\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
