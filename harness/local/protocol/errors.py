"""What a provider raises instead of answering."""

from __future__ import annotations


class AwsError(Exception):
    """An error that the caller is told about in AWS's form.

    `code` is the error's shape name in the service model (`ResourceNotFound`, `ModelError`) or
    a common error code (`ValidationException`). The HTTP status comes from the model, or is 400.
    `members` are the error shape's further members (`OriginalStatusCode=500`).
    """

    def __init__(self, code: str, message: str, **members: object) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.members = members


class DisconnectedError(ConnectionError):
    """The client is gone, or silent, before its request was whole."""


class LeaveToMoto(Exception):  # noqa: N818  # says what to do, and is no error
    """Raised by a provider for a request about something that it doesn't keep.

    `body` is the request's, if it has been read from its stream.
    """

    body: bytes | None = None
