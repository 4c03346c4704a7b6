"""In place of paramiko, which `sagemaker-training` imports at its start whatever it runs.

It logs in to other hosts with it for the sake of MPI. This image has neither MPI nor SSH, so the
name is all it needs here; paramiko and what it brings along take 25 MB. An installed paramiko comes
before this, as a package does before a module.
"""

from __future__ import annotations

from typing import NoReturn


def __getattr__(name: str) -> NoReturn:
    if name.startswith("__"):  # what Python asks of any module
        raise AttributeError(name)
    raise ImportError(f"paramiko.{name}: this image has no paramiko; install it to use it.")
