"""The repository: that it is there, or may be created."""

import pytest

from harness.account import policy_documents, preflight
from tests.unit.account.asking import ACCOUNT, problems

pytestmark = pytest.mark.usefixtures("environment")


def test_a_repository_that_is_there(settings, boto):
    boto.client("ecr").create_repository(repositoryName=settings.aws.repository)

    (check,) = (each for each in preflight.examine(settings) if each.name == "repository")

    assert check.ok
    assert check.detail.endswith(f"/{settings.aws.repository}")


def test_a_caller_who_need_not_create_a_repository_that_is_there(settings, boto, be_a_user):
    boto.client("ecr").create_repository(repositoryName=settings.aws.repository)
    statements = policy_documents.document("caller", settings, ACCOUNT)["Statement"]
    be_a_user(*(each for each in statements if each["Sid"] != "NewRepository"))

    assert problems(settings) == {}
