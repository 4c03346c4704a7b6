"""Rules for `docker run IMAGE train`."""

from __future__ import annotations

import re
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.check import contract, training_run
from harness.check.contract import check
from harness.check.server import Conditions
from harness.check.subject import EXTRA_CHANNEL, EXTRA_HYPERPARAMETERS, as_json
from harness.check.verdict import NotTriedError, UnstartableError, failed, passed, warned
from harness.local.engine import inspection
from harness.local.engine.container import KILLED

if TYPE_CHECKING:
    from harness.check.subject import Subject
    from harness.check.training_run import Setup, TrainingRun
    from harness.check.verdict import Verdict

LONG = 10
"""Seconds from which on a training should end when it is told to, and not when it is done."""

BEGINS = 10.0
"""Seconds at most, and half of a training at most, in which it may get ready for SIGTERM."""

LOOKS = 0.05
"""Seconds between two looks at whether it is."""

_OWN = re.compile(
    r"/(?:opt/ml|tmp|var/tmp|run|var/run|var/log|dev|proc|sys)(?:/|$)"
    r"|/etc/(?:hosts|hostname|resolv\.conf|mtab|ld\.so\.cache)$"
    r"|.*/(?:__pycache__|\.cache|\.config|\.local)(?:/|$)"
)
"""Where a training may write: what nobody misses."""


@check("training", "argument", contract.TRAINING_IMAGE)
def argument(subject: Subject) -> Verdict:
    """The image trains when it is given the argument `train`, and no other."""
    attempt = subject.attempt()
    if attempt.completed:
        return passed("it trains, given the argument train")
    if _without_argument(subject):
        return failed(
            f"given train, {attempt.words}; without an argument it trains",
            "have the entry point take train and serve as its first argument",
        )
    raise NotTriedError(f"it doesn't train: {attempt.words}", "see training/completes")


@check("training", "hyperparameters", contract.TRAINING_INFORMATION)
def hyperparameters(subject: Subject) -> Verdict:
    """It reads hyperparameters.json as SageMaker writes it: every value is a string."""
    attempt = subject.attempt()
    if not subject.inputs.hyperparameters:
        raise NotTriedError("no hyperparameters were given", "give them: --hyperparameters JSON")
    if attempt.completed:
        return passed("it trains with strings for values")
    if _with_numbers(subject):
        return failed(
            f'with strings, such as {{"epochs": "10"}}, {attempt.words}; with numbers it trains',
            "convert each value: int(hyperparameters['epochs'])",
        )
    raise NotTriedError(f"it doesn't train: {attempt.words}", "see training/completes")


@check("training", "completes", contract.TRAINING_END)
def completes(subject: Subject) -> Verdict:
    """It trains on the data that was given, and ends with exit code 0."""
    try:
        attempt = subject.attempt()
    except UnstartableError as error:
        return failed(str(error), "see to it that `docker run IMAGE train` starts")
    if attempt.completed:
        return passed(f"exit code 0 after {attempt.seconds:.1f} s")
    if _without_argument(subject):
        raise NotTriedError("it doesn't take the argument train", "see training/argument")
    if _with_numbers(subject):
        raise NotTriedError("it reads values as numbers", "see training/hyperparameters")
    if attempt.timed_out:
        return failed(attempt.words, "check it on less data, or give it more time: --time-limit")
    return failed(attempt.words, "mend it, or give it other data or hyperparameters")


@check("training", "model", contract.TRAINING_OUTPUT)
def model(subject: Subject) -> Verdict:
    """It writes its model under /opt/ml/model, which becomes model.tar.gz."""
    attempt = subject.attempt()
    if not attempt.completed:
        raise NotTriedError(f"it doesn't train: {attempt.words}", "see training/completes")
    if not attempt.model:
        return failed("/opt/ml/model was empty in the end", "write the model to /opt/ml/model")
    names = list(attempt.model.digests)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return passed(f"{', '.join(names[:3])}{more}, {attempt.model.size / 1e6:.2f} MB")


@check("training", "extra-hyperparameters", contract.TRAINING_INFORMATION)
def extra_hyperparameters(subject: Subject) -> Verdict:
    """Hyperparameters that nobody wrote don't break it.

    Tuning jobs add _tuning_objective_metric, and SageMaker's SDK some that begin with sagemaker_.
    What else it doesn't know it may refuse.
    """
    setup = replace(
        subject.plain,
        hyperparameters={**subject.inputs.hyperparameters, **EXTRA_HYPERPARAMETERS},
    )
    found = _variant(subject, setup)
    names = ", ".join(EXTRA_HYPERPARAMETERS)
    if found.completed:
        return passed(f"it trains with {names} on top")
    return failed(f"with {names} on top, {found.words}", "leave out those that aren't yours")


@check("training", "extra-channels", contract.TRAINING_INFORMATION)
def extra_channels(subject: Subject) -> Verdict:
    """A channel that it doesn't know doesn't break it: whoever makes a job may add some."""
    found = _variant(subject, replace(subject.plain, extra_channel=EXTRA_CHANNEL))
    if found.completed:
        return passed(f"it trains with a channel {EXTRA_CHANNEL} on top")
    return failed(
        f"with a channel {EXTRA_CHANNEL} on top, {found.words}",
        "read the channels by their names, not all that is below /opt/ml/input/data",
    )


@check("training", "no-network", contract.ISOLATION)
def no_network(subject: Subject) -> Verdict:
    """It trains without a network, as jobs with EnableNetworkIsolation do.

    Algorithms of the Marketplace always run so; for others it is a choice, so this only warns.
    """
    found = _variant(subject, replace(subject.plain, isolated=True))
    if found.completed:
        return passed("it trains without a network")
    return warned(
        f"without a network, {found.words}",
        "put what it fetches into the image or a channel, or don't ask for EnableNetworkIsolation",
    )


def _variant(subject: Subject, setup: Setup) -> TrainingRun:
    """A run with one thing on top; one with several, where that works."""
    unusual = subject.unusual()
    return unusual if unusual.completed else subject.run(setup)[0]


@check("training", "hosts", contract.TRAINING_INFORMATION)
def hosts(subject: Subject) -> Verdict:
    """It reads resourceconfig.json of two hosts, algo-1 and algo-2, and ends well on both.

    That matters with InstanceCount above 1, so it only warns.
    """
    subject.trained()
    runs = subject.run(replace(subject.plain, hosts=2))
    for number, run in enumerate(runs, 1):
        if not run.completed:
            return warned(
                f"of two hosts, algo-{number} fails: {run.words}",
                "let every host but the first of `hosts` do its part, or nothing and end with 0",
            )
    if not any(run.model for run in runs):
        return warned("neither of two hosts left a model", "have the first of `hosts` write it")
    return passed("algo-1 and algo-2 ended with exit code 0")


@check("training", "exit-code", contract.TRAINING_END)
def exit_code(subject: Subject) -> Verdict:
    """It ends with exit code 0 only with a model: a run that fails ends with another.

    With 0, the job counts as completed, and the failure shows when the model is deployed.
    """
    run = subject.with_garbage()
    if run.exit_code == 0:
        return failed(
            "with random bytes for data it ended with exit code 0, and without a model",
            "let the error end the program, or sys.exit(1) where it is caught",
        )
    return passed(f"exit code {run.exit_code} with random bytes for data")


@check("training", "failure", contract.TRAINING_OUTPUT)
def failure(subject: Subject) -> Verdict:
    """A run that fails says why in /opt/ml/output/failure.

    Its first 1,024 characters become the job's failure reason, which is else empty.
    """
    run = subject.with_garbage()
    if run.exit_code == 0:
        raise NotTriedError("the run that should fail ended with 0", "see training/exit-code")
    if run.failure:
        return passed(f"it wrote: {' '.join(run.failure.split())[:160]}")
    return warned(
        f"exit code {run.exit_code}, and no /opt/ml/output/failure",
        "write the error to that file before the program ends",
    )


@check("training", "sigterm", contract.TRAINING_IMAGE)
def sigterm(subject: Subject) -> Verdict:
    """SIGTERM ends it within 120 s: that is how a job is stopped.

    Then it is killed. What stands under /opt/ml/model by then is kept, whole or not.
    """
    usual = subject.trained().seconds
    if subject.shell_form:
        raise NotTriedError("a shell is process 1", "see image/exec-form")
    grace = subject.limits.training_stop
    with training_run.started(subject.containers, subject.image, subject.plain) as [(it, _)]:
        until = time.monotonic() + min(BEGINS, usual / 2)
        while not (hears := inspection.hears(it, signal.SIGTERM)) and time.monotonic() < until:
            if it.exited.wait(LOOKS):
                break
        begun = time.monotonic()
        it.stop(grace)
        seconds = time.monotonic() - begun
        killed = it.exit_code == KILLED and seconds >= grace
    words = f"it ended {seconds:.1f} s after SIGTERM"
    if killed:
        return failed(
            f"{grace} s after SIGTERM it still ran",
            "on SIGTERM, save what there is to /opt/ml/model and end",
        )
    if hears is False:
        words = f"process 1 doesn't listen to SIGTERM, but the training was over in {seconds:.1f} s"
        if usual > LONG:
            return warned(words, "handle SIGTERM: a longer one would be killed, unsaved")
    return passed(words)


@check("training", "files", contract.TRAINING_OUTPUT)
def files(subject: Subject) -> Verdict:
    """It writes nothing outside /opt/ml and /tmp: it would be lost, and may have no room.

    Caches and logs don't count: __pycache__, .cache, .config, .local, /run, /var/log, /var/tmp.
    """
    changes = subject.trained().changes
    # A folder counts as changed when something in it has.
    leaves = [path for path in changes if not any(each.startswith(f"{path}/") for each in changes)]
    outside = [path for path in leaves if not _OWN.match(path)]
    if not outside:
        return passed("nothing was written outside /opt/ml and /tmp")
    more = f" and {len(outside) - 3} more" if len(outside) > 3 else ""
    return warned(
        f"it changed {', '.join(outside[:3])}{more}",
        "write to /opt/ml/model, /opt/ml/output/data, /opt/ml/checkpoints or /tmp",
    )


@check("training", "repeatable", contract.TRAINING_OUTPUT)
def repeatable(subject: Subject) -> Verdict:
    """The same data and hyperparameters give the same model: all that is random has a seed.

    The files are compared, and where they differ and there is a request, the models' answers.
    """
    first, second = subject.trained(), _again(subject)
    if first.model.digests == second.model.digests:
        return passed("two runs gave the same files")
    names = sorted(
        name
        for name in {*first.model.digests, *second.model.digests}
        if first.model.digests.get(name) != second.model.digests.get(name)
    )
    words = f"two runs gave different files: {', '.join(names[:3])}"
    remedy = "seed every random generator, from a hyperparameter"
    if subject.inputs.payload is None or subject.inputs.model is not None:
        return warned(words, remedy)
    try:
        answer = subject.answered()
    except NotTriedError:
        return warned(words, remedy)
    with subject.another(Conditions(model=second.model.pieces)) as server:
        other = subject.invoke(server)
    if (other.status, other.body) == (answer.status, answer.body):
        return passed(f"{words}, but the models give the same answer")
    return warned(f"{words}, and the models answer differently", remedy)


def _again(subject: Subject) -> TrainingRun:
    """Another run with the same data; what SageMaker adds on top doesn't count."""
    unusual = subject.unusual()
    digests = subject.trained().model.digests
    if unusual.completed and unusual.model.digests == digests:
        return unusual
    run = subject.run(subject.plain)[0]
    if not run.completed:
        raise NotTriedError(f"the second run fails: {run.words}", "see training/completes")
    return run


def _without_argument(subject: Subject) -> bool:
    """Whether it trains if it is given no argument; tried only where it doesn't with it."""
    if not subject.config.get("Entrypoint"):
        return False
    setup = replace(subject.plain, command=())
    run = subject.once("without argument", lambda: subject.run(setup)[0])
    return run.completed and bool(run.model)


def _with_numbers(subject: Subject) -> bool:
    """Whether it trains with hyperparameters that aren't strings; tried only where it doesn't."""
    values = {name: as_json(value) for name, value in subject.inputs.hyperparameters.items()}
    if values == subject.inputs.hyperparameters or subject.attempt().timed_out:
        return False
    setup = replace(subject.plain, hyperparameters=values)
    return subject.once("with numbers", lambda: subject.run(setup)[0]).completed
