"""SageMaker's services of which nothing runs here: each request is told so, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.model import ServiceModel

from harness.aws_model.loader import LOADER
from harness.local.moto.ours import operations
from harness.local.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.protocol.messages import Request

SERVICES: Mapping[str, str] = {
    "sagemaker-a2i-runtime": "human loops are worked on by people that AWS asks",
    "sagemaker-edge": "devices and their models are looked after by AWS only",
    "sagemaker-featurestore-runtime": (
        "a feature group of the local AWS is a record, and keeps no features"
    ),
    "sagemaker-geospatial": "geospatial jobs and their data are AWS's only",
    "sagemaker-inference-router-runtime": (
        "inference routers are run by AWS only; invoke an endpoint instead"
    ),
    "sagemakerjobruntime": "jobs of these categories are run by AWS only",
    "sagemakertrainingsessionruntime": "training sessions are run by AWS only",
}
"""By botocore's names, why nothing of them is carried out: the end of the sentence."""


def error(request: Request, service: str) -> AwsError | None:
    """What a request for one of their operations gets; None if it is for none.

    `service` is the name that it is signed for.
    """
    if not service.startswith("sagemaker") or "x-amz-target" in request.headers:
        return None
    route = operations.route(request, service)
    why = SERVICES.get(route.service) if route else None
    if route is None or why is None:
        return None
    model = ServiceModel(LOADER.load_service_model(route.service, "service-2"), route.service)
    known = {each.name for each in model.operation_model(route.operation).error_shapes}
    code = "ValidationError" if "ValidationError" in known else "ValidationException"
    return AwsError(code, f"{route.operation}: {why}.")
