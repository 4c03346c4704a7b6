"""Send a file to an endpoint, and print what it answers."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.output import print_json, say
from harness.cli.target import aws_errors, target
from harness.console import plain
from harness.errors import ConfigError, HarnessError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.cli.signals import Signals
    from harness.cli.target import Target

CONTENT_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".libsvm": "text/libsvm",
    ".npy": "application/x-npy",
    ".parquet": "application/x-parquet",
    ".txt": "text/plain",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
}
"""By the ends of files' names; SageMaker has no list, these are what its containers take."""

LAST_LINES = 5
"""Lines of the log that are shown when the container fails."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("endpoint", metavar="ENDPOINT", help="which; `harness ls` lists them")
    parser.add_argument("file", metavar="FILE", help="the request's body; - is stdin")
    parser.add_argument(
        "--content-type", default="", metavar="TYPE",
        help="of the file; by default, that of its name: text/csv of .csv, …",
    )  # fmt: skip
    parser.add_argument("--accept", default="", metavar="TYPE", help="what the answer is to be")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write the answer there, not to stdout"
    )


def run(arguments: Namespace, _: Signals) -> int:
    there = target(arguments)
    body, content_type = _read(arguments)
    more = {"Accept": arguments.accept} if arguments.accept else {}
    with aws_errors():
        client: Any = there.boto.client("sagemaker-runtime")
        start = time.monotonic()
        try:
            answer = client.invoke_endpoint(
                EndpointName=arguments.endpoint, Body=body, ContentType=content_type, **more
            )
        except client.exceptions.ModelError as error:
            raise HarnessError(_words(there, arguments.endpoint, error)) from error
        except client.exceptions.ClientError as error:
            raise HarnessError(_refused(there, arguments.endpoint, error)) from error
        content = answer["Body"].read()
        seconds = time.monotonic() - start
    kind = answer.get("ContentType", "")
    if arguments.output:
        _write(arguments.output, content)
    if arguments.json:
        print_json(
            endpoint=arguments.endpoint,
            content_type=kind,
            seconds=round(seconds, 4),
            bytes=len(content),
            **({"output": str(arguments.output)} if arguments.output else _as_json(content)),
        )
        return 0
    if not arguments.output:
        _print(content, kind)
    say(f"{kind or 'no content type'}, {len(content)} bytes in {seconds * 1000:.0f} ms")
    return 0


def _read(arguments: Namespace) -> tuple[bytes, str]:
    """The request's body, and its content type."""
    name: str = arguments.file
    kind = arguments.content_type or CONTENT_TYPES.get(Path(name).suffix.lower(), "")
    if not kind:
        raise ConfigError(
            f"{name}: its name doesn't tell what is in it; say so with --content-type, for example "
            "text/csv."
        )
    if name == "-":
        return sys.stdin.buffer.read(), kind
    try:
        return Path(name).read_bytes(), kind
    except OSError as error:
        raise ConfigError(f"{name} can't be read: {error.strerror}.") from None


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise HarnessError(f"{file} can't be written: {error.strerror}.") from None


def _print(content: bytes, kind: str) -> None:
    """The answer as it is; on a terminal, only if it is text."""
    if sys.stdout.isatty() and not _is_text(content):
        raise HarnessError(f"the answer is no text ({kind}): write it to a file with --output.")
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    if sys.stdout.isatty() and not content.endswith(b"\n"):
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def _is_text(content: bytes) -> bool:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return False
    return all(each.isprintable() or each in "\t\r\n" for each in text)


def _as_json(content: bytes) -> dict[str, str]:
    try:
        return {"body": content.decode()}
    except UnicodeDecodeError:
        from base64 import b64encode

        return {"body_base64": b64encode(content).decode()}


def _words(there: Target, name: str, error: Any) -> str:
    """What the container answered, what to do, and the last lines that it has written."""
    from harness.flow.logs import LogReader

    status = error.response.get("OriginalStatusCode", "")
    said = " ".join(str(error.response.get("OriginalMessage", "")).split())
    sentence = (
        f"endpoint {name}: its container answered {status}: {said.rstrip('.') or 'nothing'}. "
        f"`harness logs {name}` has its log"
    )
    lines = LogReader(there.boto, f"/aws/sagemaker/Endpoints/{name}", "").new()[-LAST_LINES:]
    if not lines:
        return f"{sentence}, which is empty so far."
    return "\n".join([f"{sentence}, which ends:", *(f"  | {plain(line.text)}" for line in lines)])


def _refused(there: Target, name: str, error: Any) -> str:
    """AWS's words, and what is there instead of an endpoint that isn't."""
    from harness.cli.resources import KINDS, look, newest
    from harness.suggestions import meant

    found = look(there, KINDS[-1], name)
    if found is None:
        close = meant(name, (each.name for each in newest(there, KINDS[-1], 100)))
        return f"there is no endpoint {name}{close} on {there}; `harness ls` lists them."
    words = " ".join(str(error).split())
    if not found.is_going or found.status == "Creating":
        why = f": {found.reason}" if found.reason else ""
        return f"endpoint {name} is {found.status}{why.rstrip('.')}. ({words.rstrip('.')}.)"
    return f"{words.rstrip('.')}."
