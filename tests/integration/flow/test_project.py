"""A stranger's project from outside: processing, training, serving and transforming its own way.

Nothing of it is ours: a program of a few lines on a bare Python, a Dockerfile that copies it, and
data from files, folders, functions, the processing job and S3.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from harness.config import loading
from harness.image import prune
from harness.local.core.client import local_boto_session
from tests.forked import Forked, starter
from tests.integration.support import finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from docker import DockerClient

    from harness.local.aws import LocalAWS

    Start = Callable[..., Forked]

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

PROGRAM = """\
import http.server, json, os, pathlib, signal, sys

ML = pathlib.Path("/opt/ml")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        factor = json.loads((ML / "model/model.json").read_text())["factor"]
        rows = [line.split(",") for line in body.splitlines()]
        self.answer("".join(f"{factor * float(row[-1])}\\n" for row in rows).encode())

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/csv; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def process():
    root = pathlib.Path("/opt/ml/processing")
    rows = (root / "input/raw/rows.csv").read_text().splitlines()[1:]
    (root / "output/clean/rows.csv").write_text("\\n".join(rows))
    print(sys.argv[2], os.environ["GREETING"])


def train():
    seen = {
        path.relative_to(ML / "input/data").as_posix(): path.read_text()
        for path in sorted((ML / "input/data").rglob("*")) if path.is_file()
    }
    given = json.loads((ML / "input/config/hyperparameters.json").read_text())
    model = {"factor": json.loads(given["factors"])[0], "seen": seen, "given": given}
    (ML / "model/model.json").write_text(json.dumps(model))
    print("loss: 0.25;")


def serve():
    http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
{"process": process, "train": train, "serve": serve}[sys.argv[1]]()
"""

DATA = """\
def channel(folder):
    (folder / "made.txt").write_text("made")

def rows():
    return [[1.0], [2.0]], [2.0, 5.0]

def score(truth, predictions, name):
    return {"worst": abs(truth - predictions).max()}
"""

TOML = """\
project.name = "{name}"

[image]
context = "."
dockerfile = "docker/Mine"
build_args = {{ BASE = "{base}" }}

[hyperparameters]
factors = [2, 3]
rate = 0.5

[processing]
entrypoint = ["python3", "/program.py", "process"]
arguments = ["--fast"]
environment = {{ GREETING = "hello" }}
[processing.inputs]
raw.source = "data/rows.csv"
[processing.outputs]
clean = {{}}

[channels]
clean.source = "processing:clean"
file = {{ source = "data/rows.csv", content_type = "text/csv" }}
folder.source = "data"
function.source = "data.py:channel"
{more}

[requests.file]
source = "data/rows.csv"
target = "y"
[requests.function]
source = "data.py:rows"
rows = 1

[metrics]
scores = ["r2", "neg_mean_absolute_error"]
score = "data.py:score"
definitions = {{ loss = "loss: ([0-9.]+);" }}

[thresholds]
file_r2 = 1
function_worst = {{ min = 1, max = 1 }}
loss = {{ max = 0.25 }}

[transform]
source = "processing:clean"
split_type = "Line"
assemble_with = "Line"

[local]
endpoint_url = "{url}"
"""

ROWS = "y,x\n2,1\n4,2\n6,3\n"


@pytest.fixture
def project(
    tmp_path: Path, bare_image: str, docker_client: DockerClient
) -> Iterator[Callable[..., Path]]:
    """Writes the project, whose settings have such lines more; its images go in the end."""
    folder = tmp_path / "project"

    def project(more: str = "", url: str = "") -> Path:
        files = {
            "docker/Mine": "ARG BASE\nFROM $BASE\nCOPY program.py /\n"
            'ENTRYPOINT ["python3", "-u", "/program.py"]\n',
            "program.py": PROGRAM,
            "data.py": DATA,
            "data/rows.csv": ROWS,
            "data/sub/more.txt": "more",
            "harness.toml": TOML.format(
                name=f"stranger-{os.getpid()}", base=bare_image, more=more, url=url
            ),
        }
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return folder

    yield project
    if folder.exists():
        prune.prune(loading.load(folder / "harness.toml", {}), docker_client, keep=0)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with starter({**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}, tmp_path) as start:
        yield start


def model_of(file: Path) -> dict[str, Any]:
    with tarfile.open(file) as packed:
        member = packed.extractfile("model.json")
        assert member is not None
        found: dict[str, Any] = json.load(io.TextIOWrapper(member))
        return found


def test_all_steps_of_a_project_of_its_own(
    project: Callable[..., Path], start: Start, local_aws: LocalAWS, tmp_path: Path
) -> None:
    """On a local AWS that runs already, for what is in S3 before."""
    s3 = local_boto_session(local_aws.url, local_aws.region).client("s3")
    s3.create_bucket(Bucket="elsewhere")
    s3.put_object(Bucket="elsewhere", Key="there/data.txt", Body=b"there")
    folder = project("there.source = 's3://elsewhere/there/'", local_aws.url)

    status, report, log = finish(
        start("run", "--json", "--output", str(tmp_path / "out"), cwd=folder)
    )

    assert status == 0, log
    assert "--fast hello" in log  # of the processing job
    assert report["passed"]
    assert report["metrics"] == {
        "loss": 0.25,
        "file_r2": 1.0,
        "file_neg_mean_absolute_error": 0.0,
        "file_worst": 0.0,
        "function_r2": pytest.approx(1 - 1 / 4.5),
        "function_neg_mean_absolute_error": -0.5,
        "function_worst": 1.0,
    }
    out = tmp_path / "out"
    assert (report["output"], report["model"]) == (str(out), str(out / "model.tar.gz"))
    model = model_of(out / "model.tar.gz")
    assert model["given"] == {"factors": "[2, 3]", "rate": "0.5"}
    assert model["seen"] == {
        "clean/rows.csv": "2,1\n4,2\n6,3",
        "file/rows.csv": ROWS,
        "folder/rows.csv": ROWS,
        "folder/sub/more.txt": "more",
        "function/made.txt": "made",
        "there/data.txt": "there",
    }
    assert (out / "predictions/file.csv").read_text() == "2.0\n4.0\n6.0\n"
    assert (out / "predictions/function.csv").read_text() == "2.0\n4.0\n"
    assert (out / "transform/rows.csv.out").read_text().split() == ["2.0", "4.0", "6.0"]
    assert json.loads((out / "report.json").read_text())["run"] == report["run"]
    assert not (folder / "build").exists()
    kept = s3.list_objects_v2(Bucket="harness-local", Prefix=f"harness/{report['run']}/")
    assert "Contents" not in kept
    assert s3.get_object(Bucket="elsewhere", Key="there/data.txt")["Body"].read() == b"there"


@pytest.mark.slow
def test_steps_by_themselves_and_a_model_of_an_earlier_run(
    project: Callable[..., Path], start: Start, tmp_path: Path
) -> None:
    folder = project()

    status, trained, log = finish(start("run", "--json", "--only", "train", cwd=folder))
    assert status == 0, log
    assert trained["endpoint"] == ""
    assert trained["metrics"] == {"loss": 0.25}
    assert set(trained["thresholds"]) == {"loss"}
    model = folder / "build/runs" / trained["run"] / "model.tar.gz"
    assert trained["model"] == str(model)

    status, served, log = finish(
        start("run", "--json", "--from", "deploy", "--skip", "transform", "--model", str(model),
              cwd=folder)
    )  # fmt: skip
    assert status == 0, log
    assert served["training_job"] == ""
    assert served["metrics"]["file_r2"] == 1.0
    assert set(served["thresholds"]) == {"file_r2", "function_worst"}
    assert "train" not in served["seconds"]
    assert "building " not in log


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("data/rows.csv", ROWS, "a,x\n1,2\n"), "has no column 'y' (the target); it has a, x."),
        (("harness.toml", "data.py:score", "data.py:scor"), "data.py has no function scor."),
        (("harness.toml", '"data"', '"dat"'), "channels.folder.source = 'dat': there is no such"),
        (("harness.toml", '"r2"', '"r3"'), "metrics.scores: scikit-learn has no score 'r3'"),
    ],
)
def test_what_would_stop_it_later_stops_it_before_anything_is_made(
    project: Callable[..., Path], start: Start, change: tuple[str, str, str], says: str
) -> None:
    folder = project()
    name, old, new = change
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))

    status, report, log = finish(start("run", "--json", cwd=folder))

    assert status in (1, 2)
    assert says in report["error"]
    assert "\n" not in report["error"]
    assert "build ..." not in log
    assert "Traceback" not in log
