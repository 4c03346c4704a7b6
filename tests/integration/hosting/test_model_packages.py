"""Register, approve, deploy: what a model package says runs in containers on the probe image."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.support import AWS, ROLE, Names

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

INSTANCES: Any = {"InstanceType": "ml.m5.large", "InstanceCount": 1}


@pytest.fixture
def group(aws: AWS, names: Names) -> str:
    name = names.new("group")
    aws.sagemaker.create_model_package_group(ModelPackageGroupName=name)
    return name


@pytest.fixture
def register(aws: AWS, group: str, probe_image: str) -> Callable[..., str]:
    """Creates a version with a model archive, and returns its ARN."""

    def create(*, environment: dict[str, str] | None = None, **members: Any) -> str:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            tar.addfile(tarfile.TarInfo("model.joblib"))
        aws.s3.put_object(Bucket=aws.bucket, Key=f"{group}/model.tar.gz", Body=packed.getvalue())
        container: Any = {
            "Image": probe_image,
            "ModelDataUrl": f"s3://{aws.bucket}/{group}/model.tar.gz",
            "Environment": environment or {},
            "Framework": "OTHER",
        }
        made = aws.sagemaker.create_model_package(
            ModelPackageGroupName=group,
            InferenceSpecification={"Containers": [container]},
            **members,
        )
        return made["ModelPackageArn"]

    return create


def create_model(aws: AWS, name: str, package: str, **members: Any) -> None:
    container: Any = {"ModelPackageName": package, **members}
    aws.sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer=container,
    )


def definition(aws: AWS, name: str, data: dict[str, bytes]) -> Any:
    """A transform job's of these objects."""
    for key, body in data.items():
        aws.s3.put_object(Bucket=aws.bucket, Key=f"{name}/in/{key}", Body=body)
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{aws.bucket}/{name}/in/"}
    return {
        "TransformInput": {"DataSource": {"S3DataSource": source}, "ContentType": "text/csv"},
        "TransformOutput": {"S3OutputPath": f"s3://{aws.bucket}/{name}/out"},
        "TransformResources": INSTANCES,
    }


def test_a_version_is_deployed_once_it_is_approved(
    aws: AWS, names: Names, register: Callable[..., str]
) -> None:
    arn = register(environment={"OF_THE_PACKAGE": "1", "OF_BOTH": "package"})
    name = names.new("model")
    with pytest.raises(ClientError, match="is not approved: its ModelApprovalStatus is Pending"):
        create_model(aws, name, arn)
    aws.sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="R² is 0.997"
    )
    create_model(aws, name, arn, Environment={"OF_BOTH": "model"})
    aws.create_endpoint(name)
    # What is deployed goes on, whatever becomes of the package.
    aws.sagemaker.delete_model_package(ModelPackageName=arn)
    aws.wait("endpoint_in_service", EndpointName=name)
    assert aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"
    expression: Any = {"Filters": [{"Name": "EndpointName", "Operator": "Equals", "Value": name}]}
    (found,) = aws.sagemaker.search(Resource="Endpoint", SearchExpression=expression)["Results"]
    assert found["Endpoint"]["EndpointStatus"] == "InService"
    answer = aws.invoke(name, b"", ContentType="probe/model")
    assert json.loads(answer["Body"].read()) == ["model.joblib"]
    answer = aws.invoke(name, b"", ContentType="probe/environment")
    environment = json.loads(answer["Body"].read())
    assert (environment["OF_THE_PACKAGE"], environment["OF_BOTH"]) == ("1", "model")
    aws.sagemaker.delete_endpoint(EndpointName=name)


def test_a_transform_job_runs_a_packages_other_specification(
    aws: AWS, names: Names, probe_image: str, register: Callable[..., str]
) -> None:
    other: Any = {
        "Name": "sums", "Containers": [{"Image": probe_image, "Environment": {"PROBE": "sums"}}]
    }  # fmt: skip
    arn = register(
        environment={"PROBE": "exit"},
        ModelApprovalStatus="Approved",
        AdditionalInferenceSpecifications=[other],
    )
    name = names.new("job")
    create_model(aws, name, arn, InferenceSpecificationName="sums")
    aws.sagemaker.create_transform_job(
        TransformJobName=name, ModelName=name, **definition(aws, name, {"a.csv": b"1,2\n3,4\n"})
    )
    aws.wait("transform_job_completed_or_stopped", TransformJobName=name)
    job = aws.sagemaker.describe_transform_job(TransformJobName=name)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert aws.s3.get_object(Bucket=aws.bucket, Key=f"{name}/out/a.csv.out")["Body"].read()


@pytest.mark.parametrize("is_there", [True, False])
def test_a_validation_is_a_transform_job(
    aws: AWS, names: Names, register: Callable[..., str], is_there: bool
) -> None:
    name = names.new("in")
    profile = {
        "ProfileName": "profile",
        "TransformJobDefinition": definition(aws, name, {"a.csv": b"1,2\n"} if is_there else {}),
    }
    arn = register(
        environment={"PROBE": "sums"},
        ModelApprovalStatus="Approved",
        ValidationSpecification={"ValidationRole": ROLE, "ValidationProfiles": [profile]},
    )
    if is_there:  # and a container has to be started
        with pytest.raises(ClientError, match="a model can be made of one that is Completed"):
            create_model(aws, names.new("model"), arn)
        with pytest.raises(ClientError, match="only one that is Completed or Failed"):
            aws.sagemaker.delete_model_package(ModelPackageName=arn)

    def ended() -> Any:
        found = aws.sagemaker.describe_model_package(ModelPackageName=arn)
        return found if found["ModelPackageStatus"] in ("Completed", "Failed") else None

    package = aws.wait_until(ended, "the package is validated")
    (status,) = package["ModelPackageStatusDetails"]["ValidationStatuses"]
    stem = f"{package['ModelPackageGroupName']}-1-profile"[:40]
    (job,) = aws.sagemaker.list_transform_jobs(NameContains=stem)["TransformJobSummaries"]
    if is_there:
        assert (package["ModelPackageStatus"], status["Status"]) == ("Completed", "Completed")
        assert job["TransformJobStatus"] == "Completed"
        assert aws.s3.get_object(Bucket=aws.bucket, Key=f"{name}/out/a.csv.out")["Body"].read()
    else:
        assert (package["ModelPackageStatus"], status["Status"]) == ("Failed", "Failed")
        assert job["TransformJobStatus"] == "Failed"
        assert "No S3 objects found under S3 URL" in status["FailureReason"]
