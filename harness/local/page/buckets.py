"""The S3 browser: buckets, what is in them, an object, its download, and uploads."""

from __future__ import annotations

import contextlib
import http
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from harness.local.page import answers
from harness.local.page.parts.tables import Shown, shown

if TYPE_CHECKING:
    from collections.abc import Generator

    from harness.local.page.forms import Form
    from harness.local.page.parts.asked import Asked, Local
    from harness.local.protocol.messages import Response

LISTED = 200
"""Objects and folders on a page."""

LOOK_BYTES = 256 * 1024
"""Of an object, that are read to be shown."""

IMAGE_BYTES = 8 << 20
"""Of an image that is shown."""

IMAGES = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif",
    "webp": "image/webp",
}  # fmt: skip
"""What is shown as such, by the end of the key. No SVG, which may have scripts in it."""

_PIECE = 256 * 1024


class Buckets:
    """`token` is what the forms of its pages have in them."""

    def __init__(self, local: Local, token: str) -> None:
        self._local = local
        self._token = token

    def all(self, asked: Asked) -> Response:
        buckets = self._s3(asked).list_buckets().get("Buckets", [])
        return answers.html("buckets.html", asked=asked, buckets=buckets, refresh=None)

    def folder(self, asked: Asked, error: str = "", done: str = "") -> Response:
        """What is below a prefix, up to the next `/`."""
        bucket, prefix = asked.query.get("bucket", ""), asked.query.get("prefix", "")
        request: dict[str, Any] = {
            "Bucket": bucket, "Prefix": prefix, "Delimiter": "/", "MaxKeys": LISTED
        }  # fmt: skip
        if token := asked.query.get("next"):
            request["ContinuationToken"] = token
        try:
            found = self._s3(asked).list_objects_v2(**request)
        except ClientError:
            return self._missing(asked, f"There is no bucket {bucket}, or no such page of it")
        parents = prefix.split("/")[:-1]
        return answers.html(
            "folder.html",
            http.HTTPStatus.BAD_REQUEST if error else http.HTTPStatus.OK,
            asked=asked,
            bucket=bucket,
            prefix=prefix,
            trail=[(each, "/".join(parents[: n + 1]) + "/") for n, each in enumerate(parents)],
            folders=[each["Prefix"] for each in found.get("CommonPrefixes", [])],
            objects=found.get("Contents", []),
            following=found.get("NextContinuationToken", ""),
            token=self._token,
            error=error,
            done=done,
            refresh=None,
        )

    def look(self, asked: Asked) -> Response:
        """An object: its beginning as a table, JSON or text, or the image that it is."""
        bucket, key = _named(asked)
        s3 = self._s3(asked)
        try:
            head = s3.head_object(Bucket=bucket, Key=key)
            size = head["ContentLength"]
            image = _image(key) if size <= IMAGE_BYTES else ""
            seen: Shown | None = None
            if size and not image:
                part = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{LOOK_BYTES - 1}")
                content = part["Body"].read()
                seen = shown(content, _type(head, key), is_whole=len(content) == size)
        except ClientError:
            return self._missing(asked, f"There is no object {key} in {bucket}")
        return answers.html(
            "object.html", asked=asked, bucket=bucket, key=key, head=head, size=size, image=image,
            seen=seen, metadata=sorted(head.get("Metadata", {}).items()), refresh=None,
            folder=key.rpartition("/")[0] + "/" if "/" in key else "",
        )  # fmt: skip

    def image(self, asked: Asked) -> Response:
        bucket, key = _named(asked)
        with contextlib.suppress(ClientError):
            found = self._s3(asked).get_object(Bucket=bucket, Key=key)
            if found["ContentLength"] <= IMAGE_BYTES and (image := _image(key)):
                return answers.inert(image, found["Body"].read())
            found["Body"].close()
        return self._missing(asked, f"There is no image {key} in {bucket}")

    def download(self, asked: Asked) -> Response:
        bucket, key = _named(asked)
        try:
            found = self._s3(asked).get_object(Bucket=bucket, Key=key)
        except ClientError:
            return self._missing(asked, f"There is no object {key} in {bucket}")
        name = key.rstrip("/").rpartition("/")[2]
        return answers.file(name, _pieces(found["Body"]), found["ContentLength"])

    def upload(self, asked: Asked, form: Form) -> Response:
        """Put the form's file below the prefix that is shown."""
        bucket, prefix = asked.query.get("bucket", ""), asked.query.get("prefix", "")
        upload = form.upload
        if upload is None:
            return self.folder(asked, error="No file was chosen.")
        key = prefix + upload.name.replace("\\", "/").rpartition("/")[2]
        kind = {"ContentType": upload.content_type} if upload.content_type else {}
        try:
            self._s3(asked).put_object(Bucket=bucket, Key=key, Body=upload.content, **kind)
        except ClientError as error:
            return self.folder(asked, error=str(error))
        return answers.redirect(
            answers.place("/s3/list", asked.region, bucket=bucket, prefix=prefix)
        )

    def _s3(self, asked: Asked) -> Any:
        return self._local.client("s3", asked.region)

    def _missing(self, asked: Asked, what: str) -> Response:
        return answers.html("missing.html", http.HTTPStatus.NOT_FOUND, asked=asked, what=what)


def _named(asked: Asked) -> tuple[str, str]:
    """The bucket and the key; botocore takes no empty ones."""
    return asked.query.get("bucket") or "none", asked.query.get("key") or "none"


def _image(key: str) -> str:
    return IMAGES.get(key.rpartition(".")[2].lower(), "")


def _type(head: dict[str, Any], key: str) -> str:
    """The content type, or what the key says where that is S3's own default."""
    said = str(head.get("ContentType", ""))
    by_key = {"csv": "text/csv", "json": "application/json"}.get(key.rpartition(".")[2].lower())
    return by_key or said


def _pieces(body: Any) -> Generator[bytes, None, None]:
    try:
        while piece := body.read(_PIECE):
            yield piece
    finally:
        body.close()
