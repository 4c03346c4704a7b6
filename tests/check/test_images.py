"""Whole checks, with SageMaker's own limits, of images that keep the contract: `tox -e check`.

They take a minute each, so they aren't among the tests that `make test-local` runs.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness import locks
from harness.check.inputs import Inputs
from harness.check.run import assert_contract, run
from harness.errors import BuildError
from harness.image import base, debian
from harness.image.context import files_below, tar_stream
from harness.image.wheels import wheelhouse

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
FLASK = Path(__file__).parent / "flask"
NGINX_BASE = "harness-check-nginx:base"
SECONDS = 60


@pytest.fixture
def gauss3(tmp_path):
    rows = (ROOT / "harness/flow/data/gauss3.csv").read_text().splitlines(keepends=True)
    (tmp_path / "train.csv").write_text("".join(rows[:187]))
    (tmp_path / "test.csv").write_text("".join(rows[187:]))
    return Inputs(
        train={"train": tmp_path / "train.csv", "test": tmp_path / "test.csv"},
        hyperparameters={
            "train-file": "train.csv",
            "test-file": "test.csv",
            "df": "20",
            "alpha": "1.0",
            "degree": "3",
        },
        payload=b"100\n",
        content_type="text/csv",
    )


@pytest.fixture(scope="module")
def flask_image(docker_client):
    """Debian's nginx and Python, with gunicorn and Flask."""
    with locks.held("build", BuildError, progress=print):
        if base.image_id(docker_client, NGINX_BASE) is None:
            packages = (*base.PACKAGES, "nginx-light")
            with debian.bootstrap(base.SUITE, packages, progress=print) as tar:
                repository, tag = NGINX_BASE.split(":")
                docker_client.api.import_image(tar, repository=repository, tag=tag)
        identity = base.image_id(docker_client, NGINX_BASE)
        assert identity is not None
        wheels = wheelhouse.ensure(
            FLASK / "requirements.txt", None, identity, docker_client, progress=print
        )
        files = files_below(FLASK)
        files |= {f"wheelhouse/{wheel.name}": wheel for wheel in wheels.glob("*.whl")}
        tag = "harness-check-flask:latest"
        log = docker_client.api.build(
            fileobj=tar_stream(files),
            custom_context=True,
            tag=tag,
            rm=True,
            forcerm=True,
            decode=True,
            buildargs={"BASE_IMAGE": NGINX_BASE},
            network_mode="none",
        )
        errors = [line["error"] for line in log if "error" in line]
        assert errors == []
    return tag


def nothing_is_wrong(results):
    wrong = [row.as_dict() for row in [*results.of("fail"), *results.of("warn")]]
    assert wrong == []
    not_tried = [row.check.name for row in results.of("not tried")]
    assert not_tried == ["serving/bind-to-port"]
    assert results.seconds < SECONDS


def test_our_image_keeps_the_contract(gam_image, gauss3):
    nothing_is_wrong(run(gam_image.name, gauss3))


def test_nginx_gunicorn_and_flask_keep_the_contract(flask_image, tmp_path):
    (tmp_path / "numbers.csv").write_text("1\n2\n3\n")
    inputs = Inputs({"train": tmp_path}, {"scale": "2.5"}, b"100\n", "text/csv")
    nothing_is_wrong(run(flask_image, inputs))


def test_an_assertion_names_what_fails(bare, tmp_path):
    begun = time.monotonic()
    with pytest.raises(AssertionError, match="image/serve: there is no ENTRYPOINT"):
        assert_contract(bare, payload=b"1", content_type="text/csv")
    assert time.monotonic() - begun < SECONDS


@pytest.fixture
def bare(docker_client):
    base.ensure(docker_client)
    return base.TAG
