"""What is looked at before a training job is created: its request, and what that names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.local.core import images, instances
from harness.local.experiments import following
from harness.local.jobs.training import requests

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import CreateTrainingJobRequestTypeDef

    from harness.local.core.backend import Backend
    from harness.local.protocol.messages import RequestContext


def check(
    backend: Backend, context: RequestContext, request: CreateTrainingJobRequestTypeDef
) -> None:
    """Raises `AwsError` for what AWS would refuse, and for what isn't run by the local AWS.

    Its instances, data, image and experiment are to be there.
    """
    requests.check(request)
    types = [host.instance_type for host in requests.hosts(request["ResourceConfig"])]
    instances.check_accelerators(backend, types)
    requests.check_data(backend.s3, context, request)
    image = request["AlgorithmSpecification"]["TrainingImage"]
    images.check_training(backend, context, image, request["RoleArn"])
    following.check(backend.store, context, request)
