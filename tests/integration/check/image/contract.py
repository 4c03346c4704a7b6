"""The program of the image: `contract.py train` or `contract.py serve`. Standard library only.

It keeps every rule of SageMaker's container contract, but for the one that BREAK names.
"""

from __future__ import annotations

import os
import sys

BREAK = os.environ.get("BREAK", "")


if __name__ == "__main__":
    argument = sys.argv[1] if len(sys.argv) > 1 else ""
    if BREAK == "training/argument" and argument != "serve":
        argument = "" if argument == "train" else "train"
    if argument == "train":
        import contract_train

        contract_train.main()
    elif argument == "serve":
        import contract_serve

        contract_serve.main()
    else:
        sys.exit("give me something to do")
