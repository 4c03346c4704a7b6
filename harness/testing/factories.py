"""The fixtures' factories: each makes something on the target and waits for it."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from harness.config.settings import (
    Channel,
    Metrics,
    Processing,
    ProcessingInput,
    ProcessingOutput,
    Transform,
)
from harness.config.values import Hyperparameter
from harness.errors import ConfigError, FlowError
from harness.flow.plan import Plan
from harness.flow.steps import stage as staging
from harness.flow.steps import train as training
from harness.flow.steps.deploy import create_model, deploy, environment, upload_model
from harness.flow.steps.process import process
from harness.flow.steps.transform import transform
from harness.suggestions import meant
from harness.testing.budget import ENDPOINT_SECONDS
from harness.testing.resources import (
    Endpoint,
    ProcessingJob,
    Resource,
    TrainingJob,
    TransformJob,
    objects,
)
from harness.testing.target import Lines, as_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic import BaseModel

    from harness.config.settings import Endpoint as SettingsEndpoint
    from harness.config.settings import Training
    from harness.flow.context import Run
    from harness.flow.steps.stage import Staged
    from harness.testing.target import Target

R = TypeVar("R", bound=Resource)

Data = Any
"""A path, an S3 URI, `FILE.py:FUNCTION`, or files by their names, of bytes or text."""


class Factories:
    """What the fixtures hand out. `folder` is for data that tests give as bytes."""

    def __init__(self, target: Target, folder: Path) -> None:
        self._target = target
        self._folder = folder
        self._numbers = itertools.count()
        self.made: list[Resource] = []
        """In the order in which they were made."""

    def training_job(
        self,
        image: str | Path | None = None,
        *,
        channels: Mapping[str, Data] | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        metrics: Mapping[str, str] | None = None,
        check: bool = True,
        **options: Any,
    ) -> TrainingJob:
        """Train to the end, by the project's settings where nothing else is said.

        Args:
            image: a folder with a Dockerfile, or the name of an image.
            channels: the data by channel: a path, an S3 URI, or files by name; or the keys of
                [channels.NAME] as a dict with `source`.
            hyperparameters: instead of the project's.
            metrics: regular expressions over the log by name (`MetricDefinitions`).
            check: whether a job that isn't Completed is an error; else look at its `status`.
            options: keys of [training], such as `instance_count`.

        Raises:
            FlowError: it failed; the text has the reason.
        """
        settings = self._target.settings
        sections: dict[str, Any] = {"training": _updated(settings.training, options, "training")}
        if channels is not None:
            sections["channels"] = {
                name: Channel(**self._source(each)) for name, each in channels.items()
            }
        if hyperparameters is not None:
            sections["hyperparameters"] = _hyperparameters(hyperparameters)
        if metrics is not None:
            sections["metrics"] = Metrics(definitions=dict(metrics))
        lines = Lines()
        run = self._target.run(lines, **sections)
        job = self._keep(TrainingJob(run, lines, "training job"))
        self._reckon("Training", run.settings.training)
        job.image = self._target.image(image)
        with self._followed(job, "training", check):
            training.check(run.settings)
            staged = _staged(run, "train")
            ended = training.train(run, job.image, staged)
            job.model_data = str(ended.model_artifacts.s3_model_artifacts)
            job.metrics = training.logged_metrics(ended)
            job.submitted = training.submitted(ended)
        return job

    def endpoint(
        self,
        model: TrainingJob | str | Path,
        *,
        image: str | Path | None = None,
        **options: Any,
    ) -> Endpoint:
        """Serve a model until the suite ends, or at most to the end of a `with`.

        Args:
            model: a training job, the S3 URI of a model.tar.gz, or the path of one.
            image: a folder with a Dockerfile, or the name of an image; by default the job's.
            options: keys of [endpoint], such as `environment`.

        Raises:
            FlowError: it isn't in service; the text has the reason.
        """
        settings = self._target.settings
        lines = Lines()
        section = _updated(settings.endpoint, options, "endpoint")
        run = self._target.run(lines, endpoint=section)
        found = self._keep(Endpoint(run, lines, "endpoint"))
        self._reckon("Hosting", section)
        with self._followed(found, "", check=True):
            self._serve(run, model, image, section.environment)
            found.status = "Creating"
            deploy(run)
            found.status = "InService"
        return found

    def _serve(
        self,
        run: Run,
        model: TrainingJob | str | Path,
        image: str | Path | None,
        given: Mapping[str, str],
    ) -> None:
        """Create the run's model."""
        trained = isinstance(model, TrainingJob)
        data = model.model_data if isinstance(model, TrainingJob) else upload_model(run, str(model))
        own = environment(run, model.submitted if isinstance(model, TrainingJob) else "")
        name = (
            model.image
            if isinstance(model, TrainingJob) and trained and image is None
            else self._target.image(image)
        )
        create_model(run, name, data, {**own, **given})

    def transform_job(
        self,
        model: TrainingJob | str | Path,
        source: Data = None,
        *,
        image: str | Path | None = None,
        check: bool = True,
        **options: Any,
    ) -> TransformJob:
        """Transform data with a model to the end, by [transform] where nothing else is said.

        `options` are keys of [transform], such as `split_type`.
        """
        given = {**options, **(self._source(source) if source is not None else {})}
        settings = self._target.settings.transform
        if settings is None and "source" not in given:
            raise ConfigError("transform_job: say what is transformed; there is no [transform].")
        section = _updated(settings, given, "transform") if settings else _made(Transform, given)
        lines = Lines()
        run = self._target.run(lines, transform=section, channels={}, processing=None)
        job = self._keep(TransformJob(run, lines, "transform job"))
        self._reckon("Batch Transform", section)
        with self._followed(job, "transform", check):
            self._serve(run, model, image, section.environment)
            output = transform(run, _staged(run, "transform"))
            job.output = objects(run.connection.boto.client("s3"), output)
        return job

    def processing_job(
        self,
        image: str | Path | None = None,
        *,
        inputs: Mapping[str, Data] | None = None,
        outputs: Mapping[str, str] | None = None,
        check: bool = True,
        **options: Any,
    ) -> ProcessingJob:
        """Process to the end, by [processing] where nothing else is said.

        Args:
            image: a folder with a Dockerfile, or the name of an image.
            inputs: the data by input, as for a training job's channels.
            outputs: folders in the container by output; an empty text is
                /opt/ml/processing/output/ and the name.
            check: whether a job that isn't Completed is an error.
            options: keys of [processing], such as `entrypoint` and `arguments`.
        """
        given = dict(options)
        if inputs is not None:
            given["inputs"] = {
                name: ProcessingInput(**self._source(each)) for name, each in inputs.items()
            }
        if outputs is not None:
            given["outputs"] = {
                name: ProcessingOutput(local_path=path) for name, path in outputs.items()
            }
        settings = self._target.settings.processing or Processing()
        section = _updated(settings, given, "processing")
        lines = Lines()
        run = self._target.run(lines, processing=section, channels={}, transform=None)
        job = self._keep(ProcessingJob(run, lines, "processing job"))
        self._reckon("Processing", section)
        with self._followed(job, "processing", check):
            process(run, self._target.image(image), _staged(run, "process"))
            s3 = run.connection.boto.client("s3")
            job.outputs = {
                name: objects(s3, run.uri("processing", name) + "/") for name in section.outputs
            }
        return job

    def _reckon(
        self, component: str, section: Training | SettingsEndpoint | Transform | Processing
    ) -> None:
        """Keep within what the suite may cost, where it costs anything."""
        if self._target.budget is not None:
            seconds = getattr(section, "max_runtime_seconds", ENDPOINT_SECONDS)
            self._target.budget.take(
                component, section.instance_type, section.instance_count, seconds
            )

    def _source(self, value: Data) -> dict[str, Any]:
        """The keys of a channel or an input."""
        if isinstance(value, dict) and "source" in value:
            return {**value, "source": self._written(value["source"])}
        return {"source": self._written(value)}

    def _written(self, value: Data) -> str:
        return as_source(value, self._folder / f"data-{next(self._numbers)}")

    def _keep(self, resource: R) -> R:
        self.made.append(resource)
        return resource

    @contextmanager
    def _followed(self, resource: Resource, kind: str, check: bool) -> Iterator[None]:
        """Note how it ends. `kind` of job: `training`; none is an endpoint."""
        try:
            yield
        except FlowError as error:
            resource.failure_reason = str(error)
            resource.status = self._status(resource, kind) or resource.status or "not created"
            if check or resource.status not in {"Failed", "Stopped"}:
                raise
        else:
            resource.status = "InService" if not kind else "Completed"

    def _status(self, resource: Resource, kind: str) -> str:
        """What the target says of it."""
        from botocore.exceptions import ClientError

        client: Any = resource.run.connection.boto.client("sagemaker")
        try:
            if not kind:
                return str(client.describe_endpoint(EndpointName=resource.name)["EndpointStatus"])
            noun = f"{kind.capitalize()}Job"
            described = getattr(client, f"describe_{kind}_job")(**{f"{noun}Name": resource.name})
            return str(described[f"{noun}Status"])
        except ClientError:
            return ""


def _staged(run: Run, step: str) -> Staged:
    """The data of one step, in S3."""
    plan = Plan(frozenset({step}))
    staging.check(run.settings, plan)
    return staging.stage(run, plan)


S = TypeVar("S", bound="BaseModel")


def _made(section: type[S], given: Mapping[str, Any]) -> S:
    return section.model_validate(dict(given))


def _updated(section: S, given: Mapping[str, Any], name: str) -> S:
    """A section of the settings with these keys in place of its own, checked as a file's are."""
    keys = type(section).model_fields
    if unknown := given.keys() - keys.keys():
        wrong = min(unknown)
        raise ConfigError(
            f"[{name}] has no key {wrong}{meant(wrong, keys)}; there are {', '.join(keys)}."
        )
    return type(section).model_validate({**dict(section), **given}) if given else section


def _hyperparameters(given: Mapping[str, Any]) -> dict[str, str]:
    from pydantic import TypeAdapter

    adapter: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, Hyperparameter])
    return adapter.validate_python(dict(given))
