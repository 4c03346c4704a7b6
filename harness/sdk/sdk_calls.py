"""Where the SDK itself refuses a `file://` URL unless a session is of its local mode."""

from __future__ import annotations

import functools
import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def take_files(session: type) -> None:
    """Have `fit("file://…")` and `transform("file://…")` upload the files, with such a session.

    With any other they do what they did.
    """
    estimator = sys.modules.get("sagemaker.estimator")  # of v2, which imports it by itself
    if estimator is not None:
        job = estimator._TrainingJob
        job._get_train_args = classmethod(_train_args(job._get_train_args.__func__, session))
    try:
        module = importlib.import_module("sagemaker.core.transformer")
    except ModuleNotFoundError:  # v2
        module = importlib.import_module("sagemaker.transformer")
    module.Transformer.transform = _transform(module.Transformer.transform, session)


def _train_args(get: Callable[..., Any], session: type) -> Callable[..., Any]:
    @functools.wraps(get)
    def get_train_args(cls: Any, estimator: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        own = estimator.sagemaker_session
        if isinstance(own, session):
            inputs = own.uploaded(inputs)  # type: ignore[attr-defined]
            estimator.model_uri = own.uploaded(estimator.model_uri)  # type: ignore[attr-defined]
        return get(cls, estimator, inputs, *args, **kwargs)

    return get_train_args


def _transform(transform: Callable[..., Any], session: type) -> Callable[..., Any]:
    @functools.wraps(transform)
    def uploading(self: Any, data: Any, *args: Any, **kwargs: Any) -> Any:
        own = self.sagemaker_session
        if isinstance(own, session):
            data = own.uploaded(data)  # type: ignore[attr-defined]
        return transform(self, data, *args, **kwargs)

    return uploading
