"""`harness run --debug`: a breakpoint in one's own file stops the program in its container."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from harness.config import loading
from harness.image import prune
from harness.local.core.debug import debugger
from tests.debug_adapter import DebugAdapter, free_port
from tests.forked import Forked, starter
from tests.integration.support import finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from docker import DockerClient

    from tests.integration.support import AWS, Names

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

ENTRY = """\
import subprocess, sys
sys.exit(subprocess.run("python3 /opt/ml/code/program.py " + sys.argv[1], shell=True).returncode)
"""

PROGRAM = """\
import http.server, os, pathlib, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(b"")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(body)
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

def train():
    answer = 6 * 7
    pathlib.Path("/opt/ml/model/model.txt").write_text(str(answer))

def serve():
    http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()

{"train": train, "serve": serve}[sys.argv[1]]()
"""

IN_TRAIN = 1 + PROGRAM[: PROGRAM.index("    pathlib")].count("\n")
IN_POST = 1 + PROGRAM[: PROGRAM.index("        self.answer(body)")].count("\n")

TOML = """\
project.name = "debug-{process}"
image.context = "image"
image.build_args = {{ BASE = "{base}" }}
requests.source = "rows.csv"
"""

DOCKERFILE = """\
ARG BASE
FROM $BASE
WORKDIR /opt/ml/code
COPY entry.py /entry.py
COPY src/ .
ENTRYPOINT ["python3", "/entry.py"]
"""


@pytest.fixture
def project(tmp_path: Path, bare_image: str, docker_client: DockerClient) -> Iterator[Path]:
    """Whose entry point runs its program behind a shell."""
    folder = tmp_path / "project"
    files = {
        "harness.toml": TOML.format(process=os.getpid(), base=bare_image),
        "rows.csv": "1\n2\n",
        "image/Dockerfile": DOCKERFILE,
        "image/entry.py": ENTRY,
        "image/src/program.py": PROGRAM,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    yield folder
    prune.prune(loading.load(folder / "harness.toml", {}), docker_client, keep=0)


@pytest.fixture
def start(tmp_path: Path, project: Path) -> Iterator[Callable[..., Forked]]:
    with starter({**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}, project) as start:
        yield start


def configuration(project: Path) -> dict[str, Any]:
    """The one that was written, as VS Code reads it."""
    text = (project / ".vscode" / "launch.json").read_text()
    found: dict[str, Any] = json.loads(text.replace("${workspaceFolder}", str(project)))
    return dict(found["configurations"][0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "line", "name", "value"),
    [
        ("train", IN_TRAIN, "answer", "42"),
        pytest.param("serve", IN_POST, "body", r"b'1\n2\n'", marks=pytest.mark.slow),
    ],
)
def test_a_breakpoint_stops_the_program_behind_the_entry_point(
    project: Path,
    start: Callable[..., Forked],
    docker_client: DockerClient,
    what: str,
    line: int,
    name: str,
    value: str,
) -> None:
    port = free_port()
    program = project / "image" / "src" / "program.py"
    step = ["--only", "train"] if what == "train" else []
    process = start("run", "--json", *step, "--debug", what, "--debug-port", str(port))

    with DebugAdapter(port) as entry:
        own = configuration(project)
        assert own["connect"] == {"host": "127.0.0.1", "port": port}
        entry.attach(own, program, line)
        (published,) = [
            each["PublicPort"] and each["IP"]
            for container in docker_client.api.containers()
            for each in container["Ports"]
            if each.get("PublicPort") == port
        ]
        assert published == "127.0.0.1"
        with DebugAdapter(port) as child:
            child.attach(entry.event("debugpyAttach"), program, line)
            thread, frame, variables = child.stopped()
            assert frame["source"]["path"] == str(program)
            assert frame["line"] == line
            assert variables[name] == value
            child.ask("continue", threadId=thread)
            status, report, log = finish(process)

    assert status == 0, log
    assert report["passed"]
    assert f"127.0.0.1:{port}" in log
    assert "waits for a debugger" in log


def job_on(port: int, script: str, image: str, **members: Any) -> dict[str, Any]:
    """A request of a job that runs this script by a Python of the image."""
    return {
        "AlgorithmSpecification": {
            "TrainingImage": image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["sh", "-c", f"printf '{script}' > /p.py; exec python3 /p.py"],
        },
        "Environment": {debugger.VARIABLE: str(port)},
        **members,
    }


def ended(aws: AWS, name: str) -> Any:
    aws.wait("training_job_completed_or_stopped", TrainingJobName=name)
    return aws.sagemaker.describe_training_job(TrainingJobName=name)


@pytest.mark.slow
def test_any_python_is_debugged_and_of_several_containers_the_first(
    aws: AWS, names: Names, bare_image: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One that what is compiled doesn't fit has debugpy's own Python."""
    monkeypatch.setattr(debugger, "_WANTED", {".py"})
    port, first, second = free_port(), names.new("first"), names.new("second")
    script = r"value = 41\nvalue = value + 1\nprint(value)\n"
    aws.create_training_job(first, bare_image, **job_on(port, script, bare_image))

    with DebugAdapter(port) as client:
        aws.create_training_job(second, bare_image, **job_on(port, script, bare_image))
        assert ended(aws, second)["TrainingJobStatus"] == "Completed"
        mapping = {"localRoot": str(tmp_path), "remoteRoot": "/"}
        client.attach({"pathMappings": [mapping]}, tmp_path / "p.py", 3)
        thread, _, variables = client.stopped()
        assert variables["value"] == "42"
        client.ask("continue", threadId=thread)
        job = ended(aws, first)
    assert job["TrainingJobStatus"] == "Completed"


def test_no_debugger_gets_into_an_isolated_container(
    aws: AWS, names: Names, bare_image: str
) -> None:
    name = names.new("isolated")
    request = job_on(free_port(), "", bare_image, EnableNetworkIsolation=True)
    aws.create_training_job(name, bare_image, **request)
    job = ended(aws, name)
    assert "network isolation keeps a debugger out" in job["FailureReason"]
