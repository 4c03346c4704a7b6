"""What to do about a step that failed, where its own words don't say so."""

from __future__ import annotations

import re

_HINTS = {
    r"MaxRuntimeExceeded": "raise training.max_runtime_seconds in harness.toml, or train less",
    r"exit code: 137|OutOfMemory|out of memory|instance type with more memory": (
        "give it more memory: a larger instance_type under [training] or [endpoint], or less data "
        "at once"
    ),
    r"ModuleNotFoundError: No module named '(?P<name>[\w.]+)'": (
        "add the package that has {name} to the image's requirements (image.requirements); the "
        "next `harness run` builds it anew"
    ),
    r"No such file or directory: '/opt/ml/input/data/(?P<name>[\w.-]+)": (
        "the program looks for the channel {name}; [channels.{name}] in harness.toml makes one"
    ),
    r"No such file or directory: '/opt/ml/model/(?P<name>[^']+)": (
        "the training has left no {name}: save it in /opt/ml/model (SM_MODEL_DIR); "
        "`tar -tzf` of the run's model.tar.gz lists what it has saved"
    ),
    r"can't open file '(?P<name>[^']+)'": (
        "the image has no {name}: COPY it there in the Dockerfile, or mend ENTRYPOINT"
    ),
    r'exec: "(?P<name>[^"]+)": executable file not found in \$PATH': (
        "SageMaker runs `docker run IMAGE train` and `docker run IMAGE serve`: put {name} on the "
        "image's PATH (`COPY {name} /usr/local/bin/`, executable by `chmod +x {name}`), or have "
        "ENTRYPOINT begin with a program that the image has"
    ),
    r'exec: "(?P<name>[^"]+)": permission denied': (
        "make {name} executable, by `chmod +x` before the build, or `RUN chmod +x {name}` in the "
        "Dockerfile"
    ),
    r'exec: "(?P<name>[^"]+)": stat .*: no such file': (
        "the image has no {name}: COPY it there in the Dockerfile, or mend ENTRYPOINT"
    ),
    r"exec (?P<name>\S+): no such file or directory": (
        "{name} is there, but not what its first line (#!) names: give it Unix line ends "
        "(`sed -i 's/\\r$//'`), or an interpreter that the image has"
    ),
    r"exec (?P<name>\S+): exec format error": (
        "{name} is for another processor than this machine's (build the image here, or with "
        "`--platform`), or a script without a first line such as #!/bin/sh"
    ),
    r"/opt/ml/\S*: Permission denied|Permission denied: '/opt/ml": (
        "SageMaker's folders are root's: leave USER out of the Dockerfile"
    ),
    r"KeyError: '(?P<name>[^']+)'": (
        "the program looks for {name}, which it wasn't given: hyperparameters stand under "
        "[hyperparameters] in harness.toml, columns in the data"
    ),
    r"TypeError: .*'str'": (
        "SageMaker gives every hyperparameter as a string: make a number of it by int() or float()"
    ),
    r"Cannot pull image": (
        "`docker images` lists those that are here; `harness build` makes the project's, and "
        "image.uri in harness.toml names another"
    ),
    r"CapacityError|InsufficientInstanceCapacity": "try again later, or another instance_type",
    r"did not pass the ping health check.*The container exited with code 0": (
        "the server has to stay in the foreground: when `serve` ends, so does the container"
    ),
    r"did not answer 200 within \d+ s, but (?P<name>\d+)": (
        "answer GET /ping with status 200 as soon as the model is loaded; now it is {name}"
    ),
    r"ping health check": "`harness check --only serving` says how the image fails to serve",
    r"training job \S+ is Failed": (
        "mend the program, and try it alone with `harness run --only train`; `harness check` says "
        "whether the image keeps SageMaker's rules"
    ),
    r"^predict: .*\(415\)": (
        "the container takes another content type: content_type under [requests] in harness.toml "
        "says which one is sent"
    ),
    r"^predict: ": (
        "mend what answers POST /invocations in the container: its input_fn or predict_fn, if it "
        "has hooks; `harness run --keep` leaves the endpoint serving, to be tried with "
        "`harness invoke`"
    ),
    r"`pip \w+` failed: .*No matching distribution": (
        "mend the name or the version in the image's requirements (image.requirements): "
        "`pip index versions NAME` lists those that there are"
    ),
    r"COPY failed|ADD failed": (
        "paths in COPY are relative to the context (image.context), and what .dockerignore names "
        "isn't there"
    ),
    r"dockerfile parse error": "mend that line of the Dockerfile (image.context, image.dockerfile)",
    r"endpoint \S+ is Failed": (
        "`harness check --only serving` says whether the image serves as SageMaker has it"
    ),
}
"""Patterns of what is said, and what to do then; the first that is found counts."""


def hint(sentence: str) -> str:
    """What to do; empty where the sentence says it, or nobody knows."""
    for pattern, text in _HINTS.items():
        if found := re.search(pattern, sentence):
            return text.format(**found.groupdict())
    return ""
