"""Where a flow runs: what `harness.toml` says of AWS, and of the local AWS."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, FiniteFloat

from harness.config.values import Bucket, KeyPrefix, Registry, RepositoryName, RoleArn, Section


class Place(Section):
    """What the two targets have in common; the flow reads only this."""

    bucket: Bucket
    prefix: KeyPrefix = Field("harness", description="What stands before every key in the bucket.")
    poll_seconds: FiniteFloat = Field(gt=0, le=60)
    provisioning_seconds: int = Field(ge=1, le=24 * 3600)


_POLL = "Seconds between two looks at a job or an endpoint."
_PROVISIONING = "How long instances, images and transfers may take, beside the limits above."


def _no_single_character(name: str) -> str:
    if len(name) == 1:
        raise ValueError(f"{name!r} must have at least 2 characters, as ECR has it")
    return name


class Aws(Place):
    """Used where `target = "aws"`; an empty text is "not set". docs/aws.md sets up an account."""

    profile: str = Field(
        "", description="Profile of ~/.aws/config that has the credentials; empty: AWS's default "
        "chain (AWS_PROFILE, AWS_ACCESS_KEY_ID, SSO, instance role, …)."
    )  # fmt: skip
    role_arn: RoleArn = Field(
        "", description="Role that SageMaker takes on to read the bucket, pull the image and write "
        "logs. It has to trust sagemaker.amazonaws.com."
    )  # fmt: skip
    bucket: Bucket = Field("", description="Existing bucket, in `region`, for data and models.")
    repository: Annotated[RepositoryName, AfterValidator(_no_single_character)] = Field(
        "", description="ECR repository that the image is pushed to. Empty: the image's name."
    )
    poll_seconds: FiniteFloat = Field(5.0, gt=0, le=60, description=_POLL)
    provisioning_seconds: int = Field(1800, ge=1, le=24 * 3600, description=_PROVISIONING)
    compare_locally: bool = Field(
        True, description="Serve the trained model here as well, and fail where the predictions "
        "differ by more than 1e-9."
    )  # fmt: skip


class Local(Place):
    """Used where `target = "local"`."""

    account_id: str = Field(
        "123456789012", pattern=r"^\d{12}$", description="Appears in names (ARNs) only."
    )
    endpoint_url: str = Field(
        "", pattern=r"^$|^https?://\S+$", description="A local AWS that runs already, such as "
        "http://127.0.0.1:4599; empty: one of the run's own."
    )  # fmt: skip
    port: int = Field(4599, ge=0, le=65_535, description="Of `harness up`; 0 takes a free one.")
    registry: Registry = Field(
        "", description="A container registry behind the local AWS's ECR, such as 127.0.0.1:5000: "
        "what is pushed to its repositories is there, and jobs pull their images from it. Empty: "
        "ECR keeps records only."
    )  # fmt: skip
    gpu: Literal["require", "ignore"] = Field(
        "require", description="What GPU instance types get: as many of the Docker engine's GPUs "
        "as on AWS, and jobs and endpoints are refused where it has none; or `ignore`, none."
    )  # fmt: skip
    bucket: Bucket = Field("harness-local", min_length=3, description="Made at the start.")
    poll_seconds: FiniteFloat = Field(0.05, gt=0, le=60, description=_POLL)
    provisioning_seconds: int = Field(300, ge=1, le=24 * 3600, description=_PROVISIONING)

    @property
    def role_arn(self) -> str:
        """The local AWS asks for a role, as AWS does, and uses it for nothing."""
        return f"arn:aws:iam::{self.account_id}:role/harness"

    @property
    def compare_locally(self) -> bool:
        """It would be compared with itself."""
        return False

    @property
    def repository(self) -> str:
        """None: the engine that runs the image is the one that has built it."""
        return ""
