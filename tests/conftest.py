"""What every test run needs."""

from __future__ import annotations

import gc

# Before 3.11.8, CPython's `ast` mixes up threads where the garbage collector runs in the middle of
# it ("AST constructor recursion depth mismatch", python/cpython issue 106905). pytest, werkzeug's
# routes and every traceback that is printed use it, here from many threads: let it run rarely, as
# the command line does.
gc.set_threshold(100_000, 50, 50)
