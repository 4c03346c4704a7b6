"""Rules for the image as it lies there: nothing runs."""

from __future__ import annotations

import re
import tarfile
from io import BufferedReader
from typing import TYPE_CHECKING

from harness.check import contract
from harness.check.contract import check
from harness.check.verdict import NotTriedError, failed, passed, warned
from harness.local.data.opt_ml import CHUNK, TarReader
from harness.suggestions import closest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.check.subject import Subject
    from harness.check.verdict import Verdict

CAPABILITIES = "com.amazonaws.sagemaker.capabilities."
MULTI_MODELS = f"{CAPABILITIES}multi-models"
BIND_TO_PORT = f"{CAPABILITIES}accept-bind-to-port"

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIALS?)"
    r"(?:$|_ID$)",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"
    r"|\bgh[opsu]_[A-Za-z0-9]{36}\b"
    r"|\bhf_[A-Za-z0-9]{30,}\b"
    r"|\bxox[abpr]-[A-Za-z0-9-]{10,}"
    r"|https?://[^/\s:@]+:[^/\s:@$]+@"
)
_ASSIGNMENT = re.compile(r"\b([A-Za-z_][A-Za-z0-9_]*)=([^\s'\"]+|\"[^\"]*\"|'[^']*')")
_HARMLESS = re.compile(r"^(?:|true|false|none|null|\d+|[/$].*|.*\*{3,}.*)$", re.IGNORECASE)
"""Values that are no secrets: a path, a reference to a variable, a switch."""


@check("image", "architecture", contract.TRAINING_IMAGE)
def architecture(subject: Subject) -> Verdict:
    """The image is for Linux on x86-64, as most of SageMaker's instance types are.

    Images for arm64 only serve, and only on Graviton instances (ml.m6g, ml.c7g, …): a warning.
    """
    found = f"{subject.details.get('Os')}/{subject.details.get('Architecture')}"
    if found == "linux/amd64":
        return passed(found)
    rebuild = "build it with --platform linux/amd64"
    if found == "linux/arm64":
        return warned(
            f"{found}: it serves on Graviton instances (ml.m6g, ml.c7g, …) and trains nowhere",
            rebuild,
        )
    return failed(f"{found}: no instance type of SageMaker runs it", rebuild)


@check("image", "size", contract.SERVERLESS)
def size(subject: Subject) -> Verdict:
    """The image has at most 10 GB, which is what serverless endpoints take.

    Every job and every new instance pulls it first, so its size is also waited for.
    """
    found, most = int(subject.details["Size"]), subject.limits.image_size
    words = f"{found / 1e6:.0f} MB"
    if found <= most:
        return passed(words)
    return warned(
        f"{words}, more than {most / 1e9:g} GB",
        "build in stages, and leave compilers, caches and data out of the last one",
    )


@check("image", "exec-form", contract.HOSTING)
def exec_form(subject: Subject) -> Verdict:
    """ENTRYPOINT is in exec form, so that the program itself is process 1.

    In shell form that is a shell, which doesn't pass SIGTERM on: whatever is stopped is killed
    when its time is up, in the middle of what it does.
    """
    entrypoint = subject.config.get("Entrypoint")
    if not entrypoint:
        return passed("no ENTRYPOINT: train and serve are looked up as programs")
    if subject.shell_form:
        return failed(
            f"ENTRYPOINT {entrypoint[2]}: a shell runs it, and SIGTERM ends at the shell",
            'write it as a list: ENTRYPOINT ["python3", "/opt/program/main.py"]',
        )
    return passed(f"ENTRYPOINT {list(entrypoint)}")


@check("image", "train", contract.TRAINING_IMAGE)
def train(subject: Subject) -> Verdict:
    """`docker run IMAGE train` finds a program that can be executed.

    An image that only serves needs none: where nothing is given to train with, it isn't missed.
    """
    return _program(subject, "train", needed=subject.inputs.trains)


@check("image", "serve", contract.HOSTING)
def serve(subject: Subject) -> Verdict:
    """`docker run IMAGE serve` finds a program that can be executed.

    An image that only trains needs none: where no request is given, it isn't missed.
    """
    given = subject.inputs.payload is not None or subject.inputs.model is not None
    return _program(subject, "serve", needed=given or subject.program("train").missing)


def _program(subject: Subject, name: str, *, needed: bool) -> Verdict:
    found = subject.program(name)
    if found.missing and not needed:
        raise NotTriedError(found.problem, "nothing was given that needs it")
    return failed(found.problem, found.remedy) if found.problem else passed(found.seen)


@check("image", "root", contract.HOSTING)
def root(subject: Subject) -> Verdict:
    """The image's user is root, as SageMaker expects.

    Others may lack the right to read what SageMaker puts under /opt/ml, or to write there.
    """
    user = str(subject.config.get("User") or "")
    if user.partition(":")[0] in {"", "0", "root"}:
        return passed("root")
    return warned(f"USER {user}", "leave USER out, or end the Dockerfile with USER root")


@check("image", "labels", contract.MULTI_MODEL)
def labels(subject: Subject) -> Verdict:
    """The labels of SageMaker's, where there are any, are such that SageMaker reads them.

    They are com.amazonaws.sagemaker.capabilities.multi-models and .accept-bind-to-port; their
    value is true or false.
    """
    found = {name: value for name, value in subject.labels.items() if "com.amazonaws.sag" in name}
    for name, value in found.items():
        if name not in {MULTI_MODELS, BIND_TO_PORT}:
            close = closest(name, [MULTI_MODELS, BIND_TO_PORT], 0.5)
            remedy = f"did you mean {close}?" if close else "remove it"
            return warned(f"SageMaker knows no label {name}", remedy)
        if value not in {"true", "false"}:
            return warned(f"{name}={value}", f"LABEL {name}=true, or false")
    return passed(", ".join(f"{name}={value}" for name, value in found.items()) or "none is set")


@check("image", "secrets", contract.SECURITY)
def secrets(subject: Subject) -> Verdict:
    """There is no secret in the image's environment, labels or history.

    Whoever may pull the image can read them all, build arguments too. Only names are shown here.
    """
    found = [
        f"the variable {name}"
        for each in subject.config.get("Env") or []
        for name, _, value in [each.partition("=")]
        if _is_secret(name, value)
    ]
    found += [
        f"the label {name}" for name, value in subject.labels.items() if _is_secret(name, value)
    ]
    for step in subject.history:
        if step.startswith(("/bin/sh -c #(nop)  ENV", "ENV ")):
            continue  # told above
        named = [name for name, value in _ASSIGNMENT.findall(step) if _is_secret(name, value)]
        found += [f"{name} in the history" for name in named]
        if not named and _SECRET_VALUE.search(step):
            found.append("a key or password in the history")
    if not found:
        return passed(f"none in the environment and {len(subject.history)} steps of history")
    return failed(
        f"it holds {', '.join(dict.fromkeys(found))}",
        "build with --secret or fetch it at run time, and replace what was published",
    )


def _is_secret(name: str, value: str) -> bool:
    value = value.strip("'\"")
    if _HARMLESS.match(value):
        return False
    return bool(_SECRET_NAME.search(name) or _SECRET_VALUE.search(value))


@check("image", "baked-in", contract.TRAINING_INFORMATION)
def baked_in(subject: Subject) -> Verdict:
    """Nothing is baked into /opt/ml/input and /opt/ml/model, which are SageMaker's to fill.

    It mounts its own folders there, behind which the image's files are gone.
    """
    files = [name for folder in ("input", "model") for name in _files(subject, folder)]
    if not files:
        return passed("/opt/ml/input and /opt/ml/model are empty")
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    return warned(
        f"the image has {', '.join(files[:3])}{more}",
        "put them elsewhere, such as /opt/program, or into a channel or the model archive",
    )


def _files(subject: Subject, folder: str) -> Iterator[str]:
    stream = subject.never_started().get(f"/opt/ml/{folder}")
    if stream is None:
        return
    source = BufferedReader(TarReader(stream), CHUNK)
    with tarfile.open(fileobj=source, mode="r|") as archive:
        for member in archive:
            if not member.isdir():
                yield f"/opt/ml/{member.name}"
