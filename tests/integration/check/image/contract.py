"""The program of the image: `contract.py train` or `contract.py serve`. Standard library only.

It keeps every rule of SageMaker's container contract, but for the one that BREAK names.
"""

from __future__ import annotations

import os
import socket
import sys

BREAK = os.environ.get("BREAK", "")


def need_network() -> None:
    """Fail where no route leads out; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("192.0.2.1", 9))


if __name__ == "__main__":
    argument = sys.argv[1] if len(sys.argv) > 1 else ""
    if BREAK == "training/argument" and argument != "serve":
        argument = "" if argument == "train" else "train"
    if argument == "train":
        import training

        training.main()
    elif argument == "serve":
        import serving

        serving.main()
    else:
        sys.exit("give me something to do")
