"""Large objects in moto's S3: in and out a piece at a time, where moto has them whole in memory.

moto keeps objects above 5 MB in temporary files, but it reads the whole of one for each GetObject
and from each PutObject, and CompleteMultipartUpload holds an object four times over. Here the bytes
go from the connection to a file, from files to a file, and from the file to the connection. All
else remains moto's: what is checked, and what is answered.

Jobs and endpoints are in the same process as moto: what they read and write needs no connection
(`directly`), and no second copy.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
import threading
from collections import OrderedDict
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from harness.local.engine.streams.pieces import PIECE, Content, write_all

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGE = 1 << 20
"""Bytes from which on the body of a PUT goes into a file."""

REMEMBERED = 1000
"""Multipart uploads of which it is known, once they are complete, what has become of them."""


def prepare() -> None:
    """Let moto's S3 stream. May be called again."""
    from moto.s3 import models, responses

    key: Any = models.FakeKey
    if isinstance(key.value, _Value):
        return
    key.value = _Value(key.value.fget, key.value.fset)
    key.__del__ = key.dispose  # which closes the file without a word; moto's own warns of it
    response: Any = responses.S3Response
    response.setup_class = _receiving(response.setup_class)
    response.get_object = _streaming(response.get_object)
    multipart: Any = models.FakeMultipart
    multipart.complete = _joining(multipart.complete)
    backend: Any = models.S3Backend
    backend.complete_multipart_upload = _once(backend.complete_multipart_upload)


def directly(client: Any, account_id: str) -> None:
    """Let an S3 client of this very process get and put large objects without a connection.

    The `Body` of GetObject is then `Content`, and that of PutObject may be a `NewObject`. That is
    for whole objects; all else goes as for any client, errors among them.
    """
    _put_directly(client, account_id)

    def note(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["harness.params"] = dict(params)

    def answer(context: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        asked = context["harness.params"]
        if asked.keys() != {"Bucket", "Key"}:
            return None
        key = _readable(account_id, client.meta.partition, asked["Bucket"], asked["Key"])
        found = key and content(key)
        if not isinstance(found, Content):
            return None
        parsed = {
            "Body": found,
            "ContentLength": len(found),
            "ETag": key.etag,
            "ResponseMetadata": {"HTTPStatusCode": 200},
        }
        return AWSResponse("", 200, HTTPHeaders(), None), parsed

    client.meta.events.register("before-parameter-build.s3.GetObject", note)
    client.meta.events.register("before-call.s3.GetObject", answer)


def _put_directly(client: Any, account_id: str) -> None:
    def note(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        if isinstance(params.get("Body"), NewObject):
            context["harness.put"] = dict(params)
            params["Body"] = b""

    def answer(context: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        put = context.get("harness.put")
        if put is None:
            return None
        from moto.s3.exceptions import S3ClientError
        from moto.s3.models import s3_backends

        backend = s3_backends[account_id][client.meta.partition]
        try:
            backend.get_bucket(put["Bucket"])
        except S3ClientError:
            return None  # it will be told so in the usual way
        prepare()
        value: Any = put["Body"].taken()
        key = backend.put_object(put["Bucket"], put["Key"], value)
        parsed = {"ETag": key.etag, "ResponseMetadata": {"HTTPStatusCode": 200}}
        return AWSResponse("", 200, HTTPHeaders(), None), parsed

    client.meta.events.register("before-parameter-build.s3.PutObject", note)
    client.meta.events.register("before-call.s3.PutObject", answer)


def _readable(account_id: str, partition: str, bucket: str, name: str) -> Any:
    """moto's object; None if there is none that can be read."""
    from moto.s3.exceptions import S3ClientError
    from moto.s3.models import s3_backends
    from moto.s3.utils import ARCHIVE_STORAGE_CLASSES

    try:
        key = s3_backends[account_id][partition].get_object(bucket, name)
    except S3ClientError:
        return None
    return None if key is None or key.storage_class in ARCHIVE_STORAGE_CLASSES else key


def content(key: Any) -> Content | bytes:
    """The bytes of one of moto's objects; those of a small one as they are."""
    file = key._value_buffer  # a SpooledTemporaryFile
    with key.lock:
        if file._rolled:
            file.flush()
            return Content(os.dup(file.fileno()), 0, key.contentsize)
    value: bytes = key.value
    return value


class _Stored:
    """An object of moto's, or the part of one, but for its bytes: `value` is what it is given."""

    def __init__(self, of: Any, **instead: Any) -> None:
        self.__dict__.update(instead)
        self._of = of

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)


class _File:
    """An object's bytes, in a file of the kind that moto has."""

    def __init__(self) -> None:
        self.file = tempfile.SpooledTemporaryFile()  # noqa: SIM115  # the object closes it
        self.file.rollover()
        self.size = 0
        self.etag: str | None = None

    def write(self, piece: bytes) -> int:
        self.size += self.file.write(piece)
        return len(piece)

    def append(self, content: Content | bytes) -> None:
        """Write the bytes of another file. Nothing may have been written with `write`."""
        descriptor = self.file.fileno()
        if isinstance(content, bytes):
            write_all(descriptor, content)
        else:
            content.copy_to(descriptor)
        self.size += len(content)


class NewObject(_File):
    """A large object that is being written, and then put by a client that does so `directly`."""

    def __init__(self) -> None:
        super().__init__()
        self._digest = hashlib.md5(usedforsecurity=False)
        self._taken = False

    def write(self, piece: bytes) -> int:
        self._digest.update(piece)
        return super().write(piece)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file, unless it is an object's."""
        if not self._taken:
            self.file.close()

    def taken(self) -> _File | bytes:
        """What an object keeps: the file, or of a small one the bytes."""
        if self.size < LARGE:
            self.file.seek(0)
            return self.file.read()
        self._taken = True
        self.etag = self._digest.hexdigest()
        return self


class _Value(property):
    """`FakeKey.value`, which can also be given a file, and keeps it as it is."""

    def __set__(self, key: Any, value: Any) -> None:
        if not isinstance(value, _File):
            super().__set__(key, value)
            return
        value.file.flush()
        key._value_buffer.close()
        key._value_buffer = value.file
        key.contentsize = value.size
        key._etag = key._etag or value.etag


def _receiving(setup_class: Any) -> Any:
    """`S3Response.setup_class`, which has a large body in a file, and not in memory."""

    def receiving(self: Any, request: Any, *arguments: Any, **named: Any) -> None:
        body = request.environ.get("harness.body")
        if body is None and _is_plain(request):
            body = request.environ["harness.body"] = _File()
            digest = hashlib.md5(usedforsecurity=False)
            while piece := request.stream.read(PIECE // 4):
                digest.update(piece)
                body.write(piece)
            body.etag = digest.hexdigest()
        setup_class(self, request, *arguments, **named)
        if body is not None:
            self.body = body

    return receiving


def _is_plain(request: Any) -> bool:
    """Whether a request puts a large object, or a part of one, and its body is just that."""
    headers = request.headers
    algorithm = headers.get("x-amz-sdk-checksum-algorithm")
    return (
        request.method == "PUT"
        and (request.content_length or 0) >= LARGE
        and not headers.get("x-amz-content-sha256", "").startswith("STREAMING-")
        and "content-encoding" not in headers
        and "x-amz-copy-source" not in headers
        and not request.mimetype.startswith(("application/x-www-form", "multipart/"))
        # Where the checksum isn't in a header, moto looks for it in the body.
        and (not algorithm or f"x-amz-checksum-{algorithm.lower()}" in headers)
        and (not request.args or "partNumber" in request.args)
    )


def _streaming(get_object: Any) -> Any:
    """`S3Response.get_object`, with a body that is read while it is sent."""

    def streaming(self: Any) -> Any:
        get_key = self._get_key

        def get_stored(*arguments: Any, **named: Any) -> Any:
            key, not_modified = get_key(*arguments, **named)
            return key if not_modified else _Stored(key, value=content(key)), not_modified

        self._get_key = get_stored  # of this request's own S3Response
        try:
            return get_object(self)
        finally:
            del self._get_key

    return streaming


def _joined(parts: list[Any]) -> _File:
    joined = _File()
    for part in parts:
        joined.append(content(part))
    return joined


def _once(complete: Any) -> Any:
    """`S3Backend.complete_multipart_upload`, which a client may repeat, as S3 has it.

    Joining gigabytes takes longer on a slow disk than SDKs wait for an answer.
    """
    lock = threading.Lock()
    known: OrderedDict[tuple[str, str], Future[Any]] = OrderedDict()

    def completing(self: Any, bucket: str, upload: str, body: Iterator[tuple[int, str]]) -> Any:
        with lock:
            found = known.get((bucket, upload))
            if found is None:
                mine = known[bucket, upload] = Future()
                while len(known) > REMEMBERED:
                    known.popitem(last=False)
        if found is not None:
            return found.result()
        try:
            key = complete(self, bucket, upload, body)
        except BaseException as error:
            with lock:
                known.pop((bucket, upload), None)
            mine.set_exception(error)
            raise
        mine.set_result(key)
        return key

    return completing


def _joining(complete: Any) -> Any:
    """`FakeMultipart.complete`, which returns the object's bytes as a file, its ETag, checksum."""

    def joining(self: Any, body: Iterator[tuple[int, str]]) -> Any:
        from moto.s3.models import MultipartChecksumBuilder
        from moto.s3.utils import compute_checksum

        taken: list[Any] = []

        def noted() -> Iterator[tuple[int, str]]:
            for number, etag in body:
                taken.append(self.parts.get(number))
                yield number, etag

        # moto's own checks all that there is to check, on parts without bytes.
        hollow = {number: _Stored(part, value=b"") for number, part in self.parts.items()}
        _, etag, _ = complete(_Stored(self, parts=hollow), noted())
        joined = _joined(taken)
        builder = MultipartChecksumBuilder(
            self.metadata.get("x-amz-checksum-algorithm"),
            self.metadata.get("x-amz-checksum-type"),
        )
        if builder.checksum_type == "COMPOSITE":
            for part in taken:
                builder.addPart(part.value)
            return joined, etag, builder.build()
        joined.file.flush()
        mapped: Any = b""
        if joined.size:
            mapped = mmap.mmap(joined.file.fileno(), 0, access=mmap.ACCESS_READ)
        checksum = compute_checksum(mapped, builder.checksum_algorithm).decode()
        return joined, etag, (builder.checksum_type, checksum, 1)

    return joining
