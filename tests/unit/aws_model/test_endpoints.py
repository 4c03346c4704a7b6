"""botocore's own resolver over the file that has all services at one address."""

import os

import pytest
from botocore.loaders import Loader
from botocore.regions import EndpointResolver

from harness.aws_model import endpoints
from harness.aws_model.loader import LOADER

URL = "http://172.17.0.1:4566"


@pytest.fixture(scope="module")
def resolver():
    return EndpointResolver(endpoints.document(URL))


@pytest.fixture(scope="module")
def real():
    return EndpointResolver(Loader().load_data("endpoints"))


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
@pytest.mark.parametrize("service", ["sagemaker", "sts", "iam", "logs", "unheard-of"])
def test_every_service_of_every_region_is_there(resolver, real, service, region):
    found, known = (each.construct_endpoint(service, region) for each in (resolver, real))

    assert found["hostname"] == "172.17.0.1:4566"
    assert found["protocols"] == ["http"]
    assert found["partition"] == known["partition"]
    assert found.get("credentialScope") == known.get("credentialScope")


@pytest.mark.parametrize("region", ["us-east-1", "aws-global", "cn-north-1"])
def test_s3s_paths_begin_with_what_is_no_bucket(resolver, region):
    assert resolver.construct_endpoint("s3", region)["hostname"] == "172.17.0.1:4566/-"


def test_the_regions_are_the_known_ones(resolver, real):
    for partition in ("aws", "aws-cn"):
        names = [each.get_available_endpoints("sagemaker", partition) for each in (resolver, real)]
        assert names[0] == names[1]


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/-", "/"),
        ("/-/", "/"),
        ("/-/bucket/key", "/bucket/key"),
        ("/-/bucket/-/key", "/bucket/-/key"),
        ("/-bucket/key", "/-bucket/key"),
        ("/bucket/-/key", "/bucket/-/key"),
        ("/", "/"),
    ],
)
def test_a_path_without_it(path, taken):
    assert endpoints.on_path(path) == taken


def test_the_users_own_folders_come_first():
    def path(*folders):
        return os.pathsep.join(folders)

    assert endpoints.data_path("", "/ours") == path("~/.aws/models", "/ours")
    assert endpoints.data_path(path("/a", "", "/b"), "/ours") == path(
        "/a", "/b", "~/.aws/models", "/ours"
    )
    assert endpoints.data_path(path("/ours", "/a"), "/ours") == path("/a", "~/.aws/models", "/ours")


def test_stss_rules_are_merged_over_botocores():
    version = LOADER.determine_latest_version("sts", "endpoint-rule-set-1")
    assert f"sts/{version}/{endpoints.STS_EXTRAS}" in endpoints.files(URL)
