"""What instance types have, beside what EC2 says of them, and whose processors they are."""

from __future__ import annotations

import gzip
import json
from importlib.resources import files
from typing import Any

import botocore.session
import pytest

from harness.aws_model import instance_types
from harness.aws_model.instance_types import GIB, cpus, gpus, has_other_accelerators, memory


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


@pytest.mark.parametrize(
    ("instance_type", "count"),
    [
        ("ml.t3.medium", 2),
        ("ml.m5.large", 2),
        ("ml.g4dn.xlarge", 4),
        ("ml.r5d.24xlarge", 96),
        ("local", None),
        ("ml.m5.huge", None),
    ],
)
def test_processors(instance_type: str, count: int | None) -> None:
    assert cpus(instance_type) == count


@pytest.mark.parametrize(
    ("instance_type", "own"),
    [
        ("ml.m5.large", False),
        ("ml.p3.2xlarge", False),
        ("ml.c7i-flex.large", False),
        ("ml.r5d.24xlarge", True),
        ("ml.g4dn.xlarge", True),
        ("ml.m6gd.large", True),
        ("ml.g5.xlarge", True),
        ("ml.p4de.24xlarge", True),
    ],
)
def test_those_with_disks_of_their_own(instance_type: str, own: bool) -> None:
    assert instance_types.has_own_disk(instance_type) is own


@pytest.mark.parametrize("other", ["", "local", "ml.m5", "ml.m5.huge", "ml.trn2.48xlarge", "m5"])
def test_others_are_not_limited(other: str) -> None:
    assert memory(other) is None


def test_every_type_that_is_known_has_what_ec2_says() -> None:
    """EC2's instances are what SageMaker's are made of; moto has its list of them."""
    packed = files("moto.ec2").joinpath("resources/instance_types.json.gz").read_bytes()
    said = json.loads(gzip.decompress(packed))
    model: Any = botocore.session.get_session().get_service_model("sagemaker")
    kinds = ("TrainingInstanceType", "ProductionVariantInstanceType", "ProcessingInstanceType")
    types = {each for kind in kinds for each in model.shape_for(kind).enum}
    known = [each for each in types if memory(each) and each.removeprefix("ml.") in said]
    assert len(known) > 250
    for each in known:
        ours = (memory(each) or 0) / GIB
        theirs = said[each.removeprefix("ml.")]["MemoryInfo"]["SizeInMiB"] / 1024
        assert ours == pytest.approx(theirs, rel=0.02), each
        if each != "ml.c4.8xlarge":  # has 36
            assert cpus(each) == said[each.removeprefix("ml.")]["VCpuInfo"]["DefaultVCpus"], each
    for each in types & {f"ml.{name}" for name in said}:
        own = said[each.removeprefix("ml.")]["InstanceStorageSupported"]
        assert instance_types.has_own_disk(each) == own, each


@pytest.mark.parametrize(
    ("instance_type", "architecture"),
    [
        ("ml.m5.large", "amd64"),
        ("ml.t2.medium", "amd64"),
        ("ml.g5.xlarge", "amd64"),
        ("ml.g4dn.xlarge", "amd64"),
        ("ml.g6e.xlarge", "amd64"),
        ("ml.p4d.24xlarge", "amd64"),
        ("ml.trn1.2xlarge", "amd64"),
        ("ml.m6g.large", "arm64"),
        ("ml.c7g.large", "arm64"),
        ("ml.c6gn.large", "arm64"),
        ("ml.r7gd.large", "arm64"),
        ("ml.p6e-gb200.36xlarge", "arm64"),
    ],
)
def test_the_architecture_of_an_instance_type(instance_type: str, architecture: str) -> None:
    assert instance_types.architecture(instance_type) == architecture


def test_every_arm_type_that_sagemaker_has_is_known_by_its_family() -> None:
    """So that a new one, of a name that isn't thought of, is at least looked at."""
    model: Any = botocore.session.get_session().get_service_model("sagemaker")
    types = {
        *model.shape_for("TrainingInstanceType").enum,
        *model.shape_for("ProductionVariantInstanceType").enum,
    }
    families = {
        each.split(".")[1] for each in types if instance_types.architecture(each) == "arm64"
    }
    graviton = {"c6g", "c6gd", "c6gn", "c7g", "c8g", "m6g", "m6gd", "m8g", "r6g", "r6gd"}
    assert families >= graviton | {"r7gd", "r8g", "p6e-gb200"}
    assert not {each for each in families if each.startswith(("g", "p3", "p4", "p5", "inf", "trn"))}


@pytest.mark.parametrize(
    ("instance_type", "count"),
    [
        ("ml.g4dn.xlarge", 1),
        ("ml.g4dn.12xlarge", 4),
        ("ml.g4dn.16xlarge", 1),
        ("ml.g5.48xlarge", 8),
        ("ml.g6e.24xlarge", 4),
        ("ml.p2.16xlarge", 16),
        ("ml.p3.2xlarge", 1),
        ("ml.p3dn.24xlarge", 8),
        ("ml.p4d.24xlarge", 8),
        ("ml.p5.4xlarge", 1),
        ("ml.p6-b200.48xlarge", 8),
        ("ml.p6e-gb200.36xlarge", 4),
        ("ml.m5.large", 0),
        ("ml.inf2.xlarge", 0),
        ("local", 0),
        ("", 0),
    ],
)
def test_gpus(instance_type: str, count: int) -> None:
    assert gpus(instance_type) == count


def test_every_accelerated_type_of_the_service_model_is_known() -> None:
    kinds = ("Training", "ProductionVariant", "Processing", "Transform")
    types = {name for kind in kinds for name in instance_types.named_in(f"{kind}InstanceType")}
    accelerated = {name for name in types if gpus(name) or has_other_accelerators(name)}
    families = {name.split(".")[1] for name in accelerated}
    assert {each.split(".")[1] for each in types} - families == {
        family for family in (each.split(".")[1] for each in types) if family[0] in "cmrt"
        and not family.startswith("trn")
    }  # fmt: skip
