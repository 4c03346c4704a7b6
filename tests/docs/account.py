"""An account for what the pages do on AWS: on a local AWS, with a container registry behind ECR.

It has a bucket, a role for SageMaker, and a user whose keys `account.sh` sets. All of it ends with
the Python that has started it, which is the page's.
"""

from __future__ import annotations

import atexit
import base64
import shlex
import tempfile
from contextlib import ExitStack
from pathlib import Path

from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from tests.integration.registry import DockerRegistry
from tests.policies import ALL, trust

BUCKET = "my-harness-bucket"
ROLE = "harness-execution"


def start(user: str) -> None:
    """Start it, and write `account.sh` into this folder: what a shell needs to be this user."""
    stack = ExitStack()
    atexit.register(stack.close)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    registry = stack.enter_context(DockerRegistry(folder))
    server = stack.enter_context(LocalAWS(registry=registry.host))
    boto = local_boto_session(server.url, server.region)
    (login,) = boto.client("ecr").get_authorization_token()["authorizationData"]
    registry.allow(*base64.b64decode(login["authorizationToken"]).decode().split(":", 1))
    boto.client("s3").create_bucket(Bucket=BUCKET)
    iam = boto.client("iam")
    role = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust("sagemaker"))["Role"]
    iam.put_role_policy(RoleName=ROLE, PolicyName="all", PolicyDocument=ALL)
    iam.create_user(UserName=user)
    iam.put_user_policy(UserName=user, PolicyName="all", PolicyDocument=ALL)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    variables = {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_REGION": server.region,
        "AWS_DEFAULT_REGION": server.region,  # the AWS CLI's
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "HARNESS_AWS_BUCKET": BUCKET,
        "HARNESS_AWS_ROLE_ARN": role["Arn"],
        "HARNESS_AWS_POLL_SECONDS": "0.2",
    }
    Path("account.sh").write_text(
        "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    )
