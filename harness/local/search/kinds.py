"""The kinds of resources that Search finds: a further one is a further line of `KINDS`.

The rest (PipelineVersion, FeatureMetadata, Job, Image, ImageVersion) is refused, and can be listed
where it is there.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.model import ServiceModel, StructureShape

from harness.aws_model.loader import LOADER
from harness.local.experiments.components import TrialComponent
from harness.local.experiments.experiments import Experiment, Trial, components_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.local.core.backend import Backend
    from harness.local.hosting.containers.model import Model
    from harness.local.protocol.messages import RequestContext

Record = dict[str, Any]


def described(_backend: Backend, _context: RequestContext, resource: Any) -> Record:
    """As the resource's Describe operation answers."""
    record: Record = resource.describe()
    return record


def _trial(backend: Backend, context: RequestContext, trial: Trial) -> Record:
    components = [each.summary() for each in components_of(backend.store, context, trial)]
    return {**trial.describe(), "TrialComponentSummaries": components}


def _component(backend: Backend, _context: RequestContext, component: TrialComponent) -> Record:
    store = backend.store
    component.settle(store)
    trials: list[Any] = [store.get(arn) for arn in component.trials]
    parents = [
        {"TrialName": trial.name, "ExperimentName": trial.members["ExperimentName"]}
        for trial in trials
    ]
    found: Record = {**component.describe(), "Parents": parents, "RunName": component.run_name}
    if component.source:
        job: Any = store.get(component.source["SourceArn"])
        detail: Record = {"SourceArn": component.source["SourceArn"]}
        if job is not None:
            detail[job.noun] = {**job.describe(), "Tags": _tags(backend, job.arn)}
        found["SourceDetail"] = detail
    return found


def _model(backend: Backend, context: RequestContext, model: Model) -> Record:
    own = {**model.request, "ModelArn": model.arn, "CreationTime": model.created}
    configs = [
        each.name
        for each in backend.store.table("endpoint-config").of(context)
        if any(v.get("ModelName") == model.name for v in each.request["ProductionVariants"])
    ]
    endpoints = [each.describe() for each in backend.store.table("endpoint").of(context)]
    endpoints = [each for each in endpoints if each["EndpointConfigName"] in configs]
    return {"Model": own, "Endpoints": endpoints}


def _pipeline(_backend: Backend, _context: RequestContext, pipeline: Any) -> Record:
    record: Record = pipeline.describe(pipeline.latest)
    return record


def _kept(_backend: Backend, _context: RequestContext, record: Any) -> Record:
    """What is kept as a record only: what requests have said of it."""
    noun = record.noun
    return {
        **record.values,
        f"{noun}Arn": record.arn,
        f"{noun}Status": record.status or record.values.get(f"{noun}Status"),
        "CreationTime": record.created,
        "LastModifiedTime": record.modified,
    }


def _itself(resource: Any) -> list[Any]:
    return [resource]


def _executions(pipeline: Any) -> list[Any]:
    return list(pipeline.executions.values())


def _tags(backend: Backend, arn: str) -> list[dict[str, str]]:
    tags = backend.store.tags.get(arn, {})
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@dataclass(frozen=True)
class Kind:
    """A kind of resource, as Search has it."""

    resource: str
    """`ExperimentTrial`, in a request."""
    arns: str
    """`experiment-trial`: what its ARNs call it."""
    record: str = ""
    """`Trial`, in an answer, where it is called something else."""
    record_of: Callable[[Backend, RequestContext, Any], Record] = described
    each_of: Callable[[Any], list[Any]] = _itself
    """Those that there are in a resource with such an ARN."""

    @property
    def member(self) -> str:
        return self.record or self.resource

    @property
    def shape(self) -> StructureShape:
        """That of its records, in the service model."""
        shape: StructureShape = _records()[self.member]
        return shape

    def found(self, backend: Backend, context: RequestContext) -> Iterator[tuple[str, Record]]:
        """All in the account and region of a call, with their ARNs and tags."""
        resources = backend.store.table(self.arns).of(context)
        for each in [each for resource in resources for each in self.each_of(resource)]:
            record = self.record_of(backend, context, each)
            tags = _tags(backend, each.arn)
            if self.resource == "Model":
                record["Model"]["Tags"] = tags
            yield each.arn, {**record, "Tags": tags}


KINDS = {
    kind.resource: kind
    for kind in (
        Kind("TrainingJob", "training-job"),
        Kind("Experiment", Experiment.kind),
        Kind("ExperimentTrial", Trial.kind, "Trial", _trial),
        Kind("ExperimentTrialComponent", TrialComponent.kind, "TrialComponent", _component),
        Kind("Endpoint", "endpoint"),
        Kind("Model", "model", "", _model),
        Kind("HyperParameterTuningJob", "hyper-parameter-tuning-job"),
        Kind("ModelPackage", "model-package"),
        Kind("ModelPackageGroup", "model-package-group"),
        Kind("Pipeline", "pipeline", record_of=_pipeline),
        Kind("PipelineExecution", "pipeline", each_of=_executions),
        Kind("FeatureGroup", "feature-group", record_of=_kept),
        Kind("Project", "project", record_of=_kept),
        Kind("ModelCard", "model-card", record_of=_kept),
        Kind("HubContent", "hub-content", record_of=_kept),
    )
}


@functools.cache
def _records() -> dict[str, Any]:
    model = ServiceModel(LOADER.load_service_model("sagemaker", "service-2"), "sagemaker")
    shape: Any = model.shape_for("SearchRecord")
    return dict(shape.members)
