"""Each check finds the image that breaks its rule, and no other check does."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace

import pytest

from harness.check.inputs import Limits
from harness.check.run import Options, run, select
from tests.integration.check.conftest import SOUND

pytestmark = [pytest.mark.docker, pytest.mark.slow]

LIMITS = Limits(
    training=60,
    training_stop=10,
    startup=30,
    serving_stop=10,
    elsewhere=0.5,
    unhealthy=15,
    random_bodies=0.2,
    requests=1500,
    memory=256 << 20,
)
"""Shorter than SageMaker's, so that a broken image is known for it sooner."""

TRAINING = [
    "argument", "hyperparameters", "completes", "model", "extra-hyperparameters", "extra-channels",
    "no-network", "hosts", "exit-code", "failure", "sigterm", "files", "repeatable",
]  # fmt: skip
SERVING = [
    "starts", "port", "port local", "port v6", "ping 404", "ping 500", "ping-time", "ping-busy",
    "model-loaded", "missing-model", "corrupt-model", "read-only-model", "no-network", "sigterm",
    "sigterm drops", "logs",
]  # fmt: skip
REQUESTS = ["invocation", "concurrent", "keep-alive", "large-body", "memory"]
HOSTILE = [
    "empty-body", "content-type", "malformed-body", "wrong-shape", "not-a-number", "pickle",
    "zip-bomb", "deep-json", "costly-body", "slow-bodies", "random-bytes", "stack-trace",
]  # fmt: skip
BATCH = ["environment", "execution-parameters", "records"]

OTHERWISE = {
    "image/exec-form": "ENTRYPOINT python3 /opt/contract/contract.py $0; exit $?",
    "image/train": "RUN chmod 644 /usr/local/bin/train",
    "image/serve": "RUN printf 'no script' >/usr/local/bin/serve",
    "image/root": "USER nobody",
    "image/labels": "LABEL com.amazonaws.sagemaker.capabilities.multi-model=true",
    "image/secrets": "ENV AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
    "image/secrets of a build": "ARG NPM_TOKEN=x7Yd9q\nRUN test $NPM_TOKEN",
    "image/baked-in": "RUN mkdir -p /opt/ml/model && touch /opt/ml/model/model.json",
}
"""The lines of a Dockerfile that break a rule without the program's doing."""

ENTRYPOINT = 'ENTRYPOINT ["python3", "/opt/contract/contract.py"]'
LABEL = "LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true"


def name_of(broken):
    return broken.partition(" ")[0]


def exactly(results, name):
    """That the check has found something, and no other."""
    wrong = {row.check.name: row.verdict for row in [*results.of("fail"), *results.of("warn")]}
    assert list(wrong) == [name], "\n".join(f"{each}: {v.seen}" for each, v in wrong.items())
    assert wrong[name].remedy
    return wrong[name]


def env(broken):
    return f'ENV BREAK="{broken}"'


@pytest.mark.parametrize("broken", OTHERWISE)
def test_an_image_that_breaks_a_rule_as_it_lies_there(image_with, training, broken):
    image = image_with(OTHERWISE[broken])
    groups = ["image", "training/sigterm", "serving/sigterm"] if "exec" in broken else ["image"]
    exactly(run(image, training, Options(groups, limits=LIMITS)), name_of(broken))


def test_an_image_that_is_too_large(sound_image, training):
    limits = replace(LIMITS, image_size=1_000_000)
    exactly(run(sound_image, training, Options(["image"], limits=limits)), "image/size")


@pytest.mark.parametrize(("architecture", "outcome"), [("s390x", "fail"), ("arm64", "warn")])
def test_an_image_for_another_architecture(
    docker_client, image_with, training, architecture, outcome
):
    image = image_with(f"ENV FOR={architecture}")
    relabel(docker_client, image, architecture)
    results = run(image, training, Options(["image"], limits=LIMITS))
    assert exactly(results, "image/architecture").outcome == outcome


def content_of(archive, member):
    file = archive.extractfile(member)
    return file.read() if file else b""


def relabel(client, image, architecture):
    """Have the engine take an image for one of another architecture."""
    saved = io.BytesIO(b"".join(client.images.get(image).save(named=True)))
    changed = io.BytesIO()
    with tarfile.open(fileobj=saved) as source, tarfile.open(fileobj=changed, mode="w") as target:
        manifest = json.loads(content_of(source, source.getmember("manifest.json")))
        for member in source:
            content = content_of(source, member)
            if member.name == manifest[0]["Config"]:
                content = json.dumps({**json.loads(content), "architecture": architecture}).encode()
                member.size = len(content)
            target.addfile(member, io.BytesIO(content))
    client.images.load(changed.getvalue())


@pytest.mark.parametrize("broken", [f"training/{each}" for each in TRAINING])
def test_an_image_that_breaks_a_rule_of_training(image_with, training, broken):
    image = image_with("\n".join([env(broken), ENTRYPOINT if "argument" in broken else ""]))
    exactly(run(image, training, Options(["training"], limits=LIMITS)), name_of(broken))


@pytest.mark.parametrize("broken", [f"serving/{each}" for each in SERVING])
def test_an_image_that_breaks_a_rule_of_serving(image_with, serving, broken):
    image = image_with(env(broken))
    # What answers 500 may still be loading, so it is waited for.
    limits = replace(LIMITS, startup=10) if broken == "serving/ping 500" else LIMITS
    exactly(run(image, serving, Options(["serving"], limits=limits)), name_of(broken))


def test_an_image_that_listens_elsewhere_than_its_label_says(image_with, serving):
    image = image_with(f"{env('serving/bind-to-port')}\n{LABEL}")
    results = run(image, serving, Options(["serving/bind-to-port", "port"], limits=LIMITS))
    exactly(results, "serving/bind-to-port")


@pytest.mark.parametrize(
    "broken",
    [
        *(f"requests/{each}" for each in REQUESTS),
        *(f"hostile/{each}" for each in HOSTILE),
        *(f"batch/{each}" for each in BATCH),
    ],
)
def test_an_image_that_breaks_a_rule_of_requests(image_with, serving, broken):
    image = image_with(env(broken))
    group = broken.partition("/")[0]
    exactly(run(image, serving, Options([group], limits=LIMITS)), broken)


def test_an_image_that_the_engine_cannot_start(image_with, training, serving):
    """What a program needs beside itself only shows when it is started."""
    image = image_with("USER nobody-of-that-name")
    for inputs, name in ((training, "training/completes"), (serving, "serving/starts")):
        exactly(run(image, inputs, Options([name], limits=LIMITS)), name)


def test_a_model_that_no_container_can_be_given(sound_image, training, tmp_path):
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        link = tarfile.TarInfo("latest")
        link.type, link.linkname = tarfile.SYMTYPE, "../.."
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("model.json"))
    inputs = replace(training, model=tmp_path / "model.tar.gz")
    exactly(run(sound_image, inputs, Options(["serving"], limits=LIMITS)), "serving/starts")


def test_an_image_that_keeps_all_rules(image_with, training):
    results = run(image_with(LABEL), training, Options(limits=LIMITS))
    assert not results.of("fail")
    assert not results.of("warn")
    assert not results.of("not tried")


def test_every_check_has_its_broken_image():
    broken = {
        "image/size",
        "image/architecture",
        "serving/bind-to-port",
        *map(name_of, OTHERWISE),
        *(f"training/{each}" for each in TRAINING),
        *(f"serving/{name_of(each)}" for each in SERVING),
        *(f"requests/{each}" for each in REQUESTS),
        *(f"hostile/{each}" for each in HOSTILE),
        *(f"batch/{each}" for each in BATCH),
    }
    assert broken == {check.name for check in select()}
    assert SOUND
