"""The storage volume of an instance: what a job reads and writes has to fit into it.

No file system here has that size, so it is the sum of the files that counts.
"""

from __future__ import annotations

import threading

GB = 1 << 30


class FullVolumeError(Exception):
    """Files that don't fit, in AWS's words.

    No `OSError`: raised from within a stream to the engine, it would pass for a lost connection.
    """


class Volume:
    """The volume of one instance, of so many GB. Several threads may use it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left = size * GB
        self._lock = threading.Lock()

    def empty(self) -> Volume:
        """Another one of this size, with nothing in it yet."""
        return Volume(self._size)

    def take(self, size: int) -> None:
        """A file has so many bytes. Raises `FullVolumeError` where there is no room for it."""
        with self._lock:
            self._left -= size
            if self._left < 0:
                raise FullVolumeError(
                    f"Insufficient disk space: more than the {self._size} GB of VolumeSizeInGB."
                )
