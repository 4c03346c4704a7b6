"""Tags of SageMaker's resources that are not there."""

from __future__ import annotations

import pytest

from tests.clients import failure

ARN = "arn:aws:sagemaker:us-east-1:123456789012"


@pytest.mark.parametrize(
    "resource",
    [
        "experiment/none",
        "experiment-trial/none",
        "feature-group/none",
        "pipeline/none",
        "pipeline/none/execution/none",
        "model-package/none/1",
        "no-such-kind/none",
        "training-job/none",
    ],
)
def test_tags_of_what_is_not_there(aws, resource):
    arn = f"{ARN}:{resource}"
    said = (400, "ValidationException", f'Could not find resource "{arn}".')
    assert failure(aws.sagemaker.list_tags, ResourceArn=arn) == said
    tags = [{"Key": "a", "Value": "b"}]
    assert failure(aws.sagemaker.add_tags, ResourceArn=arn, Tags=tags) == said
    assert failure(aws.sagemaker.delete_tags, ResourceArn=arn, TagKeys=["a"]) == said
