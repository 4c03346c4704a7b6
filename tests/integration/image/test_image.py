"""Images really built: what a change costs, what a failure says, what is left of either."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import textwrap
import time
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import docker
import pytest
import requests
from docker.errors import APIError, ImageNotFound

from harness.config import loading
from harness.errors import BuildError
from harness.image import base as base_image
from harness.image import build, names, prune

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from docker import DockerClient

    from harness.config.settings import Settings

pytestmark = pytest.mark.docker

DOCKERFILE = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE} AS builder
COPY requirements/ /requirements/
RUN echo built > /made

FROM ${BASE_IMAGE}
COPY --from=builder /made /made
COPY serving/ /serving/
COPY code/ /opt/ml/code/
"""


@pytest.fixture
def settings(tmp_path: Path, docker_client: DockerClient) -> Iterator[Settings]:
    """A project of its own with a two-stage Dockerfile and no wheels, so it builds in a second."""
    name = f"harness-test-{uuid.uuid4().hex[:8]}"
    files = {
        "harness.toml": f"[image]\nname = '{name}'\n",
        "container/Dockerfile": DOCKERFILE,
        "container/requirements/list": "nothing\n",
        "container/serving/app.py": "",
        "container/code/model_logic.py": "print('one')\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    made = loading.load(tmp_path / "harness.toml", {})
    yield made
    prune.prune(made, docker_client, keep=0)
    assert layers_of_ours(docker_client, made) == []


def layers_of_ours(client: DockerClient, settings: Settings) -> list[str]:
    label = f"{names.NAME_LABEL}={settings.image.name}"
    return [str(found.id) for found in client.images.list(all=True, filters={"label": label})]


def edit(settings: Settings, text: str, path: str = "code/model_logic.py") -> None:
    (settings.root / "container" / path).write_text(text)


def layers(client: DockerClient, built: build.BuiltImage) -> list[str]:
    return list(client.images.get(built.id).attrs["RootFS"]["Layers"])


def test_a_second_build_builds_nothing(settings: Settings, docker_client: DockerClient) -> None:
    said: list[str] = []
    first = build.build(settings, docker_client, progress=said.append)
    assert first.built
    assert first.seconds > 0
    assert f"building {first.name}" in said

    said.clear()
    second = build.build(settings, docker_client, progress=said.append)
    assert second == build.BuiltImage(first.name, first.id, 0.0, built=False)
    assert said == []


@pytest.mark.slow
def test_changed_code_changes_the_last_layer_only(
    settings: Settings, docker_client: DockerClient
) -> None:
    before = build.build(settings, docker_client, progress=print)
    edit(settings, "print('two')\n")
    said: list[str] = []
    after = build.build(settings, docker_client, progress=said.append)

    assert after.name != before.name
    old, new = layers(docker_client, before), layers(docker_client, after)
    assert old[:-1] == new[:-1]
    assert old[-1] != new[-1]
    assert not [line for line in said if "RUN" in line]


@pytest.mark.slow
def test_going_back_costs_nothing(settings: Settings, docker_client: DockerClient) -> None:
    first = build.build(settings, docker_client, progress=print)
    edit(settings, "print('two')\n")
    build.build(settings, docker_client, progress=print)
    edit(settings, "print('one')\n")
    assert not build.build(settings, docker_client, progress=print).built
    assert build.build(settings, docker_client, progress=print).id == first.id


@pytest.mark.slow
def test_a_failing_step_is_told_in_one_sentence(
    settings: Settings, docker_client: DockerClient
) -> None:
    edit(settings, DOCKERFILE + "RUN echo no compiler here && exit 7\n", "Dockerfile")
    with pytest.raises(BuildError) as caught:
        build.build(settings, docker_client, progress=print)
    assert "RUN echo no compiler here" in str(caught.value)
    assert "returned a non-zero code: 7" in str(caught.value)
    assert str(caught.value).endswith("It said: no compiler here")
    assert docker_client.images.list(name=settings.image.name) == []
    label = f"{names.NAME_LABEL}={settings.image.name}"
    assert containers(docker_client, label=label) == []


def test_a_dockerfile_that_is_none(settings: Settings, docker_client: DockerClient) -> None:
    edit(settings, "FROM ${BASE_IMAGE\nBAKE\n", "Dockerfile")
    with pytest.raises(BuildError, match=r"BAKE|BASE_IMAGE"):
        build.build(settings, docker_client, progress=print)


@pytest.mark.slow
def test_a_base_image_that_is_nowhere(settings: Settings, docker_client: DockerClient) -> None:
    section = settings.image.model_copy(update={"base": "harness-nowhere.invalid/base:1"})
    with pytest.raises(BuildError, match=r"harness-nowhere\.invalid/base:1 can't be pulled"):
        build.build(settings.model_copy(update={"image": section}), docker_client, progress=print)


DEVICES = "import socket; print(*(name for _, name in socket.if_nameindex()))"


def with_image(settings: Settings, **changed: Any) -> Settings:
    section = settings.image.model_copy(update=changed)
    return settings.model_copy(update={"image": section})


@pytest.mark.slow
@pytest.mark.parametrize("how", ["a wheelhouse", "none"])
def test_the_build_has_no_network(
    settings: Settings, docker_client: DockerClient, how: str
) -> None:
    edit(settings, DOCKERFILE + f'RUN python3 -c "{DEVICES}" && false\n', "Dockerfile")
    if how == "none":
        settings = with_image(settings, network="none")
    else:
        edit(settings, "", "requirements.txt")
    with pytest.raises(BuildError, match=r"It said: lo$"):
        build.build(settings, docker_client, progress=print)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["no wheelhouse", "default"])
def test_the_build_has_the_engines_network_where_it_may_need_it(
    settings: Settings, docker_client: DockerClient, how: str
) -> None:
    edit(settings, DOCKERFILE + f'RUN python3 -c "{DEVICES}" && false\n', "Dockerfile")
    if how == "default":
        settings = with_image(settings, network="default")
        edit(settings, "", "requirements.txt")
    with pytest.raises(BuildError, match=r"It said: .*\beth0\b"):
        build.build(settings, docker_client, progress=print)


@pytest.mark.slow
def test_a_layer_that_goes_while_the_engine_looks_for_one_stops_no_build(
    settings: Settings, docker_client: DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = {"error": 'unable to find image "sha256:0123"'}
    answers: Iterator[Any] = iter([lambda **_: iter([lost]), docker_client.api.build])
    monkeypatch.setattr(docker_client.api, "build", lambda **given: next(answers)(**given))
    assert build.build(settings, docker_client, progress=print).built


@pytest.mark.slow
def test_superseded_images_go_but_a_few(settings: Settings, docker_client: DockerClient) -> None:
    built = []
    for number in range(5):
        edit(settings, f"print({number})\n")
        built.append(build.build(settings, docker_client, progress=print).name)
    found = docker_client.images.list(name=settings.image.name)
    left = {tag for kept in found for tag in kept.tags}
    assert left == set(built[-3:])


@pytest.mark.slow
def test_superseded_images_go_in_the_order_of_their_last_use(
    settings: Settings, docker_client: DockerClient
) -> None:
    """The oldest may be what somebody has gone back to, or what another checkout is at."""
    built = []
    for number in (0, 1, 2, 0, 3):
        edit(settings, f"print({number})\n")
        built.append(build.build(settings, docker_client, progress=print).name)
    found = docker_client.images.list(name=settings.image.name)
    left = {tag for kept in found for tag in kept.tags}
    assert left == set(built) - {built[1]}


@pytest.mark.slow
def test_an_image_in_use_stays(settings: Settings, docker_client: DockerClient) -> None:
    used = build.build(settings, docker_client, progress=print)
    container = docker_client.containers.create(used.name, "true")
    try:
        prune.prune(settings, docker_client, keep=0)
        assert docker_client.images.get(used.name).id == used.id
    finally:
        container.remove(force=True)


@pytest.mark.slow
def test_an_image_that_goes_while_it_is_looked_at_stops_no_pruning(
    settings: Settings, docker_client: DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build.build(settings, docker_client, progress=print)
    images, gone = docker_client.api.images, {"Id": "sha256:" + "0" * 64}
    monkeypatch.setattr(docker_client.api, "images", lambda **which: [gone, *images(**which)])
    assert prune.prune(settings, docker_client, keep=0) == [built.name]


@pytest.mark.slow
def test_only_ours_is_pruned(settings: Settings, docker_client: DockerClient) -> None:
    """Neither a dangling image of somebody else's, nor one that took our repository's name."""
    foreign = imported(docker_client, settings.image.name, "theirs")
    dangling = imported(docker_client, settings.image.name, "moved")
    moved = imported(docker_client, settings.image.name, "moved")  # which leaves `dangling` bare
    try:
        build.build(settings, docker_client, progress=print)
        prune.prune(settings, docker_client, keep=0)
        for theirs in (foreign, dangling, moved):
            assert docker_client.images.get(theirs)
    finally:
        for theirs in (foreign, dangling, moved):
            docker_client.images.remove(theirs, force=True)


def imported(client: DockerClient, repository: str, tag: str) -> str:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        entry = tarfile.TarInfo(f"{tag}-{uuid.uuid4().hex}")
        tar.addfile(entry)
    client.api.import_image(content.getvalue(), repository=repository, tag=tag)
    return str(client.images.get(f"{repository}:{tag}").id)


@pytest.mark.slow
def test_a_killed_build_leaves_nothing_that_the_next_does_not_remove(
    settings: Settings, docker_client: DockerClient
) -> None:
    edit(settings, DOCKERFILE + "RUN sleep 300\n", "Dockerfile")
    label = f"{names.NAME_LABEL}={settings.image.name}"
    build_and_kill(settings, lambda: "running" in containers(docker_client, label=label))
    # The engine's own doing.
    until(lambda: containers(docker_client, label=label) == [])

    edit(settings, DOCKERFILE, "Dockerfile")
    built = build.build(settings, docker_client, progress=print)
    assert built.built


@pytest.mark.slow
def test_a_container_that_a_killed_build_had_fetch_wheels_is_removed_by_the_next(
    settings: Settings, docker_client: DockerClient, bare_image: str
) -> None:
    hangs = f"{settings.image.name}-hangs"  # its python3 answers to nothing
    dockerfile = (
        f"FROM {bare_image}\n"
        "RUN printf '#!/bin/sh\\nexec sleep 300' > /python3 && chmod +x /python3\n"
        "ENV PATH=/:$PATH\n"
    )
    docker_client.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=hangs, rm=True)
    try:
        edit(settings, "", "requirements.txt")
        build_and_kill(
            settings,
            lambda: "running" in containers(docker_client, ancestor=hangs),
            HARNESS_IMAGE_BASE=hangs,
        )
        assert containers(docker_client, ancestor=hangs) == ["running"]

        (settings.root / "container/requirements.txt").unlink()
        assert build.build(settings, docker_client, progress=print).built
        assert containers(docker_client, ancestor=hangs) == []
    finally:
        docker_client.images.remove(hangs, force=True)


@pytest.mark.slow
def test_clean_takes_no_layers_of_a_build_that_runs(
    settings: Settings, docker_client: DockerClient
) -> None:
    """Between two steps nothing uses them yet."""
    edit(settings, DOCKERFILE.replace("COPY code", "RUN true\nCOPY code"), "Dockerfile")
    seen: list[list[str]] = []

    def progress(line: str) -> None:
        if line.startswith("Step 8/"):  # step 7 has made a layer
            seen.append(layers_of_ours(docker_client, settings))
            assert prune.clean(settings, docker_client) == []
            seen.append(layers_of_ours(docker_client, settings))

    built = build.build(settings, docker_client, progress=progress)
    assert built.built
    before, after = seen
    assert set() < set(before) <= set(after)  # meanwhile the build goes on


def build_and_kill(settings: Settings, when: Callable[[], bool], **variables: str) -> None:
    """Build in a process of its own, which is killed as soon as `when` holds."""
    program = """
        import os, sys
        from pathlib import Path
        from harness.config import loading
        from harness.image import build, docker_engine
        build.build(loading.load(Path(sys.argv[1]), os.environ), docker_engine.connect())
    """
    killed = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(settings.root / "harness.toml")],
        env={**os.environ, **variables},
    )
    try:
        until(when)
    finally:
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait(10)


def containers(client: DockerClient, **filters: str) -> list[str]:
    """The states of the containers; the classic builder passes an image's labels on to its own."""
    found: list[Any] = client.api.containers(all=True, filters=filters)
    return [container["State"] for container in found]


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it didn't come to that"
        time.sleep(0.05)


@pytest.mark.slow
def test_two_builds_at_once_are_one(settings: Settings, docker_client: DockerClient) -> None:
    program = """
        import sys
        from pathlib import Path
        from harness.config import loading
        from harness.image import build, docker_engine
        settings = loading.load(Path(sys.argv[1]), {})
        built = build.build(settings, docker_engine.connect(), progress=str)
        print(built.built, built.id)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(settings.root / "harness.toml")]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [racer.communicate(timeout=120)[0].split() for racer in racers]
    assert sorted(flag for flag, _ in said) == ["False", "True"]
    assert said[0][1] == said[1][1]


def test_any_dockerfile_with_no_file_of_ours(
    settings: Settings, docker_client: DockerClient, bare_image: str
) -> None:
    (settings.root / "docker").mkdir()
    (settings.root / "docker/Other").write_text(
        f"ARG FROM_IMAGE={bare_image}\nFROM $FROM_IMAGE AS first\nARG WORD=none\n"
        "RUN echo $WORD > /word\nCOPY container/code/ /code/\n\nFROM first AS second\nRUN false\n"
    )
    given = {"context": ".", "dockerfile": "docker/Other", "target": "first"}
    one = build.build(with_image(settings, **given), docker_client, progress=print)
    given["build_args"] = {"WORD": "hello"}  # type: ignore[assignment]
    other = build.build(with_image(settings, **given), docker_client, progress=print)

    assert one.name != other.name
    for built, word in ((one, b"none"), (other, b"hello")):
        said = docker_client.containers.run(built.id, "cat /word", remove=True)
        assert said.strip() == word
    labels = docker_client.images.get(one.id).labels
    assert labels[names.PROJECT_LABEL] == names.project_id(settings.root)


def test_an_image_that_exists_is_taken_as_it_is(
    settings: Settings, docker_client: DockerClient, bare_image: str
) -> None:
    theirs = with_image(settings, uri=bare_image)
    assert build.build(theirs, docker_client, progress=pytest.fail) == build.BuiltImage(
        bare_image, str(docker_client.images.get(bare_image).id), 0.0, built=False
    )


def test_an_image_that_does_not_exist(settings: Settings, docker_client: DockerClient) -> None:
    nowhere = with_image(settings, uri="harness-nowhere.invalid/mine:1")
    with pytest.raises(
        BuildError, match=r"nowhere\.invalid/mine:1 can't be pulled: .*`docker images`"
    ):
        build.build(nowhere, docker_client, progress=print)


def test_a_dockerfile_of_nothing(settings: Settings, docker_client: DockerClient) -> None:
    edit(settings, "RUN true\n", "Dockerfile")
    with pytest.raises(BuildError, match=r"/container/Dockerfile has no FROM\.$"):
        build.build(settings, docker_client, progress=print)


@pytest.mark.slow
def test_projects_of_one_name_leave_each_others_images_alone(
    settings: Settings, docker_client: DockerClient, tmp_path: Path
) -> None:
    shutil.copytree(settings.root / "container", tmp_path / "other/container")
    other = settings.model_copy(update={"root": tmp_path / "other"})
    edit(other, "print('theirs')\n")
    try:
        theirs = build.build(other, docker_client, progress=print)
        stages = docker_client.images.list(name=names.stage_name(other))
        for number in range(5):
            edit(settings, f"print({number})\n")
            build.build(settings, docker_client, progress=print)
        prune.prune(settings, docker_client, keep=0)

        assert docker_client.images.get(theirs.name).id == theirs.id
        assert stages == docker_client.images.list(name=names.stage_name(other))
        assert not build.build(other, docker_client, progress=print).built
    finally:
        prune.prune(other, docker_client, keep=0)


def test_layers_that_a_build_elsewhere_may_be_at_stay_for_a_day(
    settings: Settings, docker_client: DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's, or another container's, which our lock doesn't hold off."""
    dockerfile = f'FROM scratch\nLABEL {names.NAME_LABEL}="{settings.image.name}"\n'
    layer, _ = docker_client.images.build(fileobj=io.BytesIO(dockerfile.encode()), rm=True)
    prune.prune(settings, docker_client)
    assert docker_client.images.get(str(layer.id))
    monkeypatch.setattr(prune, "LAYER_AGE", timedelta(0))
    prune.prune(settings, docker_client)
    with pytest.raises(ImageNotFound):
        docker_client.images.get(str(layer.id))


@pytest.mark.slow
def test_a_stage_that_is_replaced_goes_at_once(
    settings: Settings, docker_client: DockerClient
) -> None:
    build.build(settings, docker_client, progress=print)
    (before,) = docker_client.images.list(name=names.stage_name(settings))
    edit(settings, "something\n", "requirements/list")
    build.build(settings, docker_client, progress=print)
    (after,) = docker_client.images.list(name=names.stage_name(settings))
    assert before.id != after.id
    with pytest.raises(ImageNotFound):
        docker_client.images.get(str(before.id))


@pytest.mark.slow
def test_no_password_of_a_proxy_stays_in_an_image(
    settings: Settings, docker_client: DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build that isn't offline gets the user's proxies, as the engine's own client gives them."""
    proxies = {"default": {"httpProxy": "http://user:a-password@proxy.invalid:3128"}}
    (tmp_path / "config.json").write_text(json.dumps({"proxies": proxies}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    client = docker.from_env()
    try:
        built = build.build(settings, client, progress=print)
        image = client.images.get(built.id)
        assert "a-password" not in json.dumps([image.history(), image.attrs])
    finally:
        client.close()


@pytest.mark.slow
@pytest.mark.parametrize("call", ["images", "tag"])
@pytest.mark.parametrize(
    "raised", [requests.ReadTimeout("timed out"), APIError("busy"), OSError("gone")]
)
def test_housekeeping_fails_no_build(
    settings: Settings,
    docker_client: DockerClient,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    raised: Exception,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise raised

    said: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(docker_client.api, call, fail)
        built = build.build(settings, docker_client, progress=said.append)

    assert built.built
    assert docker_client.images.get(built.name).id == built.id
    assert said[-1] == f"older images were left where they are; the engine says: {raised}"


# What a model or a training script may import, whether or not ours does.
PUBLIC = """
import importlib, pkgutil
import numpy, pandas, scipy, sklearn
names = [f"{package.__name__}.{name}" for package in (numpy, scipy, sklearn)
         for _, name, _ in pkgutil.iter_modules(package.__path__)
         if not name.startswith("_") and name != "conftest"]
names += ["boto3", "google.protobuf", "joblib", "numpy.f2py", "pandas.api.types", "pandas.testing",
          "sagemaker_training.environment", "sagemaker_training.mpi", "sagemaker_training.recordio",
          "sagemaker_training.smdataparallel", "sagemaker_training.trainer",
          "scipy.special.cython_special", "scipy.stats.qmc", "sklearn.ensemble", "statsmodels.api",
          "statsmodels.formula.api", "statsmodels.gam.api", "statsmodels.tsa.api"]
for name in names:
    importlib.import_module(name)
"""

# Both linear algebra libraries, formulas, data sets, S3 and its neighbours.
USES = """
import boto3, io, sys
import numpy as np, pandas as pd, scipy.linalg, sklearn.linear_model
import statsmodels.api as sm, statsmodels.formula.api as smf
from sklearn.datasets import load_diabetes

square = np.random.default_rng(0).normal(size=(50, 50))
assert np.allclose(np.linalg.inv(square), scipy.linalg.inv(square))
assert scipy.optimize.linprog([1], A_ub=[[-1]], b_ub=[-2]).x[0] == 2
x, y = load_diabetes(return_X_y=True)
assert sklearn.linear_model.LinearRegression().fit(x, y).score(x, y) > 0.5
assert len(sm.datasets.randhie.load_pandas().data) > 10_000
frame = pd.read_csv(io.StringIO("a,b\\n1,2\\n2,4.1\\n3,6"))
assert abs(smf.ols("b ~ a", frame).fit().params["a"] - 2) < 0.1
for service in ("s3", "sts", "secretsmanager", "dynamodb", "sagemaker-runtime"):
    boto3.client(service, region_name="us-east-1")
try:
    import paramiko
    paramiko.SSHClient
except ImportError as error:
    assert "install it" in str(error)
else:
    sys.exit("paramiko is here")
"""


@pytest.mark.slow
@pytest.mark.parametrize("code", [PUBLIC, USES], ids=["imports", "uses"])
def test_what_models_use_is_in_the_image(
    code: str, gam_image: build.BuiltImage, docker_client: DockerClient
) -> None:
    container = docker_client.containers.create(gam_image.id, ["-c", code], entrypoint="python3")
    try:
        container.start()
        status = container.wait(timeout=120)["StatusCode"]
        assert status == 0, container.logs().decode()
    finally:
        container.remove(force=True)


def test_the_image_is_no_larger_than_it_has_to_be(
    gam_image: build.BuiltImage, docker_client: DockerClient
) -> None:
    base = docker_client.images.get(base_image.ensure(docker_client)).attrs["Size"]
    whole = docker_client.images.get(gam_image.id).attrs["Size"]
    assert whole - base < 330e6


def test_the_base_image_is_chosen_once(docker_client: DockerClient) -> None:
    said: list[str] = []
    first = base_image.ensure(docker_client, progress=print)
    assert base_image.ensure(docker_client, progress=said.append) == first
    assert said == []
