"""What stands between AWS's serving toolkit and the model, as in AWS's scikit-learn image.

gunicorn calls `main` in each of its workers. As there, the first request that a worker gets loads
the model, and the hooks that the model doesn't have itself are the toolkit's own decoder and
encoder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import model_logic  # the model of container/code
from sagemaker_containers.beta.framework import (  # type: ignore[import-not-found]
    content_types,
    encoders,
    transformer,
    worker,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

_app: Any = None


def input_fn(data: Any, content_type: str) -> Any:
    """An array (n, features); the toolkit's csv reader makes one dimension of one feature."""
    array = encoders.decode(data, content_type)
    if content_type in content_types.UTF8_TYPES:
        array = array.astype(float)
    return array.reshape(len(array), -1)


def output_fn(prediction: Any, accept: str) -> Any:
    return worker.Response(encoders.encode(prediction, accept), mimetype=accept)


def main(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    global _app
    if _app is None:
        predictor = transformer.Transformer(
            model_fn=model_logic.model_fn,
            input_fn=input_fn,
            predict_fn=model_logic.predict_fn,
            output_fn=output_fn,
        )
        predictor.initialize()
        _app = worker.Worker(transform_fn=predictor.transform, module_name="model_logic")
    answer: Iterable[bytes] = _app(environ, start_response)
    return answer
