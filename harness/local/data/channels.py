"""The input of jobs: which objects a source in S3 names, and which of them a host gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from harness.local.data import opt_ml, s3_objects
from harness.local.data.s3_objects import Object
from harness.local.data.volumes import FullVolumeError
from harness.local.engine.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from types_boto3_s3 import S3Client

    from harness.local.data.opt_ml import Entry
    from harness.local.data.transfers import Transfer

DATA_ERRORS = (
    ClientError,
    BotoCoreError,
    s3_objects.DataError,
    ArchiveError,
    opt_ml.ContentError,
    FullVolumeError,
)
"""What the way of a job's data from S3 into a container raises where the data are to blame."""

Each = TypeVar("Each")

MANIFEST_LIMIT = 64 << 20
"""Bytes of a manifest, which is read whole."""


MANIFEST_OBJECTS = 2_000_000
"""Objects of a manifest. Each has some 300 bytes in memory, from two in an odd manifest."""


def found(client: S3Client, source: Mapping[str, Any]) -> list[s3_objects.Object]:
    """The objects that a source (an `S3DataSource` or its like) names, where their files stand.

    Raises `DataError` if there are none, or if two of them clash, or if the manifest isn't one.
    """
    uri = source["S3Uri"]
    if source["S3DataType"] == "ManifestFile":
        objects = _listed(client, uri)
    else:
        objects = s3_objects.objects(client, uri)
    if not objects:
        raise s3_objects.DataError(f"no objects under {uri}")
    return objects


def _listed(client: S3Client, uri: str) -> list[s3_objects.Object]:
    """The objects of a manifest: each stands below the channel's folder as below its prefix."""
    bucket, start, suffixes = manifest(client, uri)
    return s3_objects.without_clashes(
        [
            Object(bucket, start + suffix, None, s3_objects.path(bucket, start + suffix, suffix))
            for suffix in suffixes
        ]
    )


def manifest(client: S3Client, uri: str) -> tuple[str, str, list[str]]:
    """What a manifest says: a bucket, a prefix, and what is to be appended to it (`S3DataSource`).

    Raises `DataError` if it isn't one, or isn't there.
    """
    bucket, key = s3_objects.split(uri)
    size, chunks = s3_objects.opened(client, bucket, key)
    if size > MANIFEST_LIMIT:
        raise s3_objects.DataError(f"the manifest {uri} has more than {MANIFEST_LIMIT} bytes")
    text = b"".join(chunks)
    if sum(map(text.count, (b",", b"[", b"{"))) > MANIFEST_OBJECTS:
        raise s3_objects.DataError(
            f"the manifest {uri} has more than {MANIFEST_OBJECTS} objects: use an S3Prefix"
        )
    document = s3_objects.parsed(text, f"the manifest {uri}")
    match document:
        case [{"prefix": str(prefix)}, *suffixes] if all(isinstance(s, str) for s in suffixes):
            return *s3_objects.split(prefix), suffixes
    raise s3_objects.DataError(
        f'the manifest {uri} is not of the form [{{"prefix": "s3://bucket/prefix/"}}, "suffix", …]'
    )


def share(
    objects: Sequence[Each], source: Mapping[str, Any], index: int, hosts: int
) -> Sequence[Each]:
    """What the host of this index, of so many that get data of the source, gets of it.

    `ShardedByS3Key` gives each about as many objects; which, AWS doesn't say: here they are dealt
    in turn, in key order.
    """
    if source.get("S3DataDistributionType") == "ShardedByS3Key":
        return objects[index::hosts]
    return objects


def receivers(source: Mapping[str, Any], groups: Mapping[str, str]) -> list[str]:
    """The hosts that get data of the source; `groups` are the instance groups by host."""
    names = source.get("InstanceGroupNames")
    return [host for host, group in groups.items() if not names or group in names]


def entries(
    client: S3Client,
    channel: str,
    source: Mapping[str, Any],
    index: int,
    hosts: int,
    transfer: Transfer,
) -> Iterator[Entry]:
    """The files of a channel on one host, each read when its turn comes, and counted.

    Raises as `found` does.
    """
    objects = share(found(client, source), source, index, hosts)
    return s3_objects.entries(client, channel, objects, transfer)


def checkpoints(client: S3Client, uri: str, transfer: Transfer) -> Iterator[Entry]:
    """The files of `CheckpointConfig`'s `S3Uri`, named relative to it; none may be there yet."""
    bucket, prefix = s3_objects.split(uri)
    folder = f"s3://{bucket}/{prefix}" if not prefix or prefix.endswith("/") else f"{uri}/"
    return s3_objects.entries(client, "", s3_objects.objects(client, folder), transfer)
