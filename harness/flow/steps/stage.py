"""Stage: put a project's data into S3, as its channels and inputs name it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from harness.console import Passing
from harness.errors import ConfigError
from harness.flow.project import sources
from harness.flow.teardown import tags
from harness.local.data.transfers import Transfer

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from harness.config.settings import Channel, Settings
    from harness.flow.context import Run
    from harness.flow.plan import Plan

AT_ONCE = 8
"""Files that are uploaded at the same time."""

WHOLE = 8 << 20
"""Bytes of a file up to which it is sent by one call."""


@dataclass(frozen=True)
class Staged:
    """Where the data is: S3 URIs, by the key of the settings that names its source."""

    uris: dict[str, str]


def check(settings: Settings, plan: Plan) -> None:
    """Raises `ConfigError` for sources that aren't there, before anything is made."""
    for key, source in _sources(settings, plan).items():
        if sources.is_output(source) and key.startswith("processing."):
            raise ConfigError(f"{key} = {source!r}: an input can't be an output of the same job.")
        if sources.is_output(source) and "process" not in plan and not _alone(plan):
            raise ConfigError(f"{key} = {source!r}: the step process makes it, and is left out.")
        sources.check(settings.root, source, key)


def _sources(settings: Settings, plan: Plan) -> dict[str, str]:
    """All that the plan's steps have in S3, by its key in the settings."""
    found: dict[str, str] = {}
    whole = _alone(plan)
    if "train" in plan or whole:
        channels = settings.channels
        found |= {f"channels.{name}.source": each.source for name, each in channels.items()}
    if settings.processing and ("process" in plan or whole):
        inputs = settings.processing.inputs
        found |= {f"processing.inputs.{name}.source": each.source for name, each in inputs.items()}
    if settings.transform and ("transform" in plan or whole):
        found["transform.source"] = settings.transform.source
    return found


def _alone(plan: Plan) -> bool:
    """Whether staging is what the plan is for, and no step of it uses the data."""
    return not plan.steps & {"process", "train", "transform"} and "stage" in plan


def stage(this: Run, plan: Plan) -> Staged:
    """Upload what is here, and say where everything is.

    A file's URI is a prefix that holds nothing else, so that channels and jobs take it as it is.
    """
    this.tear_down.add("objects", this.uri() + "/")
    client = this.connection.boto.client("s3")
    uris = {}
    for key, source in _sources(this.settings, plan).items():
        if sources.is_uri(source):
            uris[key] = source
        elif sources.is_output(source):
            uris[key] = this.uri("processing", source.partition(":")[2]) + "/"
        else:
            uris[key] = _upload(this, client, key, source)
    return Staged(uris)


def _upload(this: Run, client: S3Client, key: str, source: str) -> str:
    """Upload a source's files; returns the prefix that they have."""
    section, _, name = key.removesuffix(".source").rpartition(".")
    folder = {"channels": "data", "processing.inputs": "inputs"}.get(section, "input")
    content_type = _content_type(this.settings, key)
    sent = Transfer(f"  uploading {source}", lambda text: this.progress(Passing(text)))
    with sources.files(this.settings.root, source, key) as files:
        sent.expect(sum(file.stat().st_size for file in files.values()))
        calls = [
            partial(
                _put, this, client, this.key(folder, name, path), file, content_type, sent
            )
            for path, file in files.items()
        ]  # fmt: skip
        if len(calls) == 1:
            calls[0]()
        else:
            with ThreadPoolExecutor(AT_ONCE) as threads:
                for done in [threads.submit(call) for call in calls]:
                    done.result()
    return this.uri(folder, name) + "/"


def _content_type(settings: Settings, key: str) -> str:
    section, name = key.split(".")[:2]
    if section == "channels":
        return settings.channels[name].content_type
    return settings.transform.content_type if section == "transform" and settings.transform else ""


def _put(
    this: Run, client: S3Client, key: str, file: Path, content_type: str, sent: Transfer
) -> None:
    bucket = this.settings.place.bucket
    more: dict[str, Any] = {"Tagging": urlencode(tags(this.name, this.keep))}
    if content_type:
        more["ContentType"] = content_type
    if file.stat().st_size <= WHOLE:
        client.put_object(Bucket=bucket, Key=key, Body=file.read_bytes(), **more)
        sent.add(file.stat().st_size)
    else:
        client.upload_file(str(file), bucket, key, ExtraArgs=more, Callback=sent.add)


def channel(name: str, settings: Channel, uri: str) -> dict[str, Any]:
    """A channel as the API has it."""
    source = {
        "S3DataType": settings.s3_data_type,
        "S3Uri": uri,
        "S3DataDistributionType": settings.s3_data_distribution_type,
        "AttributeNames": settings.attribute_names,
    }
    found: dict[str, Any] = {
        "ChannelName": name,
        "ContentType": settings.content_type,
        "DataSource": {"S3DataSource": {key: each for key, each in source.items() if each}},
    }
    if settings.input_mode != "File":
        found["InputMode"] = settings.input_mode
    if settings.compression_type != "None":
        found["CompressionType"] = settings.compression_type
    if settings.record_wrapper_type != "None":
        found["RecordWrapperType"] = settings.record_wrapper_type
    if settings.shuffle_seed is not None:
        found["ShuffleConfig"] = {"Seed": settings.shuffle_seed}
    return {key: value for key, value in found.items() if value}
