"""What tests of the command line share."""

import os

import pytest

from tests import forked


@pytest.fixture
def harness(tmp_path):
    """Run `python -m harness` in an empty folder, with an environment that knows no AWS."""

    def harness(*arguments, **variables):
        home = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        env = kept | home | variables
        return forked.run(arguments, cwd=str(tmp_path), env=env, timeout=60)

    return harness
