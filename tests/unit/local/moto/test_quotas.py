"""Service Quotas as the preflight and users ask for them: by code, by list, and for more."""

import pytest
from botocore.exceptions import ClientError

from harness.aws_model.quotas import CODES


@pytest.fixture(scope="module")
def quotas(aws):
    return aws.session.client("service-quotas")


def listed(quotas, operation="list_service_quotas", **members):
    pages = quotas.get_paginator(operation).paginate(ServiceCode="sagemaker", **members)
    return {each["QuotaName"]: each for page in pages for each in page["Quotas"]}


def test_every_instance_type_has_its_quotas(quotas, aws):
    found = listed(quotas)
    shape = aws.sagemaker.meta.service_model.shape_for

    for kind in ("training job", "spot training job"):
        types = {name.split()[0] for name in found if name.endswith(f" for {kind} usage")}
        assert types == set(shape("TrainingInstanceType").enum)
    types = {name.split()[0] for name in found if name.endswith(" for endpoint usage")}
    assert types == set(shape("ProductionVariantInstanceType").enum)
    assert len({each["QuotaCode"] for each in found.values()}) == len(found)


def test_a_new_account_has_no_gpus(quotas):
    found = listed(quotas, "list_aws_default_service_quotas")

    assert found["ml.m5.large for training job usage"]["Value"] >= 1
    assert found["ml.t2.medium for endpoint usage"]["Value"] >= 1
    assert found["ml.p5.48xlarge for training job usage"]["Value"] == 0
    assert found["ml.g5.xlarge for endpoint usage"]["Value"] == 0


def test_codes_that_aws_has_are_aws_s(quotas):
    for name, code in CODES.items():
        quota = quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode=code)["Quota"]
        assert quota["QuotaName"] == name


def test_an_increase_is_granted_at_once_and_in_its_region(quotas, aws):
    before = listed(quotas)["ml.g5.xlarge for training job usage"]
    asked = {"ServiceCode": "sagemaker", "QuotaCode": before["QuotaCode"]}

    answer = quotas.request_service_quota_increase(**asked, DesiredValue=3)["RequestedQuota"]

    assert answer["Status"] == "APPROVED"
    assert quotas.get_service_quota(**asked)["Quota"]["Value"] == 3
    assert quotas.get_aws_default_service_quota(**asked)["Quota"]["Value"] == before["Value"]
    elsewhere = aws.session.client("service-quotas", region_name="eu-west-1")
    assert elsewhere.get_service_quota(**asked)["Quota"]["Value"] == before["Value"]


def test_pages(quotas):
    page = quotas.list_service_quotas(ServiceCode="sagemaker", MaxResults=7)

    assert len(page["Quotas"]) == 7
    second = quotas.list_service_quotas(ServiceCode="sagemaker", NextToken=page["NextToken"])
    assert len(second["Quotas"]) == 100
    assert page["Quotas"][-1] != second["Quotas"][0]
    with pytest.raises(quotas.exceptions.InvalidPaginationTokenException):
        quotas.list_service_quotas(ServiceCode="sagemaker", NextToken="x")


def test_a_quota_that_does_not_exist(quotas):
    with pytest.raises(quotas.exceptions.NoSuchResourceException):
        quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode="L-0")


def test_other_services_are_moto_s(quotas):
    found = quotas.list_aws_default_service_quotas(ServiceCode="vpc")["Quotas"]

    assert found[0]["ServiceCode"] == "vpc"
    with pytest.raises(ClientError, match="NoSuchResource"):
        quotas.get_service_quota(ServiceCode="nothing", QuotaCode="L-0")
