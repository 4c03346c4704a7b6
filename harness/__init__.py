"""Amazon SageMaker in Docker on this machine, and one flow that runs there and on AWS.

`harness.LocalSession` is a SageMaker session on the local AWS; `harness.use_local_aws()`, or in a
notebook `%load_ext harness`, has this process use it. `python -m harness --help` lists the
commands.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if sys.version_info < (3, 11):  # noqa: UP036  # this is where it is said
    sys.exit(f"harness: Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")

if TYPE_CHECKING:
    from harness.notebook.extension import leave_local_aws as leave_local_aws
    from harness.notebook.extension import load_ipython_extension as load_ipython_extension
    from harness.notebook.extension import unload_ipython_extension as unload_ipython_extension
    from harness.notebook.extension import use_local_aws as use_local_aws
    from harness.session import LocalSession as LocalSession
    from harness.testing.containers import SageMaker as SageMaker

__all__ = ["LocalSession", "SageMaker", "leave_local_aws", "use_local_aws"]

# IPython looks for the last two in the package itself, by their names.
_NOTEBOOK = {
    "use_local_aws", "leave_local_aws", "load_ipython_extension", "unload_ipython_extension",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # The SDK takes seconds to import: only who asks for the session pays for it.
    if name == "LocalSession":
        from harness.session import LocalSession

        return LocalSession
    if name == "SageMaker":
        from harness.testing.containers import SageMaker

        return SageMaker
    if name in _NOTEBOOK:
        from harness.notebook import extension

        return getattr(extension, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
