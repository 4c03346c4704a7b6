"""The image's size, by layer and by package, beside the same content built without a thought.

    python benchmarks/image.py [--json]

The naive build installs the same wheels on the same base, in one stage and with no file taken out,
its build context included; it is made anew and removed again, which takes a minute or two. Sizes
are the engine's, uncompressed; MB are 10⁶ bytes.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.command import ROOT, argument_parser, load_settings, prepare, say, tell

from harness.image import build, prune

if TYPE_CHECKING:
    from docker import DockerClient

    from harness.config.settings import Settings

GOAL = 420  # MB
SHOWN = 12  # packages

NAIVE = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY . /build
WORKDIR /build
RUN python3 -m venv --without-pip /opt/venv \\
    && /opt/venv/bin/python "$(echo wheelhouse/pip-*.whl)/pip" install \\
        --no-index --find-links wheelhouse --requirement requirements.txt \\
        --constraint constraints.txt wheels/*.whl
COPY code/ /opt/ml/code/
"""

LIST = """
import json, pathlib, sysconfig
site = pathlib.Path(sysconfig.get_path("purelib"))
sizes = {}
for path in site.rglob("*"):
    if not path.is_dir():
        package = path.relative_to(site).parts[0]
        sizes[package] = sizes.get(package, 0) + path.lstat().st_size
print(json.dumps(sizes))
"""


def naive(client: DockerClient, settings: Settings) -> float:
    """MB of an image that is built as one does at first, and removed."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        ignored = shutil.ignore_patterns("__pycache__", ".*")
        for folder in ("container", "gam_model"):
            shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
        (root / "container/Dockerfile").write_text(NAIVE)
        (root / "harness.toml").touch()
        own = settings.image.model_copy(update={"name": f"{settings.image.name}-naive"})
        settings = settings.model_copy(update={"image": own, "root": root})
        try:
            built = build.build(settings, client, progress=lambda _: None)
            return megabytes(client.images.get(built.id).attrs["Size"])
        finally:
            prune.prune(settings, client, keep=0)


def layers(client: DockerClient, name: str) -> list[dict[str, Any]]:
    """What takes room, from the base on."""
    history: list[dict[str, Any]] = client.api.history(name)  # type: ignore[no-untyped-call]
    found = [
        {"megabytes": megabytes(each["Size"]), "made_by": made_by(each["CreatedBy"])}
        for each in reversed(history)
        if each["Size"]
    ]
    found[0]["made_by"] = found[0]["made_by"] or "the base image"
    return found


def made_by(command: str) -> str:
    """The step of the Dockerfile, with files named by where they went: the engine has a hash."""
    step = command.removeprefix("/bin/sh -c ").removeprefix("#(nop) ").strip()
    return re.sub(r"(dir|file|multi):[0-9a-f]+ in", "to", step)[:70]


def packages(client: DockerClient, name: str) -> dict[str, float]:
    """MB of each package, the largest first."""
    listed = client.containers.run(name, ["-c", LIST], entrypoint="python3", remove=True)
    sizes: dict[str, int] = json.loads(listed)
    largest = sorted(sizes, key=lambda package: -sizes[package])
    return {package: megabytes(sizes[package]) for package in largest}


def megabytes(size: int) -> float:
    return round(size / 1e6, 2)


def main() -> int:
    arguments = argument_parser(__doc__, rounds=None).parse_args()
    client, name = prepare()
    size = megabytes(client.images.get(name).attrs["Size"])
    say("building the naive image")
    other = naive(client, load_settings())
    by_layer, by_package = layers(client, name), packages(client, name)
    rest = sum(list(by_package.values())[SHOWN:])
    result = {
        "image": name,
        "megabytes": size,
        "goal_megabytes": GOAL,
        "naive_megabytes": other,
        "ratio": round(size / other, 2),
        "layers": by_layer,
        "packages": by_package,
    }
    table = [
        *(f"{each['megabytes']:8.2f} MB  {each['made_by']}" for each in by_layer),
        f"{size:8.2f} MB  the image (at most {GOAL})",
        f"{other:8.2f} MB  the naive one, of which it is {result['ratio']}",
        "of the packages:",
        *(f"{by_package[each]:8.2f} MB  {each}" for each in list(by_package)[:SHOWN]),
        f"{rest:8.2f} MB  the rest",
    ]
    tell(result, "\n".join(table), as_json=arguments.json)
    return 0 if size <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
