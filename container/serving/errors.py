"""What can be wrong with a request. Hooks may raise these too; the text goes to the client."""

from typing import ClassVar


class RequestError(Exception):
    """A request that can't be answered; its text is one sentence for the client."""

    status: ClassVar[int] = 400


class BadRequestError(RequestError):
    """The body can't be read as its content type says, or has the wrong shape."""


class NotAcceptableError(RequestError):
    """The client accepts none of the content types there are."""

    status = 406


class UnsupportedMediaTypeError(RequestError):
    """The body's content type is not one of those there are."""

    status = 415


class StartError(Exception):
    """The server can't start; its text is one sentence for the log."""
