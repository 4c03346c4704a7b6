"""How much memory this process may take: a last resort against what no other bound has foreseen.

Without it, the kernel would end this process, or another one, when the machine's memory ends. With
it, the request or the job that asks for too much fails.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "HARNESS_MEMORY_LIMIT"
"""The limit in MB; 0 is none."""

SHARE = 0.75
"""Of the memory that there is."""

LEAST_MB = 4096
"""That the local AWS needs at its busiest: stacks count, 8 MB for each of some hundred threads,
though next to nothing of them is in use."""

FEWEST_MB = 200
"""That the local AWS can be told to do with: with fewer it doesn't even start."""

MOST_MB = 999_999_999

_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def limit() -> int:
    """Limit this process to what HARNESS_MEMORY_LIMIT says, or else a share of the memory.

    Only what it allocates counts, not what it maps of files. Returns the limit in MB, 0 if there is
    none. A tighter one that it has already stays.

    Raises:
        ConfigError: the variable isn't a number, or is too small.
    """
    megabytes = asked(os.environ)
    if not megabytes:
        return 0
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    known = [each for each in (megabytes << 20, soft, hard) if each != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(known), hard))
    return min(known) >> 20


def exhausted() -> str:
    """What is said where memory has ended."""
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if soft == resource.RLIM_INFINITY:
        return "there is no more memory"
    return f"the local AWS has reached its memory limit of {soft >> 20} MB ({VARIABLE})"


def asked(environ: Mapping[str, str]) -> int:
    """The limit in MB that the variable says, or that there is without it. Raises `ConfigError`."""
    text = environ.get(VARIABLE)
    if not text:
        return max(LEAST_MB, int(_there_is() * SHARE) >> 20)
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MOST_MB)):
        raise ConfigError(f"{VARIABLE}: {text[:50]!r} is not a number of MB, nor 0 for no limit.")
    megabytes = int(text)
    if 0 < megabytes < FEWEST_MB:
        raise ConfigError(
            f"{VARIABLE}: {megabytes} MB are too few for the local AWS; give {FEWEST_MB} or more, "
            "or 0 for no limit."
        )
    return megabytes


def _there_is() -> int:
    """Bytes of this machine, or of the container that this runs in."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in _CGROUPS:
        try:
            found.append(int(Path(name).read_text(encoding="ascii")))
        except (OSError, ValueError):  # none, or "max"
            continue
    return min(found)
