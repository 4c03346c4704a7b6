"""What requests of any service ask for, in AWS's words."""

from __future__ import annotations

import io

import pytest

from harness.local.core.client import local_boto_session
from harness.local.moto.ours import operations
from harness.local.protocol.messages import Request

FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize(
    ("service", "method", "uri", "headers", "body", "operation"),
    [
        ("sagemaker", "PUT", "/FeatureGroup/g", {}, b"{}", "PutRecord"),
        ("sagemaker", "POST", "/BatchGetRecord", {}, b"{}", "BatchGetRecord"),
        ("sagemaker", "POST", "/", {"x-amz-target": "SageMaker.Search"}, b"{}", "Search"),
        ("iam", "POST", "/", FORM, b"Action=GetRole&RoleName=r", "GetRole"),
        ("iam", "GET", "/?Action=GetRole&RoleName=r", {}, b"", "GetRole"),
        ("s3", "GET", "/bucket", {}, b"", "ListObjects"),
        ("s3", "GET", "/bucket?list-type=2&prefix=x", {}, b"", "ListObjectsV2"),
        ("s3", "PUT", "/bucket/a/b?acl", {}, b"", "PutObjectAcl"),
        ("s3", "GET", "/bucket/a/b", {}, b"", "GetObject"),
        ("omics", "POST", "/referencestores", {}, b"{}", "ListReferenceStores"),
        ("xray", "POST", "/service/X/operation/GetGroups", {}, b"", "GetGroups"),
        ("sagemaker", "GET", "/no/such/place", {}, b"", None),
        ("no-such-service", "GET", "/", {}, b"", None),
    ],
)
def test_name(service, method, uri, headers, body, operation):
    path, _, query = uri.partition("?")
    request = Request(method, path, query, headers, io.BytesIO(body))
    assert operations.name(request, service) == operation


def test_buckets_are_in_paths_after_a_client_was_made():
    """botocore's clients change the model that all of them share."""
    operations._routes.cache_clear()
    local_boto_session("http://127.0.0.1:1", "us-east-1").client("s3")
    for path, operation in (("/bucket", "ListObjects"), ("/bucket/a/b", "GetObject")):
        assert operations.name(Request("GET", path, "", {}), "s3") == operation
    assert operations.name(Request("GET", "/", "", {}), "s3") == "ListBuckets"
