"""`harness run` from outside: Gauss3 from numbers to a score, and what happens when it fails."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import requests

from harness.config import loading
from harness.image import prune
from harness.local.engine.sessions import LABEL_LOCK
from tests.forked import Forked, starter
from tests.integration.support import finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker import DockerClient

    from harness.image.build import BuiltImage

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def environ(gam_image: BuiltImage, tmp_path: Path) -> dict[str, str]:
    """With a state folder of its own, and what must not reach a local container."""
    return {
        **os.environ,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
        "AWS_SECRET_ACCESS_KEY": "a-real-secret",
    }


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Callable[..., Forked]]:
    """Starts `harness` in the project."""
    with starter(environ, ROOT) as start:
        yield start


@pytest.fixture
def leftovers(docker_client: DockerClient, tmp_path: Path) -> Callable[[], list[str]]:
    """Containers and networks of what was started here, and not those of others on this engine."""

    def leftovers() -> list[str]:
        ours = {"label": LABEL_LOCK}
        found = docker_client.api.containers(all=True, filters=ours)
        found += docker_client.api.networks(filters=ours)
        return [
            # One that is being removed has no name any more.
            each.get("Name") or (each["Names"] or [each["Id"]])[0]
            for each in found
            if Path(each["Labels"][LABEL_LOCK]).is_relative_to(tmp_path)
        ]

    return leftovers


def until(process: Forked, text: str) -> str:
    """Read the process's stderr until a line has `text`; returns that line."""
    assert process.stderr is not None
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    try:
        seen = []
        for line in process.stderr:
            seen.append(line)
            if text in line:
                return line
    finally:
        watchdog.cancel()
    raise AssertionError(f"{text!r} did not come:\n{''.join(seen)}")


def test_gauss3_reaches_the_published_scores(
    environ: dict[str, str], leftovers: Callable[[], list[str]]
) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "harness", "run", "--json"],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    log = ran.stderr

    assert ran.returncode == 0, log
    report = json.loads(ran.stdout.splitlines()[-1])
    assert report["passed"] is True
    assert report["target"] == "local"
    assert report["image"].startswith("harness-gam:")
    assert round(report["metrics"]["train_r2"], 4) == 0.9967
    assert round(report["metrics"]["test_r2"], 4) == 0.9972
    assert report["metrics"]["test:r2"] == pytest.approx(report["metrics"]["test_r2"], abs=1e-5)
    assert report["thresholds"]["test_r2"] == {"min": 0.996, "published": 0.9972}
    output = ROOT / "build/runs" / report["run"]
    assert report["output"] == str(output)
    assert {path.name for path in output.iterdir()} == {
        "model.tar.gz", "output.tar.gz", "predictions", "logs",
        "report.html", "report.json", "junit.xml",
    }  # fmt: skip
    with tarfile.open(report["model"]) as model:
        assert model.getnames()
    assert len((output / "predictions/test.csv").read_text().splitlines()) == 63
    assert json.loads((output / "report.json").read_text())["metrics"] == report["metrics"]
    page = (output / "report.html").read_text()
    assert "NIST&#39;s certified model on the same rows: train 0.99665, test 0.99747." in page
    assert page.count('class="band model"') == 5  # of the curve and of what parts it, and a legend
    assert {"build", "train", "deploy", "predict", "total"} <= report["seconds"].keys()
    assert "train:r2=0.9967" in log
    assert "a-real-secret" not in log
    assert leftovers() == []


@pytest.mark.slow
def test_a_threshold_that_is_not_reached_is_status_1(
    start: Callable[..., Forked],
) -> None:
    process = start("run", HARNESS_THRESHOLDS_TEST_R2="0.9999")
    out, _ = process.communicate(timeout=240)

    assert process.returncode == 1
    assert "FAIL" in out
    assert "0.9999" in out
    page = ROOT / out.splitlines()[-1].removeprefix("report ").strip()
    assert "below the threshold" in page.read_text()
    assert "<failure " in (page.parent / "junit.xml").read_text()


@pytest.mark.slow
def test_a_training_script_that_raises_is_status_1_with_its_words(
    start: Callable[..., Forked], leftovers: Callable[[], list[str]]
) -> None:
    status, report, log = finish(
        start("run", "--json", HARNESS_HYPERPARAMETERS_DF="3", HARNESS_HYPERPARAMETERS_DEGREE="3")
    )

    assert status != 0
    assert report["passed"] is False
    assert "df" in report["error"]
    assert "Traceback" not in report["error"]
    assert "CloudWatch" not in report["error"], "it ends with the run"
    assert leftovers() == []
    assert "unexpected" not in log
    left = ROOT / log.partition("what is left of the run: ")[2].splitlines()[0]
    written = json.loads((left.parent / "report.json").read_text())
    assert written["error"] == report["error"]
    assert [step["name"] for step in written["steps"]][-1] == "train"
    assert "Traceback" in (left.parent / "logs/TrainingJobs.log").read_text()
    assert "What went wrong" in left.read_text()


def test_sigterm_tears_down(
    start: Callable[..., Forked], leftovers: Callable[[], list[str]]
) -> None:
    process = start("run", "--json")
    until(process, "train ...")
    process.send_signal(signal.SIGTERM)
    status, report, _ = finish(process)

    assert status == 143
    assert report["error"] == "interrupted by SIGTERM and torn down."
    assert leftovers() == []


def until_container(leftovers: Callable[[], list[str]], part: str) -> None:
    """Return once what was started has a container whose name has `part`."""
    pause = threading.Event()
    for _ in range(600):
        if any(part in name for name in leftovers()):
            return
        pause.wait(0.05)
    pytest.fail(f"no container {part} within 30 s")


def local_aws_of(process: Forked) -> int:
    """The number of the process that is a run's local AWS."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (pid,) = (
        int(each)
        for each in children
        if b"harness.local" in Path(f"/proc/{each}/cmdline").read_bytes().split(b"\0")
    )
    return pid


def wait_until_ended(pid: int) -> None:
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            assert select.select([descriptor], [], [], 60)[0], f"process {pid} goes on"
        finally:
            os.close(descriptor)


@pytest.mark.parametrize(("step", "part"), [("train", "algo-1"), ("deploy", "AllTraffic")])
def test_a_killed_run_leaves_nothing(
    start: Callable[..., Forked],
    leftovers: Callable[[], list[str]],
    step: str,
    part: str,
) -> None:
    process = start("run")
    until(process, f"{step} ...")
    until_container(leftovers, part)
    local_aws = local_aws_of(process)
    process.kill()
    wait_until_ended(local_aws)

    assert leftovers() == []


@pytest.mark.slow
def test_what_is_killed_with_its_local_aws_the_next_start_removes(
    start: Callable[..., Forked], leftovers: Callable[[], list[str]]
) -> None:
    process = start("run")
    until(process, "train ...")
    until_container(leftovers, "algo-1")
    for pid in (local_aws_of(process), process.pid):
        os.kill(pid, signal.SIGKILL)
    process.wait()

    # That it names what it removed, others see: what another test starts may have been quicker.
    start("clean").communicate(timeout=60)

    assert leftovers() == []


@pytest.mark.slow
def test_a_run_whose_local_aws_is_killed_says_so(
    start: Callable[..., Forked], leftovers: Callable[[], list[str]]
) -> None:
    process = start("run", "--json")
    until(process, "train ...")
    until_container(leftovers, "algo-1")
    os.kill(local_aws_of(process), signal.SIGKILL)
    status, report, log = finish(process)

    assert status == 1
    assert "the local AWS was killed by signal 9 while it was needed" in report["error"]
    assert "Traceback" not in log
    start("clean").communicate(timeout=60)
    assert leftovers() == []


@pytest.mark.slow
def test_clean_leaves_a_run_that_lives_alone(
    start: Callable[..., Forked],
) -> None:
    running = start("run", "--json")
    until(running, "train ...")
    out, _ = start("clean", "--json").communicate(timeout=60)
    status, report, log = finish(running)

    assert status == 0, log
    removed = json.loads(out)["removed"]
    assert [name for name in removed if name.startswith(report["training_job"])] == []


@pytest.mark.slow
def test_a_kept_endpoint_serves_until_ctrl_c(
    start: Callable[..., Forked], leftovers: Callable[[], list[str]]
) -> None:
    process = start("run", "--json", "--keep")
    command = until(process, "curl ").split()
    # As the printed command does; a bare Debian has no curl.
    answer = requests.post(command[-1], "100", headers={"Content-Type": "text/csv"}, timeout=60)
    process.send_signal(signal.SIGINT)
    status, _, log = finish(process)

    (prediction,) = answer.json()
    assert 30 < prediction < 200
    assert status == 0, log
    assert leftovers() == []


def test_an_engine_that_does_not_run_is_one_sentence(
    start: Callable[..., Forked], tmp_path: Path
) -> None:
    status, report, log = finish(
        start(
            "run",
            "--json",
            DOCKER_HOST=f"unix://{tmp_path}/no-engine.sock",
            HARNESS_NO_ENGINE_SETUP="1",
        )
    )

    assert status == 1
    assert f"{tmp_path}/no-engine.sock" in report["error"]
    assert "Traceback" not in log


def test_an_unchanged_project_is_not_built_again(
    start: Callable[..., Forked], gam_image: BuiltImage
) -> None:
    status, built, log = finish(start("build", "--json"))

    assert status == 0, log
    assert built["image"] == gam_image.name
    assert built["built"] is False
    assert built["seconds"] == 0.0


@pytest.mark.slow
def test_a_changed_model_logic_is_built_and_runs(
    start: Callable[..., Forked],
    tmp_path: Path,
    gam_image: BuiltImage,
    docker_client: DockerClient,
) -> None:
    project = tmp_path / "project"
    for part in ("container", "gam_model", "examples/gauss3"):
        ignore = shutil.ignore_patterns("__pycache__", "tests")
        shutil.copytree(ROOT / part, project / part, ignore=ignore)
    shutil.copy(ROOT / "harness.toml", project)
    logic = project / "container/code/model_logic.py"
    # Never the same twice, or the image would be there already.
    logic.write_text(logic.read_text() + f'\nprint("an edited model_logic.py, {uuid4()}")\n')

    try:
        status, report, log = finish(start("run", "--json", cwd=project))
    finally:
        prune.prune(loading.load(project / "harness.toml", {}), docker_client, keep=0)

    assert status == 0, log
    assert report["image"] != gam_image.name
    assert report["seconds"]["build"] > 0
    assert "an edited model_logic.py" in log


@pytest.mark.slow
def test_what_a_container_wrote_of_a_request_it_failed_is_told(
    start: Callable[..., Forked], tmp_path: Path, docker_client: DockerClient
) -> None:
    """In the error itself: the log is gone with the run."""
    project = tmp_path / "quick"
    shutil.copytree(ROOT / "tests/integration/quick", project)
    program = project / "container/quick.py"
    post = "    def do_POST(self) -> None:\n"
    failing = f'{post}        raise KeyError("no such column")\n\n'
    program.write_text(program.read_text().replace(post, failing + post.replace("POST", "PUT")))
    try:
        status, report, log = finish(start("run", "--json", cwd=project))
    finally:
        prune.prune(loading.load(project / "harness.toml", {}), docker_client, keep=0)
    assert status == 1
    assert "KeyError: 'no such column'" in report["error"]
    assert "  |   File " in log
