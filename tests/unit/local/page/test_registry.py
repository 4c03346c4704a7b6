"""The pages of model package groups and packages, and the buttons that approve and reject."""

from __future__ import annotations

import html
import re
import urllib.error
import urllib.parse
import urllib.request

import pytest

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
PAGE = "/_harness/page/sagemaker"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def group(aws, new):
    """A group of two versions, the second one approved."""
    name = new("group")
    aws.sagemaker.create_model_package_group(ModelPackageGroupName=name)
    for approval in ("PendingManualApproval", "Approved"):
        aws.sagemaker.create_model_package(
            ModelPackageGroupName=name,
            ModelPackageDescription=f"{approval} {HOSTILE}",
            ModelApprovalStatus=approval,
            InferenceSpecification={
                "Containers": [{"Image": "image:1", "Environment": {"OF": "the package"}}]
            },
            CustomerMetadataProperties={"team": "blue"},
        )
    return name


@pytest.fixture
def look(aws):
    """The page at a path, as a browser gets it, or the answer to a form."""
    url = aws.sagemaker.meta.endpoint_url

    def look(path, **fields):
        asked = urllib.request.Request(url + path, headers={"Accept": "text/html"})
        if fields:
            asked.data = urllib.parse.urlencode(fields).encode()
            asked.add_header("Origin", url)
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()

    return look


def package(group, version):
    return f"{PAGE}/ModelPackage/{group}%2F{version}"


def token(shown):
    return re.findall(r'name="token" value="([^"]+)"', shown)[0]


def test_a_group_lists_its_versions_with_their_approval(look, group):
    shown = look(f"{PAGE}/ModelPackageGroup/{group}")
    rows = re.findall(r"<tr><td><a href=\"([^\"]+)\">([^<]+)</a>.*?</tr>", shown, re.DOTALL)
    assert [name for _, name in rows] == [f"{group}/2", f"{group}/1"]
    assert rows[0][0].startswith(package(group, 2))
    approvals = re.findall(r'class="status \w+">(Approved|PendingManualApproval)<', shown)
    assert approvals == ["Approved", "PendingManualApproval"]
    assert html.escape(f"Approved {HOSTILE}") in shown
    assert HOSTILE not in shown


def test_a_package_has_its_image_and_links_to_its_group_and_its_models(aws, look, new, group):
    name = new("model")
    aws.sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn="arn:aws:iam::123456789012:role/sagemaker",
        PrimaryContainer={"ModelPackageName": f"{ARN}:model-package/{group}/2"},
    )
    shown = look(package(group, 2))
    assert "image:1" in shown
    assert "the package" in shown
    assert "blue" in shown
    assert f'href="{PAGE}/ModelPackageGroup/{group}?' in shown
    assert f'href="{PAGE}/Model/{name}?' in shown
    assert f'href="{package(group, 2)}?' in look(f"{PAGE}/Model/{name}")
    assert f'href="{PAGE}/Model/{name}?' not in look(package(group, 1))


def test_the_overview_has_them(look, group):
    shown = look(f"/?q={group}")
    assert f'href="{PAGE}/ModelPackageGroup/{group}?' in shown
    assert f'href="{package(group, 1)}?' in shown


@pytest.mark.parametrize(("verb", "status"), [("Approve", "Approved"), ("Reject", "Rejected")])
def test_a_button_approves_and_rejects(aws, look, group, verb, status):
    path = package(group, 1)
    before = look(path)
    assert "aws sagemaker update-model-package --model-package-arn" in before
    assert f"--model-approval-status {status}" in before
    assert f"ModelApprovalStatus=&#34;{status}&#34;" in before
    shown = look(path, token=token(before), action=verb)
    found = aws.sagemaker.describe_model_package(ModelPackageName=f"{group}/1")
    assert found["ModelApprovalStatus"] == status
    assert f'value="{verb}"' not in shown  # there is nothing left to do by it


def test_a_group_that_has_versions_says_so_when_it_is_deleted(look, group):
    path = f"{PAGE}/ModelPackageGroup/{group}"
    shown = look(path, token=token(look(path)), action="Delete")
    assert "it still contains 2 model packages" in shown
    for version in (1, 2):
        one = package(group, version)
        look(one, token=token(look(one)), action="Delete")
    look(path, token=token(look(path)), action="Delete")
    assert "There is no model package group" in look(path)


def test_what_is_no_version_is_not_approved(aws, look, new, group):
    name = new("package")
    aws.sagemaker.create_model_package(
        ModelPackageName=name,
        InferenceSpecification={
            "Containers": [{"Image": "image:1"}],
            "SupportedTransformInstanceTypes": ["ml.m5.large"],
            "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
        },
    )
    path = f"{PAGE}/ModelPackage/{name}"
    shown = look(path)
    assert 'value="Approve"' not in shown
    assert "only versions are approved" in look(path, token=token(shown), action="Approve")
    gone = look(package("gone", 1), token=token(shown), action="Approve")
    assert "There is no such action on ModelPackage gone/1" in gone
    other = look(f"{PAGE}/ModelPackageGroup/{group}", token=token(shown), action="Approve")
    assert "There is no such action on ModelPackageGroup" in other
