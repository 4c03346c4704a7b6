"""The flow: build → push → stage data → process → train → deploy → predict → transform → tear down.

`run` is the whole of it, one function a step. The same code runs on the local AWS and on the real
one: which of them is a matter of the connection, never of a step.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.account.checks.settings import check_instance_types
from harness.config.settings import metric_name
from harness.console import Needed
from harness.errors import ConfigError, FlowError, HarnessError
from harness.flow.connection import Connection, connect
from harness.flow.context import begin
from harness.flow.output import Output, check_folder
from harness.flow.plan import Plan, make
from harness.flow.progress import Progress, Steps
from harness.flow.project import requests, scores
from harness.flow.record import seen as record
from harness.flow.record.history import RUNS
from harness.flow.report import Report, shown
from harness.flow.steps import stage as staging
from harness.flow.steps import train as training
from harness.flow.steps.compare import compare
from harness.flow.steps.deploy import (
    check_model,
    create_model,
    deploy,
    environment,
    scale,
    upload_model,
)
from harness.flow.steps.predict import predict_aloud
from harness.flow.steps.process import process
from harness.flow.steps.transform import transform
from harness.image import docker_engine
from harness.image.build import build
from harness.image.ecr.push import push as push_to_ecr
from harness.image.names import is_in_ecr

if TYPE_CHECKING:
    from pathlib import Path

    from docker import DockerClient

    from harness.config.settings import Settings
    from harness.flow.context import Run
    from harness.flow.project.requests import RequestSet
    from harness.flow.project.scores import Answers
    from harness.flow.record.seen import Phase, Seen
    from harness.flow.steps.compare import Comparison
    from harness.flow.steps.stage import Staged
    from harness.image.build import BuiltImage

Hold = Callable[[Report, Connection], None]
Show = Callable[[Report], None]


@dataclass
class Made:
    """What the steps have made so far, for those that follow."""

    staged: Staged = field(default_factory=lambda: staging.Staged({}))
    training_job: str = ""
    model_data: str = ""
    submitted: str = ""
    """Script mode's program in S3, as a hyperparameter has it."""
    endpoint: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    answers: list[Answers] = field(default_factory=list)
    local: Comparison | None = None
    model: str = ""
    phases: list[Phase] = field(default_factory=list)
    training_output: Path | None = None


def run(
    settings: Settings,
    *,
    progress: Progress,
    plan: Plan | None = None,
    hold: Hold | None = None,
    show: Show | None = None,
    to: AbstractContextManager[Connection] | None = None,
) -> Report:
    """Run the flow and tear down what it made, whatever happens.

    `plan` says which steps; by default all that the project has. `hold` is called with the report
    while the endpoint serves. Where all of it would end with this process, it ends when `hold`
    returns; where not, the endpoint is then left serving. `show` is called with the report once it
    is whole, before it is written, so that nobody waits for that. `to` is where the calls go, by
    default the settings' target.

    What is left of the run is in its folder then (`harness.flow.output`), also of one that failed.

    Raises:
        HarnessError: a step failed, or something could not be torn down.
    """
    plan = plan or make(settings)
    steps = Steps(progress)
    with ExitStack() as stack:
        with steps("start"):
            connection = stack.enter_context(to or connect(settings))
            docker = docker_engine.ensure(progress)
            for note in connection.notes(settings):
                progress(note)
            asked = check(settings, plan)
        with steps("build"):
            built = build(settings, docker, progress=progress)
        this = begin(settings, connection, progress, keep=hold is not None)
        tear_down = stack.enter_context(this.tear_down)
        output = Output(this, plan.output)

        made = Made()
        try:
            _steps(this, plan, steps, docker, built, asked, output, made)
        except HarnessError as error:
            _record_failure(this, built, made, steps, output, plan, str(error))
            raise
        report = _report(this, built, made, steps, output)
        seen = _seen(this, made, steps, plan)
        if hold:
            _record(output, report, seen, plan, over=False)
            hold(report, connection)
            if not connection.ephemeral:
                tear_down.forget()
        over = time.monotonic()
    steps.ended("tear_down", over)
    report = replace(report, seconds=_seconds(steps, built))
    if show:
        show(report)
    _record(output, report, seen, plan)
    for note in seen.notes:
        progress(note)
    return report


def _record(output: Output, report: Report, seen: Seen, plan: Plan, *, over: bool = True) -> None:
    """Write what is left of the run, unless it was none."""
    if plan.measured:
        output.record(report, seen, over=over)


def _record_failure(
    this: Run, built: BuiltImage, made: Made, steps: Steps, output: Output, plan: Plan, error: str
) -> None:
    """The same of a run that has failed: how far it came, and the logs that say why."""
    report = replace(_report(this, built, made, steps, output), error=error)
    try:
        _record(output, report, _seen(this, made, steps, plan), plan)
    except FlowError as other:  # what ended the run is what is to be told
        this.progress(str(other))
    else:
        if plan.measured:
            this.progress(Needed(f"what is left of the run: {shown(report.report)}"))


def _seen(this: Run, made: Made, steps: Steps, plan: Plan) -> Seen:
    if plan.measured:
        for each in this.logs.values():
            each.gather()
    seen = record.see(
        this.settings,
        steps.began,
        steps.taken,
        answers=made.answers,
        phases=made.phases,
        logs=list(this.logs.values()),
        output=made.training_output,
    )
    if this.settings.report.curve and made.training_job and not made.training_output:
        seen.notes.append(
            f"report.curve = {this.settings.report.curve!r}: the training job has left nothing in "
            "/opt/ml/output/data."
        )
    return seen


def check(settings: Settings, plan: Plan) -> list[RequestSet]:
    """What the endpoint will be asked.

    Raises:
        ConfigError: something would stop the run later; nothing is made yet.
        FlowError: the same, of the project's requests.
    """
    place = settings.place
    if missing := [key for key in ("role_arn", "bucket") if not getattr(place, key)]:
        keys = " and ".join(f"{settings.target}.{key}" for key in missing)
        raise ConfigError(f"{keys}: must be given, in harness.toml or by a variable.")
    for each in check_instance_types(settings):
        if not each.ok:
            raise ConfigError(f"{each.detail}: {each.remedy}.")
    check_folder(plan.output or settings.root / RUNS)
    record.check(settings)
    staging.check(settings, plan)
    if "train" in plan:
        training.check(settings)
    if plan.model:
        check_model(plan.model)
    if "predict" not in plan:
        return []
    asked = requests.read(settings)
    scores.check(settings, asked)
    return asked


def _steps(
    this: Run,
    plan: Plan,
    steps: Steps,
    docker: DockerClient,
    built: BuiltImage,
    asked: list[RequestSet],
    output: Output,
    made: Made,
) -> None:
    """The plan's steps, each in its turn."""
    settings, boto = this.settings, this.connection.boto
    uri = built.name
    if "push" in plan:
        with steps("push"):
            uri = push(this, docker, built)
    if "stage" in plan or "transform" in plan:
        with steps("stage"):
            made.staged = staging.stage(this, plan)
    if "process" in plan:
        with steps("process"):
            process(this, uri, made.staged)
    if "train" in plan:
        with steps("train"):
            job = training.train(this, uri, made.staged)
        made.training_job = str(job.training_job_name)
        made.model_data = str(job.model_artifacts.s3_model_artifacts)
        made.submitted = training.submitted(job)
        made.metrics |= training.logged_metrics(job)
        made.phases = training.phases(job)
        archive = output.model(boto, made.model_data)
        made.model = str(archive)
        if warning := training.nothing_left(archive):
            this.progress(Needed(warning))
        if settings.report.curve:
            made.training_output = output.training_output(boto, made.model_data)
    elif plan.model:
        made.model, made.model_data = plan.model, upload_model(this, plan.model)
        made.submitted = training.script(this).get(training.SUBMITTED, "")
    if plan.steps & {"deploy", "transform"}:
        create_model(this, uri, made.model_data, environment(this, made.submitted))
    if "deploy" in plan:
        with steps("deploy"):
            endpoint = deploy(this)
            made.endpoint = str(endpoint.endpoint_name)
            scale(this)
    if "predict" in plan:
        with steps("predict"):
            made.answers = predict_aloud(this, endpoint, asked)
        output.answers(made.answers)
        if plan.measured:
            made.metrics |= scores.measure(settings, made.answers)
    if "compare" in plan:
        with steps("compare"):
            made.local = compare(this, built, made.model_data, made.answers)
    if "transform" in plan:
        with steps("transform"):
            transformed = transform(this, made.staged)
        output.transformed(boto, transformed)


def push(this: Run, docker: DockerClient, built: BuiltImage) -> str:
    """Put the image where its containers will run; returns the name to run it by."""
    if not this.settings.place.repository or is_in_ecr(built.name):
        return built.name
    boto = this.connection.boto
    engine = this.connection.engine(docker)
    return push_to_ecr(this.settings, boto, engine, built, progress=this.progress)


def _report(this: Run, built: BuiltImage, made: Made, steps: Steps, output: Output) -> Report:
    settings = this.settings
    measured = bool(made.answers)
    return Report(
        target=settings.target,
        region=settings.region,
        run=this.name,
        image=built.name,
        training_job=made.training_job,
        model_data=made.model_data,
        endpoint=made.endpoint,
        metrics=made.metrics,
        scores={
            score: {each: metric_name(each, score) for each in settings.requests}
            for score in settings.metrics.scores
            if measured
        },
        thresholds={
            name: threshold
            for name, threshold in settings.thresholds.items()
            # Of what the plan's steps measure: the log of a job, or the answers.
            if (made.training_job if name in settings.metrics.definitions else measured)
        },
        local=made.local,
        output=str(output.folder),
        model=made.model,
        report=str(output.page),
        seconds=_seconds(steps, built),
    )


def _seconds(steps: Steps, built: BuiltImage) -> dict[str, float]:
    return steps.so_far() | {"build": built.seconds}
