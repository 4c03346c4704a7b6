"""Process 1 of the container: `docker run IMAGE train` or `docker run IMAGE serve`.

SageMaker passes one of these two words, or replaces the entry point altogether
(`ContainerEntrypoint`), so nothing else is accepted here.
"""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn


def main(arguments: list[str]) -> int:
    """Run one of the two commands; the exit status (2: neither of them)."""
    # The kernel drops signals that process 1 has no handler for, so there is one from the start.
    signal.signal(signal.SIGTERM, _terminate)
    if arguments == ["serve"]:
        from serving import server

        return server.main()
    if arguments == ["train"]:
        os.environ.setdefault("SAGEMAKER_TRAINING_MODULE", "training:main")
        import later

        later.trainer().train()  # ends the process, with the exit status that SageMaker expects
        return 0
    given = " ".join(arguments) or "nothing"
    print(f"This image takes one argument, train or serve, and was given {given}.", file=sys.stderr)
    return 2


def _terminate(signum: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + signum)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
