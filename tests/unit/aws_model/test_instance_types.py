"""The memory of instance types, beside what EC2 says of them."""

from __future__ import annotations

import gzip
import json
from importlib.resources import files

import botocore.session
import pytest

from harness.aws_model.instance_types import GIB, memory


@pytest.mark.parametrize(
    ("instance_type", "gib"),
    [
        ("ml.t3.medium", 4),
        ("ml.m5.large", 8),
        ("ml.c4.xlarge", 7.5),
        ("ml.c7i-flex.large", 4),
        ("ml.r5d.24xlarge", 768),
        ("ml.g4dn.xlarge", 16),
    ],
)
def test_known_types(instance_type: str, gib: float) -> None:
    assert memory(instance_type) == gib * GIB


@pytest.mark.parametrize("other", ["", "local", "ml.m5", "ml.m5.huge", "ml.trn2.48xlarge", "m5"])
def test_others_are_not_limited(other: str) -> None:
    assert memory(other) is None


def test_every_type_that_is_known_has_what_ec2_says() -> None:
    """EC2's instances are what SageMaker's are made of; moto has its list of them."""
    packed = files("moto.ec2").joinpath("resources/instance_types.json.gz").read_bytes()
    said = json.loads(gzip.decompress(packed))
    model = botocore.session.get_session().get_service_model("sagemaker")
    kinds = ("TrainingInstanceType", "ProductionVariantInstanceType", "ProcessingInstanceType")
    types = {each for kind in kinds for each in model.shape_for(kind).enum}
    known = [each for each in types if memory(each) and each.removeprefix("ml.") in said]
    assert len(known) > 250
    for each in known:
        ours = (memory(each) or 0) / GIB
        theirs = said[each.removeprefix("ml.")]["MemoryInfo"]["SizeInMiB"] / 1024
        assert ours == pytest.approx(theirs, rel=0.02), each
