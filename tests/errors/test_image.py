"""Images that can't be built, and such as can't be started."""

from __future__ import annotations

import os
import struct

import pytest

from tests.errors.conftest import last_lines

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

FROM = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n"


@pytest.fixture
def build(harness, project, bare_image):
    """`harness build` of a Dockerfile that can't be; returns what it says."""

    def build(dockerfile, **variables):
        files = {"container/Dockerfile": dockerfile, **variables.pop("files", {})}
        project(**files)
        ran = harness("build", HARNESS_IMAGE_BASE=bare_image, **variables)
        assert ran.returncode == 1, ran.stderr
        return ran.stderr

    return build


def test_an_instruction_is_misspelt(build, told):
    told("bad-dockerfile", build("ARG BASE_IMAGE\nFORM ${BASE_IMAGE}\n"))


def test_a_file_that_is_copied_is_not_there(build, told):
    told("no-file-to-copy", build(FROM + "COPY trian.py /opt/\n"))


def test_a_command_of_the_build_fails(build, told):
    told("build-fails", build(FROM + "RUN python3 -c 'import numpy'\n"))


def test_the_base_has_no_pip(build, told):
    told("no-pip", build(FROM + "RUN pip install six\n"))


@pytest.mark.slow
def test_the_build_has_no_network(build, told):
    files = {"container/requirements.txt": "pip\n"}  # which is in each wheelhouse anyhow
    index = {name: text for name, text in os.environ.items() if name.startswith("PIP_")}
    home = os.environ["HOME"]  # where pip's settings may be, and wheels that are here
    dockerfile = FROM + "RUN pip install -r requirements.txt\n"
    told("build-offline", build(dockerfile, files=files, HOME=home, **index))


def test_the_base_image_is_not_there(build, told):
    told("no-base-image", build("FROM harness-nobody/there:1\n"))


def test_pip_finds_no_such_package(build, told):
    files = {"container/requirements.txt": "scikit-lern==1.5\n"}
    # The packages' index is another matter, and slow: an empty one says the same.
    told("no-such-package", build(FROM, files=files, PIP_NO_INDEX="1"))


@pytest.fixture
def start(harness, project, local_aws, docker_client, bare_image, tmp_path):
    """`harness run` of an image that can't be started; returns what it says."""
    made = []

    def start(dockerfile, train="#!/bin/sh\n"):
        folder = tmp_path / "context"
        folder.mkdir()
        (folder / "Dockerfile").write_text(FROM + "LABEL of=errors\n" + dockerfile)
        (folder / "train").write_bytes(train if isinstance(train, bytes) else train.encode())
        image, _ = docker_client.images.build(
            path=str(folder), buildargs={"BASE_IMAGE": bare_image}, rm=True, forcerm=True
        )
        made.append(image.id)
        project(image=f'uri = "{image.id}"')
        ran = harness("run", HARNESS_LOCAL_ENDPOINT_URL=local_aws.url)
        assert ran.returncode == 1, ran.stderr
        return ran.stderr

    yield start
    for each in made:
        docker_client.images.remove(each, force=True)


TRAIN = "COPY train /usr/local/bin/train\nRUN chmod +x /usr/local/bin/train\n"


def test_the_image_is_not_there(harness, project, told, local_aws):
    project(image='uri = "harness-nobody:latest"')
    ran = harness("run", HARNESS_LOCAL_ENDPOINT_URL=local_aws.url)

    assert ran.returncode == 1
    told("no-image", ran.stderr)


def test_there_is_no_train(start, told):
    told("no-train", start(""))


@pytest.mark.slow
def test_python_is_called_otherwise(start, told):
    told("no-train", start('ENTRYPOINT ["python", "/opt/train.py"]\n'))


def test_train_is_not_executable(start, told):
    dockerfile = 'COPY train /opt/train\nRUN chmod -x /opt/train\nENTRYPOINT ["/opt/train"]\n'
    told("not-executable", start(dockerfile))


def test_the_entry_points_file_is_not_there(start, told):
    told("no-entrypoint", start('ENTRYPOINT ["/opt/start.sh"]\n'))


def test_the_programs_file_is_not_there(start, told):
    said = start('ENTRYPOINT ["python3", "/opt/train.py"]\n')
    told("no-program", said)
    assert last_lines(said) == [
        "python3: can't open file '/opt/train.py': [Errno 2] No such file or directory"
    ]


def test_train_has_windows_line_ends(start, told):
    said = start(TRAIN, "#!/bin/sh\r\nexec python3 /opt/train.py\r\n")
    told("crlf", said)
    assert last_lines(said) == ["exec /usr/local/bin/train: no such file or directory"]


def elf(machine):
    """The head of a program for a processor of that number; there is nothing after it."""
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    return ident + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0, 0, 0, 0, 64, 56, 0, 64, 0, 0)


def test_train_is_for_another_processor(start, told):
    said = start(TRAIN, elf(243))  # RISC-V
    told("another-processor", said)
    assert last_lines(said) == ["exec /usr/local/bin/train: exec format error"]


@pytest.mark.slow
def test_train_has_no_first_line(start, told):
    told("another-processor", start(TRAIN, "python3 /opt/train.py\n"))


def test_the_image_has_a_user(start, told):
    said = start(TRAIN + "USER 1000\n", "#!/bin/sh\necho 1 > /opt/ml/model/model.txt\n")
    told("user", said)
    assert "Permission denied" in last_lines(said)[-1]
