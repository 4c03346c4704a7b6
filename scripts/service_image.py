"""Build the service's image, `sagemaker-harness`, of docker/Dockerfile and the harness's own wheel.

    python scripts/service_image.py

Wheels and the base image are fetched as for any image of a project; with both at hand no network is
needed. Prints the image's name; `sagemaker-harness:latest` is the same.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.config.settings import Image, Project, Settings
from harness.errors import HarnessError
from harness.image import docker_engine
from harness.image.build import build

ROOT = Path(__file__).resolve().parent.parent
NAME = "sagemaker-harness"


def settings(base: str = "auto") -> Settings:
    """The image as that of a project."""
    image = Image(name=NAME, context="docker", packages=["."], base=base)
    return Settings(root=ROOT, project=Project(name=NAME), image=image)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument(
        "--base", default="auto", metavar="IMAGE", help="instead of python:3.11-slim-bookworm"
    )
    arguments = parser.parse_args()
    try:
        client = docker_engine.ensure(say)
        built = build(settings(arguments.base), client, progress=say)
        client.images.get(built.name).tag(NAME, "latest")
        client.close()
    except HarnessError as error:
        sys.exit(f"service_image: {error}")
    print(built.name)
    return 0


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
