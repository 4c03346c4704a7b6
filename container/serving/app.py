"""The WSGI app that answers SageMaker: /ping, /invocations and /execution-parameters."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from serving import content
from serving.accept import media_type, negotiate, preferred
from serving.errors import BadRequestError, RequestError, UnsupportedMediaTypeError
from serving.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from serving.hooks import Hooks

logger = logging.getLogger("serving")

# Content types whose body hooks get as str, as in AWS's inference toolkit.
_TEXT = frozenset({content.JSON, content.CSV})
_PLAIN = "text/plain; charset=utf-8"
_SENTENCE = 1000  # characters, at most
_FAULT = "The model could not answer this request; the container's log says why."


class Response(NamedTuple):
    status: HTTPStatus
    content_type: str
    body: list[bytes]
    headers: tuple[tuple[str, str], ...] = ()


class App:
    """A loaded model and its hooks as a WSGI app.

    Args:
        model: what `model_fn` returned.
        hooks: the user's functions.
        default_accept: content type of the answer where the client names none.
        workers: how many processes serve, which is what batch transform is told to send at once.
        timeout: seconds that a request may take before its worker is replaced; None: any time.
    """

    def __init__(
        self,
        model: Any,
        hooks: Hooks,
        *,
        default_accept: str = content.JSON,
        workers: int = 1,
        timeout: float | None = None,
    ) -> None:
        self._model = model
        self._hooks = hooks
        self._default_accept = default_accept
        self._features: int | None = getattr(model, "n_features_in_", None)
        self._workers = workers
        self._watchdog = Watchdog(timeout) if timeout else None
        self._routes: dict[str, tuple[str, Callable[[WSGIEnvironment], Response]]] = {
            "/ping": ("GET", self._ping),
            "/invocations": ("POST", self._invocations),
            "/execution-parameters": ("GET", self._execution_parameters),
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        response = self._respond(environ)
        status = response.status
        start_response(
            f"{status.value} {status.phrase}",
            [("Content-Type", response.content_type), *response.headers],
        )
        return response.body

    def _respond(self, environ: WSGIEnvironment) -> Response:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        route = self._routes.get(path)
        if route is None:
            return _sentence(HTTPStatus.NOT_FOUND, f"There is no {path[:100]} here.")
        allowed, handler = route
        if method != allowed:
            text = f"{path} takes {allowed}, not {method}."
            return _sentence(HTTPStatus.METHOD_NOT_ALLOWED, text, ("Allow", allowed))
        try:
            return handler(environ)
        except RequestError as error:
            logger.warning("%d %s: %s", error.status, path, error, exc_info=error.__cause__)
            return _sentence(HTTPStatus(error.status), str(error)[:_SENTENCE])
        except (Exception, SystemExit):  # which ends no worker
            logger.exception("500 %s", path)
            return _sentence(HTTPStatus.INTERNAL_SERVER_ERROR, _FAULT)

    def _ping(self, environ: WSGIEnvironment) -> Response:  # noqa: ARG002
        """The model is loaded before anything listens, so whoever answers is healthy."""
        return Response(HTTPStatus.OK, _PLAIN, [b""])

    def _execution_parameters(self, environ: WSGIEnvironment) -> Response:  # noqa: ARG002
        """What batch transform asks before it starts.

        https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html
        """
        parameters = {
            "MaxConcurrentTransforms": self._workers,
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": 6,
        }
        return Response(HTTPStatus.OK, content.JSON, [json.dumps(parameters).encode()])

    def _invocations(self, environ: WSGIEnvironment) -> Response:
        body = environ["wsgi.input"].read()
        if self._watchdog is None:
            return self._transform(body, environ)
        with self._watchdog:
            return self._transform(body, environ)

    def _transform(self, body: bytes, environ: WSGIEnvironment) -> Response:
        content_type = environ.get("CONTENT_TYPE", "")
        accept = environ.get("HTTP_ACCEPT", "")
        hooks = self._hooks

        if hooks.transform_fn is not None:
            accept = preferred(accept, self._default_accept)
            text = _hook_input(body, content_type)
            try:
                result = hooks.transform_fn(self._model, text, content_type, accept)
            except ValueError as error:
                raise _refusal(error) from error
            return _hook_response(result, accept)

        # What can't be answered is refused before the model has worked for it.
        if hooks.output_fn is None:
            accept = negotiate(accept, content.CONTENT_TYPES, self._default_accept)
        else:
            accept = preferred(accept, self._default_accept)

        if hooks.input_fn is None:
            coding = environ.get("HTTP_CONTENT_ENCODING", "identity")
            if coding.lower() != "identity":
                raise UnsupportedMediaTypeError(
                    f"This model reads bodies as they are, not as {coding[:100]!r}."
                )
            sent = content.decode(body, media_type(content_type))
            data: Any = content.rows(sent, self._features)
        else:
            try:
                data = hooks.input_fn(_hook_input(body, content_type), content_type)
            except ValueError as error:
                raise _refusal(error) from error

        try:
            if hooks.predict_fn is None:
                prediction = self._model.predict(data)
            else:
                prediction = hooks.predict_fn(data, self._model)
        except ValueError as error:
            raise _refusal(error) from error

        if hooks.output_fn is None:
            return Response(HTTPStatus.OK, accept, content.encode(prediction, accept))
        return _hook_response(hooks.output_fn(prediction, accept), accept)


def _sentence(status: HTTPStatus, text: str, *headers: tuple[str, str]) -> Response:
    return Response(status, _PLAIN, [text.encode()], headers)


def _refusal(error: ValueError) -> BadRequestError:
    """What a model or hook said about its input: the first line is for the client."""
    lines = str(error).strip().splitlines()
    return BadRequestError(lines[0] if lines else "The model refused the request's data.")


def _hook_input(body: bytes, content_type: str) -> str | bytes:
    name = media_type(content_type)
    if name not in _TEXT:
        return body
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BadRequestError(f"The body is not {name} in UTF-8.") from None


def _hook_response(result: Any, accept: str) -> Response:
    body, content_type = result if isinstance(result, tuple) else (result, accept)
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes | bytearray | memoryview):
        raise TypeError(f"output_fn or transform_fn returned {type(body)}, not str or bytes")
    return Response(HTTPStatus.OK, content_type, [bytes(body)])
