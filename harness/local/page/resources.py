"""The pages of SageMaker's resources: what runs, what has run, and each by itself."""

from __future__ import annotations

import http
import re
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from harness.local.experiments.jobs import SUFFIXES
from harness.local.page import answers, details, logs, pipelines, registry
from harness.local.page.parts import commands
from harness.local.page.parts.kinds import EXECUTION, KINDS, PIPELINE, row, subject
from harness.local.page.parts.plots import bar, plot
from harness.local.page.trials import trials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.local.faults.faults import Faults
    from harness.local.page.details import Link
    from harness.local.page.parts.asked import Asked, Local
    from harness.local.page.parts.kinds import Kind, Row
    from harness.local.page.pipelines import Flow
    from harness.local.protocol.messages import Response

REFRESH_SECONDS = 3

LIMIT = 100
"""Resources of a kind that are shown, the latest first."""

TUNING = "HyperParameterTuningJob"
COMPONENT = "TrialComponent"
EXPERIMENTS = ("Experiment", "Trial", COMPONENT)

_TEXTS = {
    **registry.TEXTS,
    "Stop": "It is stopped as SageMaker does it, with the time to write its model.",
    "Delete": "It will be gone, as with SageMaker: its data in S3 and its log stay.",
}
"""What is said beside a button."""

_NAME = re.compile(r"[a-zA-Z0-9-]{1,63}")


class Resources:
    """`token` is what the forms of its pages have in them."""

    def __init__(self, local: Local, faults: Faults, token: str) -> None:
        self._local = local
        self._faults = faults
        self._token = token

    def overview(self, asked: Asked) -> Response:
        """All of them: what runs first, then what has ended, those that failed folded."""
        words, status = asked.query.get("q", "").strip(), asked.query.get("status", "")
        operations = self._local.service.operations
        kinds = [k for k in KINDS.values() if k.is_listed and k.list_operation in operations]
        rows = {kind: self.rows(kind, asked.region, words) for kind in kinds}
        shown = {kind: [r for r in some if _is_wanted(r, words, status)] for kind, some in
                 rows.items()}  # fmt: skip
        everything = [each for some in shown.values() for each in some]
        return answers.html(
            "overview.html",
            asked=asked,
            account_id=self._local.account_id,
            running=[each for each in everything if each.is_running],
            sections=[
                (kind, [r for r in some if not r.is_running and r.tone != "bad"],
                 [r for r in some if r.tone == "bad"])
                for kind, some in shown.items()
                if any(not r.is_running for r in some)
            ],
            counts={tone: sum(r.tone == tone for r in everything) for tone in ("good", "bad")},
            is_empty=not any(rows.values()) and not words,
            words=words,
            status=status,
            faults=self._faults.rules,
            limit=LIMIT,
            snippets=commands.first_steps(asked.where),
            refresh=REFRESH_SECONDS,
        )  # fmt: skip

    def rows(self, kind: Kind, region: str, words: str = "") -> list[Row]:
        """The latest ones of a kind, as lists have them."""
        found = (self._describe(kind, region, name) for name in self._names(kind, region, words))
        return [row(kind, region, each) for each in found if each is not None]

    def _names(self, kind: Kind, region: str, words: str = "") -> list[str]:
        """The latest ones' names; `words` are what some have in their names, if it can be that."""
        asked: dict[str, Any] = {
            "SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": LIMIT, **kind.listed
        }  # fmt: skip
        if kind.noun == EXECUTION:  # they are listed of one pipeline each
            return pipelines.latest(self._local, region, self._names(KINDS[PIPELINE], region))
        answer = self._local.call(kind.list_operation, region, asked) or {}
        if words and _NAME.fullmatch(words) and answer.get("NextToken"):
            more = self._local.call(
                kind.list_operation, region, {**asked, kind.filter_member: words}
            )
            answer = more or answer
        lists = [each for each in answer.values() if isinstance(each, list)]
        return [kind.name_of(summary) for summary in (lists[0] if lists else [])]

    def _describe(self, kind: Kind, region: str, name: str) -> dict[str, Any] | None:
        """None if there is no such resource (any more)."""
        asked = self._local.which(kind, region, name)
        return self._local.call(kind.describe_operation, region, asked)

    def missing(self, asked: Asked, what: str) -> Response:
        return answers.html(
            "missing.html", http.HTTPStatus.NOT_FOUND, asked=asked, what=what
        )  # fmt: skip

    def resource(self, asked: Asked, noun: str, name: str, **more: Any) -> Response:
        """A resource's own page; `more` is what an action has to say."""
        kind = KINDS.get(noun)
        found = self._describe(kind, asked.region, name) if kind else None
        if kind is None or found is None:
            return self.missing(asked, f"There is no {kind.words if kind else 'resource'} {name}")
        region, here = asked.region, row(kind, asked.region, found)
        s3 = self._local.client("s3", region)
        group = kind.log_group.format(name=name)
        found_logs = self._logs(kind, region, group, name)
        flow = pipelines.flow(self._local, kind, region, found)
        phases = flow.phases if flow else details.phases(found) if kind.noun != TUNING else []
        tags = self._tags(kind, region, found)
        ends = max((each.start + each.seconds for each in phases), default=0.0)
        metrics = details.Metrics()
        if kind.log_group:
            metrics = details.metrics(self._local.client("cloudwatch", region), kind, found)
        is_live = here.is_running or (
            flow is not None and any(each.is_running for each in flow.executions)
        )
        return answers.html(
            "resource.html",
            asked=asked,
            kind=kind,
            row=here,
            subject=subject(found),
            facts=details.facts(kind, found),
            trials=trials(self._local, region, found) if kind.noun == TUNING else None,
            flow=flow,
            links=[
                *self._made_by(tags, region),
                *self._links(kind, region, name, found),
            ],
            timeline=[(each, bar(each, ends)) for each in phases],
            plots=[(each, plot(each) if len(each.values) > 1 else "") for each in metrics.series],
            span=metrics.span,
            hyperparameters=_pairs(found.get("HyperParameters")),
            component=details.component(found),
            environment=_pairs(
                found.get("Environment")
                or (found.get("PrimaryContainer") or {}).get("Environment")
                or registry.first_container(found).get("Environment")
            ),
            versions=self._versions(kind, region, name),
            metadata=_pairs(found.get("CustomerMetadataProperties")),
            inputs=details.inputs(s3, found, region),
            outputs=details.outputs(s3, found, region),
            variants=found.get("ProductionVariants", []),
            tags=tags,
            group=group,
            streams=found_logs,
            explaining=logs.explaining(found_logs) if here.reason else [],
            lines=logs.LINES,
            document=found,
            actions=list(self._actions(kind, here, asked, found, flow)),
            can_be_invoked=kind.noun == "Endpoint" and here.status in ("InService", "Updating"),
            is_async="AsyncInferenceConfig" in found,
            token=self._token,
            refresh=REFRESH_SECONDS if is_live else None,
            **{"invoked": None, "form": {}, "error": "", **more},
        )

    def _versions(self, kind: Kind, region: str, name: str) -> Sequence[registry.Version]:
        is_group = kind.noun == registry.GROUP
        return registry.versions(self._local, region, name) if is_group else []

    def _logs(self, kind: Kind, region: str, group: str, name: str) -> list[answers.Stream]:
        if not group:
            return []
        client = self._local.client("logs", region)
        return logs.streams(client, group, kind.log_prefix.format(name=name))

    def _tags(self, kind: Kind, region: str, found: dict[str, Any]) -> list[tuple[str, str]]:
        arn = found.get(f"{kind.noun}Arn")
        answer = self._local.call("ListTags", region, {"ResourceArn": arn}) if arn else None
        return [(each["Key"], each["Value"]) for each in (answer or {}).get("Tags", [])]

    def _actions(
        self, kind: Kind, here: Row, asked: Asked, found: dict[str, Any], flow: Flow | None
    ) -> Iterator[dict[str, Any]]:
        """Stop, of a job that runs; else delete; and what a model package's approval can become,
        or a pipeline do. With the lines that do the same.
        """

        def action(verb: str, operation: str, members: Mapping[str, Any]) -> dict[str, Any]:
            lines = commands.call(asked.where, "sagemaker", operation, members)
            texts = pipelines.TEXTS if kind.noun in (PIPELINE, EXECUTION) else _TEXTS
            return {"verb": verb, "text": texts[verb], "lines": lines}

        members = self._local.which(kind, asked.region, here.name)
        for verb, approved in registry.approvals(found):
            yield action(verb, "UpdateModelPackage", approved)
        if flow and (verb := pipelines.verb(kind, here.status)):
            values = {each.name: each.value or each.name for each in flow.fields}
            start = pipelines.start(here.name, values)
            is_start = verb == "Start"
            operation = "StartPipelineExecution" if is_start else f"{verb}{kind.noun}"
            yield action(verb, operation, start if is_start else members)
        is_job = kind.noun.endswith("Job")
        verb = "Stop" if is_job and here.tone == "busy" else "Delete"
        operation = f"{verb}{kind.noun}"
        if operation in self._local.service.operations and here.status != "Stopping":
            yield action(verb, operation, members)

    def _made_by(self, tags: Sequence[tuple[str, str]], region: str) -> Iterator[Link]:
        """The execution whose step has made what has these tags."""
        if name := pipelines.execution_of(self._local, region, tags):
            yield details.named(EXECUTION, name, "Step of", region)

    def _links(self, kind: Kind, region: str, name: str, found: dict[str, Any]) -> Iterator[Link]:
        """job → model → endpoint configuration → endpoint, and back."""

        def named(noun: str, said: str, name: str) -> Link:
            return details.named(noun, name, said, region)

        if kind.noun in SUFFIXES:
            component = f"{name}{SUFFIXES[kind.noun]}".lower()
            if found_component := self._describe(KINDS[COMPONENT], region, component):
                yield named(COMPONENT, "Trial component", found_component["TrialComponentName"])
        if kind.noun in EXPERIMENTS:
            yield from self._experiment_links(kind, region, name, found)
        if kind.noun == COMPONENT:
            source = found.get("Source", {"SourceType": ""})
            noun = source["SourceType"].removeprefix("SageMaker")
            if noun in SUFFIXES:
                yield named(noun, KINDS[noun].title[:-1], source["SourceArn"].rpartition("/")[2])
        elif kind.noun == EXECUTION:
            yield named(PIPELINE, "Execution of", name.partition("/")[0])
        elif kind.noun == "TrainingJob":
            if tuning := found.get("TuningJobArn"):
                yield named(TUNING, "Tuned by", tuning.rpartition("/")[2])
            uri = found.get("ModelArtifacts", {}).get("S3ModelArtifacts")
            for model in self._all("Model", region) if uri else []:
                if uri in details.data_of(model):
                    yield named("Model", "Model", model["ModelName"])
        elif kind.noun == TUNING:
            if best := found.get("BestTrainingJob"):
                yield named("TrainingJob", "Best", best["TrainingJobName"])
        elif kind.noun == "TransformJob":
            yield named("Model", "Model", found["ModelName"])
        elif kind.noun == registry.PACKAGE:
            if group := found.get("ModelPackageGroupName"):
                yield named(registry.GROUP, "Version of", group)
            for made in registry.models_of(name, self._all("Model", region)):
                yield named("Model", "Model", made)
            yield from self._trained_by(details.data_of(found), region)
        elif kind.noun == "Model":
            if package := registry.package_of(found):
                yield named(registry.PACKAGE, "Made of", package)
            yield from self._trained_by(details.data_of(found), region)
            for config in self._all("EndpointConfig", region):
                if name in {each.get("ModelName") for each in config["ProductionVariants"]}:
                    yield named("EndpointConfig", "Configuration", config["EndpointConfigName"])
                    yield from self._endpoints_of(config["EndpointConfigName"], region)
        elif kind.noun == "EndpointConfig":
            for each in found["ProductionVariants"]:
                if each.get("ModelName"):
                    yield named("Model", "Model", each["ModelName"])
            yield from self._endpoints_of(name, region)
        elif kind.noun == "Endpoint":
            config_name = found["EndpointConfigName"]
            yield named("EndpointConfig", "Configuration", config_name)
            configured = self._describe(KINDS["EndpointConfig"], region, config_name) or {}
            for each in configured.get("ProductionVariants", []):
                if not each.get("ModelName"):
                    continue
                yield named("Model", "Model", each["ModelName"])
                model = self._describe(KINDS["Model"], region, each["ModelName"]) or {}
                links = self._links(KINDS["Model"], region, each["ModelName"], model)
                yield from (link for link in links if link[0] == "Trained by")

    def _experiment_links(
        self, kind: Kind, region: str, name: str, found: dict[str, Any]
    ) -> Iterator[Link]:
        """experiment → trials → trial components, and back."""

        def those(noun: str, said: str) -> Iterator[Link]:
            asked = {kind.name_member: name, "MaxResults": LIMIT}
            listed = self._local.call(KINDS[noun].list_operation, region, asked) or {}
            for each in listed.get(f"{noun}Summaries", []):
                yield details.named(noun, each[f"{noun}Name"], said, region)

        if kind.noun == "Trial":
            yield details.named("Experiment", found["ExperimentName"], "Experiment", region)
            yield from those(COMPONENT, "Trial component")
        else:
            yield from those("Trial", "Trial" if kind.noun == "Experiment" else "In trial")

    def _trained_by(self, uris: set[str], region: str) -> Iterator[Link]:
        """The training jobs whose artifacts these are."""
        for job in self._all("TrainingJob", region) if uris else []:
            if job.get("ModelArtifacts", {}).get("S3ModelArtifacts") in uris:
                yield details.named("TrainingJob", job["TrainingJobName"], "Trained by", region)

    def _endpoints_of(self, config: str, region: str) -> Iterator[Link]:
        for each in self._all("Endpoint", region):
            if each.get("EndpointConfigName") == config:
                yield details.named("Endpoint", each["EndpointName"], "Endpoint", region)

    def _all(self, noun: str, region: str) -> Iterator[dict[str, Any]]:
        """The latest ones of a kind, described."""
        kind = KINDS[noun]
        for name in self._names(kind, region):
            if (found := self._describe(kind, region, name)) is not None:
                yield found

    def log_groups(self, asked: Asked) -> Response:
        """CloudWatch's log groups."""
        prefix = asked.query.get("prefix", "")
        request: Any = {"limit": logs.LISTED, **({"logGroupNamePrefix": prefix} if prefix else {})}
        if token := asked.query.get("next"):
            request["nextToken"] = token
        try:
            found = self._local.client("logs", asked.region).describe_log_groups(**request)
        except ClientError as error:
            return self.missing(asked, str(error))
        return answers.html(
            "groups.html", asked=asked, groups=found["logGroups"], prefix=prefix,
            following=found.get("nextToken", ""), refresh=None,
        )  # fmt: skip

    def log_group(self, asked: Asked) -> Response:
        """The streams of a log group."""
        group, prefix = asked.query.get("group", ""), asked.query.get("prefix", "")
        request: Any = {"logGroupName": group, "limit": logs.LISTED}
        request |= {"logStreamNamePrefix": prefix} if prefix else {}
        if token := asked.query.get("next"):
            request["nextToken"] = token
        try:
            found = self._local.client("logs", asked.region).describe_log_streams(**request)
        except ClientError:
            return self.missing(asked, f"There is no log group {group}")
        return answers.html(
            "group.html", asked=asked, group=group, streams=found["logStreams"], prefix=prefix,
            following=found.get("nextToken", ""), refresh=None,
        )  # fmt: skip

    def log_stream(self, asked: Asked) -> Response:
        """A log stream, which is followed."""
        group, name = asked.query.get("group", ""), asked.query.get("stream", "")
        try:
            found = logs.stream(self._local.client("logs", asked.region), group, name)
        except ClientError:
            return self.missing(asked, f"There is no log stream {name} in {group}")
        return answers.html(
            "stream.html", asked=asked, group=group, streams=[found], lines=logs.LINES,
            follows=True, refresh=None,
        )  # fmt: skip


def _pairs(values: dict[str, Any] | None) -> list[tuple[str, str]]:
    return sorted((name, str(value)) for name, value in (values or {}).items())


def _is_wanted(each: Row, words: str, status: str) -> bool:
    """Whether a row has all of the words in something that it shows, and a status of that kind."""
    shown = f"{each.name} {each.subject} {each.status} {each.reason} {each.kind.words}".lower()
    if not all(word in shown for word in words.lower().split()):
        return False
    if status == "running":
        return each.is_running
    if status == "failed":
        return each.tone == "bad"
    return status != "ended" or (not each.is_running and each.tone != "bad")
