"""A Python for the blocks of one page, one after the other, with the same names: as in a notebook.

It reads a JSON object a line (`environ`, `folder`, `text`, `where`, `line`), and answers each with
one: `error` is the traceback, or "". What a block prints goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    names: dict[str, Any] = {"__name__": "__main__"}
    for line in sys.stdin:
        asked = json.loads(line)
        os.environ.clear()
        os.environ.update(asked["environ"])
        os.chdir(asked["folder"])
        error = ""
        try:
            # Blank lines before it, so that a traceback has the page's line numbers.
            text = "\n" * asked["line"] + asked["text"]
            exec(compile(text, asked["where"], "exec"), names)
        except BaseException:  # noqa: BLE001 - whatever it is, it is told
            error = traceback.format_exc()
        print(json.dumps({"error": error}), file=answers, flush=True)


if __name__ == "__main__":
    main()
