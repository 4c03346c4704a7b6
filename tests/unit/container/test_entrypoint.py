"""`train` and `serve` as processes: statuses, signals and what they leave behind; no Docker.

SAGEMAKER_BASE_DIR stands for /opt/ml. The host's name is one that doesn't resolve.
"""

import ctypes
import http.client
import importlib.util
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest

CONTAINER = Path(__file__).parents[3] / "container"
LIMIT = 60  # seconds that anything may take


def needs(package):
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"{package} is part of the image, not of this")


def wait_for(condition, what):
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise TimeoutError(what)


class Container:
    """The image's process, without the container around it."""

    def __init__(self, root):
        self.root = root / "ml"
        self.process: subprocess.Popen[bytes] | None = None
        self.environ = {}
        for folder in ("code", "model", "input/config", "input/data/train", "output/data"):
            (self.root / folder).mkdir(parents=True)
        shutil.copy(CONTAINER / "code" / "model_logic.py", self.root / "code")

    def write(self, path, text):
        (self.root / path).write_text(text)

    def hyperparameters(self, **values):
        config = {
            "hyperparameters": values,
            "inputdataconfig": {"train": {"TrainingInputMode": "File"}},
            "resourceconfig": {"current_host": "algo-1.invalid", "hosts": ["algo-1.invalid"]},
        }
        for name, value in config.items():
            self.write(f"input/config/{name}.json", json.dumps(value))

    def start(self, *arguments):
        environ = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(CONTAINER), *sys.path]),
            "PYTHONUNBUFFERED": "1",
            "SAGEMAKER_PROGRAM": "model_logic.py",
            "SAGEMAKER_BASE_DIR": str(self.root),
            **self.environ,
        }
        self.log = (self.root / "log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, CONTAINER / "entrypoint.py", *arguments],
            env=environ,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        return self

    def output(self):
        return (self.root / "log").read_text()

    def failure(self):
        return (self.root / "output" / "failure").read_text()

    def status(self):
        assert self.process is not None
        return self.process.wait(timeout=LIMIT)

    def close(self):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.log.close()


@pytest.fixture
def container(tmp_path):
    container = Container(tmp_path)
    yield container
    container.close()


@pytest.mark.parametrize("arguments", [[], ["predict"], ["train", "now"]])
def test_other_arguments_are_refused(container, arguments):
    assert container.start(*arguments).status() == 2
    given = " ".join(arguments) or "nothing"
    assert container.output() == (
        f"This image takes one argument, train or serve, and was given {given}.\n"
    )


# train


@needs("sagemaker_training")
def test_train_leaves_a_model_and_exits_0(container):
    x = np.linspace(0, 10, 80)
    table = np.column_stack([x, np.sin(x)])
    np.savetxt(container.root / "input/data/train/data.csv", table, delimiter=",")
    container.hyperparameters(**{"train-file": "data.csv", "df": "[12]", "alpha": "0.1"})
    assert container.start("train").status() == 0, container.output()
    model = joblib.load(container.root / "model/model.joblib")
    assert (model.df, model.alpha) == ([12], 0.1)
    assert "\ntrain:r2=0.99" in container.output()
    assert not (container.root / "output/failure").exists()


@needs("sagemaker_training")
@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (
            "import sys\nsys.stderr.write('noise\\n')\nraise ValueError('No doses.')",
            'ErrorMessage "ValueError: No doses."',
        ),
        ("import sys\nsys.exit('Give me\\nmore rows.')", 'ErrorMessage "Give me\nmore rows."'),
        ("import sys\nprint('x' * 5000 + ' end', file=sys.stderr)\nsys.exit(7)", ' end"\nCommand'),
        (
            "try:\n    {}['a']\nexcept KeyError as e:\n    raise RuntimeError('y' * 5000) from e",
            'ErrorMessage "RuntimeError: yyy',
        ),
        ("import os\nos._exit(3)", 'ExitCode 3\nErrorMessage ""'),
        ("import os\nos.kill(os.getpid(), 9)", "ran out of memory"),
    ],
    ids=["exception", "sys.exit", "long-line", "chained", "silent", "killed"],
)
def test_failing_script_leaves_its_words(container, script, sentence):
    """SageMaker shows the first 1,024 characters of the file as the job's failure reason."""
    container.hyperparameters(**{"train-file": "data.csv"})
    container.write("code/model_logic.py", script)
    assert container.start("train").status() == 1
    assert container.failure().startswith("ExecuteUserScriptError:\n")
    assert sentence in container.failure()[:1024]
    assert "Command" in container.failure()[:1024]
    assert "Reporting training FAILURE" in container.output()


@needs("sagemaker_training")
def test_input_errors_reach_the_failure_file(container):
    container.hyperparameters(**{"train-file": "gone.csv"})
    assert container.start("train").status() == 1
    assert (
        "ErrorMessage \"No file gone.csv in the channel 'train'; it holds nothing.\""
        in container.failure()
    )


@needs("sagemaker_training")
def test_output_stays_in_whole_lines(container):
    """A line that is written in pieces reaches the log as one: metrics are found by line."""
    container.hyperparameters()
    container.write(
        "code/model_logic.py",
        "import sys, time\nfor word in ('train:', 'r2=', '0.5'):\n"
        "    print(word, end='')\n    time.sleep(0.05)\nprint()",
    )
    assert container.start("train").status() == 0, container.output()
    assert "train:r2=0.5\n" in container.output()


@needs("sagemaker_training")
def test_sigterm_reaches_the_script_which_may_save(container):
    container.hyperparameters()
    container.write(
        "code/model_logic.py",
        "import os, pathlib, signal, sys, time\n"
        "folder = pathlib.Path(os.environ['SM_MODEL_DIR'])\n"
        "def save(*_):\n    (folder / 'saved').touch()\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, save)\n(folder / 'ready').touch()\ntime.sleep(60)",
    )
    container.start("train")
    wait_for((container.root / "model/ready").exists, "the script to start")
    container.process.send_signal(signal.SIGTERM)
    assert container.status() == 0, container.output()
    assert (container.root / "model/saved").exists()


@needs("sagemaker_training")
def test_sigterm_ends_a_script_that_does_nothing_about_it(container):
    container.hyperparameters()
    container.write(
        "code/model_logic.py",
        "import os, pathlib, subprocess, sys\n"
        "pathlib.Path(os.environ['SM_MODEL_DIR'], 'ready').touch()\n"
        "subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])",
    )
    container.start("train")
    wait_for((container.root / "model/ready").exists, "the script to start")
    container.process.send_signal(signal.SIGTERM)
    assert container.status() == 1
    assert "stopped by SIGTERM" in container.failure()


# train: a program that comes with the job

WHO = "import os, sys; open(os.environ['SM_MODEL_DIR'] + '/who', 'w').write('{}' + sys.argv[-1])"


def submit(container, files, program, **hyperparameters):
    """Hyperparameters of a job in script mode, as the SDK writes them, and its program."""
    archive = container.root / "input/data/sourcedir.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            packed.addfile(member, io.BytesIO(text.encode()))
    own = {"sagemaker_program": program, "sagemaker_submit_directory": str(archive)}
    both = {**own, **hyperparameters}
    container.hyperparameters(**{name: json.dumps(value) for name, value in both.items()})
    return archive


@needs("sagemaker_training")
@pytest.mark.parametrize("variable", ["", "model_logic.py"])
def test_the_jobs_program_runs_and_not_the_images_own(container, variable):
    container.environ["SAGEMAKER_PROGRAM"] = variable
    submit(container, {"train.py": WHO.format("theirs"), "lib/a.py": ""}, "train.py", word="hello")
    assert container.start("train").status() == 0, container.output()
    assert (container.root / "model/who").read_text() == "theirshello"
    kept = {path.name for path in (container.root / "model/code").iterdir()}
    assert kept == {"train.py", "lib"}  # for what serves, without the image's own


@needs("sagemaker_training")
def test_without_one_the_images_own_runs(container):
    container.environ |= {"SAGEMAKER_PROGRAM": "", "DEFAULT_PROGRAM": "own.py"}
    container.write("code/own.py", WHO.format("own"))
    container.hyperparameters(word="hello")
    assert container.start("train").status() == 0, container.output()
    assert (container.root / "model/who").read_text() == "ownhello"
    assert not (container.root / "model/code").exists()


@needs("sagemaker_training")
def test_what_is_normal_isnt_told_as_if_it_were_an_error(container):
    submit(container, {"train.py": WHO.format("theirs")}, "train.py", word="hello")
    container.hyperparameters(
        **json.loads((container.root / "input/config/hyperparameters.json").read_text()),
        plain="no JSON",
    )
    assert container.start("train").status() == 0, container.output()
    for words in ("Failed to parse", "abandoning", "No Neurons", "No GPUs", "Bypass DNS"):
        assert words not in container.output()
    assert "Reporting training SUCCESS" in container.output()


@needs("sagemaker_training")
@pytest.mark.parametrize(
    ("files", "program", "sentence"),
    [
        (
            {"other.py": ""},
            "train.py",
            "No train.py in {}, which holds other.py: sagemaker_program",
        ),
        ({}, "train.py", "No train.py in {}, which holds nothing: sagemaker_program"),
        (
            {"train.py": "", "requirements.txt": "./gone"},
            "train.py",
            "`pip install -r requirements.txt` ended with status 1: ERROR: ",
        ),
        ({"train.py": ""}, "../train.py", "contains '.' or '..' path segments"),
    ],
    ids=["missing", "empty", "requirements", "outside"],
)
def test_a_program_that_cant_run_fails_in_one_sentence(container, files, program, sentence):
    archive = submit(container, files, program)
    assert container.start("train").status() == 1
    assert sentence.format(archive) in container.failure()


@needs("sagemaker_training")
def test_a_program_that_isnt_there_fails_in_one_sentence(container):
    archive = submit(container, {}, "train.py")
    archive.unlink()
    assert container.start("train").status() == 1
    assert container.failure() == (
        f"The program that was submitted is not at {archive}: there is nothing."
    )


# serve

SLOW = """
import os, pathlib, threading, time
def model_fn(model_dir):
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()  # as libraries do
    pathlib.Path(os.environ['SAGEMAKER_BASE_DIR'], 'loading').touch()
    while not pathlib.Path(model_dir, 'go').exists():
        time.sleep(0.01)
    return 'model'
def input_fn(input_data, content_type):
    return input_data
def predict_fn(data, model):
    pathlib.Path(os.environ['SAGEMAKER_BASE_DIR'], data.decode()).touch()
    while data == b'stuck' or data == b'slow' and not pathlib.Path(
            os.environ['SAGEMAKER_BASE_DIR'], 'continue').exists():
        time.sleep(0.01)
    return str(os.getpid())
def output_fn(prediction, accept):
    return prediction
"""


@pytest.fixture
def serving(container):
    """A server whose model waits to be told: `go` loads it, `continue` ends slow requests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        container.port = free.getsockname()[1]
    container.environ = {
        "SAGEMAKER_BIND_TO_PORT": str(container.port),
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
    }
    container.write("code/model_logic.py", SLOW)
    return container


def request(container, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", container.port, timeout=LIMIT)
    try:
        connection.request(method, path, body, {"Content-Type": "text/plain"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def answers(container):
    if container.process.poll() is not None:
        pytest.fail(container.output())
    try:
        return request(container, "GET", "/ping")[0] == 200
    except OSError:
        return False


def up(container):
    container.write("model/go", "")
    container.start("serve")
    wait_for(lambda: answers(container), "the first ping")
    return container


@needs("httptools")
def test_nothing_listens_before_the_model_is_loaded(serving):
    serving.start("serve")
    wait_for((serving.root / "loading").exists, "the model to be loaded")
    with pytest.raises(ConnectionRefusedError):
        request(serving, "GET", "/ping")
    serving.write("model/go", "")
    wait_for(lambda: answers(serving), "the first ping")
    assert "Model loaded" in serving.output()


@needs("httptools")
def test_model_that_cant_be_loaded_ends_the_server(container):
    assert container.start("serve").status() == 1
    assert "serve: model_fn can't load the model from" in container.output()
    assert "FileNotFoundError" in container.output()


@needs("httptools")
def test_impossible_default_accept_ends_the_server(container):
    joblib.dump(None, container.root / "model/model.joblib")
    container.environ["SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"] = "text/html"
    assert container.start("serve").status() == 1
    assert "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT is 'text/html'" in container.output()


@needs("httptools")
def test_ping_is_answered_while_predictions_run(serving):
    up(serving)
    slow = threading.Thread(target=request, args=(serving, "POST", "/invocations", b"slow"))
    slow.start()
    wait_for((serving.root / "slow").exists, "the request to run")
    assert request(serving, "GET", "/ping") == (200, b"")
    assert slow.is_alive()
    serving.write("continue", "")
    slow.join(LIMIT)


@needs("httptools")
def test_sigterm_lets_the_running_request_end(serving):
    up(serving)
    result = []
    slow = threading.Thread(
        target=lambda: result.append(request(serving, "POST", "/invocations", b"slow"))
    )
    slow.start()
    wait_for((serving.root / "slow").exists, "the request to run")
    serving.process.send_signal(signal.SIGTERM)

    def refused():
        try:
            request(serving, "GET", "/ping")
        except OSError:
            return True
        return False

    wait_for(refused, "the server to stop listening")
    assert serving.process.poll() is None
    serving.write("continue", "")
    assert serving.status() == 0
    slow.join(LIMIT)
    assert result[0][0] == 200


def signal_another_thread(process):
    """Sends SIGTERM to a thread other than the main one, as the kernel may."""
    tasks = Path(f"/proc/{process}/task")
    other = next(int(task.name) for task in tasks.iterdir() if int(task.name) != process)
    assert ctypes.CDLL(None, use_errno=True).tgkill(process, other, signal.SIGTERM) == 0


@needs("httptools")
def test_sigterm_ends_the_server_whichever_thread_gets_it(serving):
    up(serving)
    signal_another_thread(serving.process.pid)
    assert serving.status() == 0


@needs("httptools")
def test_sigterm_ends_a_worker_whichever_thread_gets_it(serving):
    up(serving)
    worker = int(request(serving, "POST", "/invocations", b"who")[1])
    signal_another_thread(worker)
    wait_for(lambda: not Path(f"/proc/{worker}").exists(), "the worker to end")


@needs("httptools")
def test_sigterm_ends_workers_that_are_being_started(serving):
    serving.environ["SAGEMAKER_MODEL_SERVER_WORKERS"] = "2"
    serving.write("model/go", "")
    serving.start("serve")
    server = serving.process.pid
    wait_for(Path(f"/proc/{server}/task/{server}/children").read_text, "the first worker")
    serving.process.send_signal(signal.SIGTERM)
    assert serving.status() == 0
    assert "Killing" not in serving.output()


@needs("httptools")
def test_sigterm_isnt_held_up_by_an_idle_connection(serving):
    up(serving)
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=LIMIT)
    connection.request("GET", "/ping")
    assert connection.getresponse().read() == b""
    serving.process.send_signal(signal.SIGTERM)
    assert serving.status() == 0
    connection.close()


@needs("httptools")
def test_worker_that_dies_is_replaced(serving):
    up(serving)
    worker = int(request(serving, "POST", "/invocations", b"who")[1])
    os.kill(worker, signal.SIGKILL)

    def replaced():
        try:
            status, body = request(serving, "POST", "/invocations", b"who")
        except OSError:
            return False
        return status == 200 and int(body) != worker

    wait_for(replaced, "a new worker")


@needs("httptools")
def test_worker_that_is_stuck_is_replaced(serving):
    serving.environ["SAGEMAKER_MODEL_SERVER_TIMEOUT"] = "1"
    up(serving)
    worker = int(request(serving, "POST", "/invocations", b"who")[1])
    with pytest.raises(OSError):  # noqa: PT011  (closed or reset, as it comes)
        request(serving, "POST", "/invocations", b"stuck")
    wait_for(lambda: answers(serving), "a new worker")
    assert int(request(serving, "POST", "/invocations", b"who")[1]) != worker
    assert "A request took more than 1 s (SAGEMAKER_MODEL_SERVER_TIMEOUT)" in serving.output()
    assert "in predict_fn" in serving.output()


ANSWERING = """
def model_fn(model_dir):
    return 'model'
def transform_fn(model, data, content_type, accept):
    return {!r}
"""


@needs("httptools")
def test_the_program_that_was_submitted_serves(serving):
    serving.environ |= {"SAGEMAKER_PROGRAM": "inference.py"}
    archive = submit(serving, {"inference.py": ANSWERING.format("submitted")}, "")
    serving.environ["SAGEMAKER_SUBMIT_DIRECTORY"] = str(archive)
    up(serving)
    assert request(serving, "POST", "/invocations", b"who") == (200, b"submitted")
    assert re.search(r"Model loaded in .* s by /.*/inference.py;", serving.output())


@needs("httptools")
def test_the_program_that_came_with_the_model_serves(serving):
    serving.environ |= {"SAGEMAKER_PROGRAM": "", "SAGEMAKER_SUBMIT_DIRECTORY": ""}
    (serving.root / "model/code/lib").mkdir(parents=True)
    serving.write("model/code/lib/beside.py", ANSWERING.format("in the model"))
    serving.write("model/code/inference.py", "from beside import model_fn, transform_fn")
    serving.write("model/code/requirements.txt", "numpy\n")
    up(serving)
    assert request(serving, "POST", "/invocations", b"who") == (200, b"in the model")
    assert "Installing what requirements.txt asks for" in serving.output()


@needs("httptools")
def test_where_it_cant_be_fetched_the_one_beside_the_model_serves(serving):
    serving.environ |= {
        "SAGEMAKER_PROGRAM": "train.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "s3://gone/sourcedir.tar.gz",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }
    serving.start("serve")
    assert serving.status() == 1
    assert "serve: The program that was submitted can't be fetched from s3://gone" in (
        serving.output()
    )
    serving.close()
    (serving.root / "model/code").mkdir()
    serving.write("model/code/train.py", ANSWERING.format("beside the model"))
    up(serving)
    assert request(serving, "POST", "/invocations", b"who") == (200, b"beside the model")
    assert "which came with the model" in serving.output()


@needs("httptools")
@pytest.mark.parametrize("where", ["", "def model_fn(model_dir):\n    "])
def test_a_program_that_exits_says_so(container, where):
    container.write("code/model_logic.py", f"import sys\n{where}sys.exit(3)\n")
    assert container.start("serve").status() == 1
    assert re.search(
        r"serve: (model_fn|.*model_logic.py) can't .*: SystemExit: 3", container.output()
    )
