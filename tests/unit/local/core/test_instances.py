"""Counts, sizes and times that requests name: refused above AWS's, before anything is made."""

import json
import resource
import urllib.request

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
IMAGE = {"TrainingImage": "image:1", "TrainingInputMode": "File"}


@pytest.fixture(scope="module")
def model(aws):
    aws.sagemaker.create_model(
        ModelName="counted", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "image:1"}
    )
    return "counted"


@pytest.fixture
def create(aws, model, new):
    """Asks for a resource of a kind on so many instances."""
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{aws.bucket}/in/"}
    out = {"S3OutputPath": f"s3://{aws.bucket}/out"}

    def training(**resources):
        aws.sagemaker.create_training_job(
            TrainingJobName=new("job"),
            AlgorithmSpecification=IMAGE,
            RoleArn=ROLE,
            OutputDataConfig=out,
            ResourceConfig={"VolumeSizeInGB": 1, **resources},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )

    def one(count):
        training(InstanceType="ml.m5.large", InstanceCount=count)

    def groups(count):
        each = {"InstanceType": "ml.m5.large", "InstanceCount": count // 2}
        training(
            InstanceGroups=[
                {**each, "InstanceGroupName": "a"},
                {**each, "InstanceGroupName": "b", "InstanceCount": count - count // 2},
            ]
        )

    def transform(count):
        aws.sagemaker.create_transform_job(
            TransformJobName=new("job"),
            ModelName=model,
            TransformInput={"DataSource": {"S3DataSource": source}},
            TransformOutput=out,
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": count},
        )

    def config(count, members="ProductionVariants"):
        each = {"ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        variants = {"ProductionVariants": [{**each, "VariantName": "v"}]}
        variants[members] = [
            {**each, "VariantName": "v", "InitialInstanceCount": count // 2},
            {**each, "VariantName": "w", "InitialInstanceCount": count - count // 2},
        ]
        aws.sagemaker.create_endpoint_config(EndpointConfigName=new("config"), **variants)

    def shadow(count):
        config(count, "ShadowProductionVariants")

    return {
        "training job": one,
        "instance groups": groups,
        "transform job": transform,
        "endpoint": config,
        "shadow": shadow,
    }


@pytest.mark.parametrize(
    ("kind", "usage"),
    {
        "training job": "training job",
        "instance groups": "training job",
        "transform job": "transform job",
        "endpoint": "endpoint",
        "shadow": "endpoint",
    }.items(),
)
@pytest.mark.parametrize("count", [101, 10**6, 2**31 - 1])
def test_more_instances_than_the_quota(create, kind, usage, count):
    with pytest.raises(ClientError) as refused:
        create[kind](count)
    error = refused.value.response["Error"]
    assert error["Code"] == "ResourceLimitExceeded"
    assert error["Message"].startswith(
        f"The account-level service limit 'ml.m5.large for {usage} usage' is 100 Instances, with "
        f"current utilization of 0 Instances and a request delta of {count} Instances. "
    )


@pytest.mark.parametrize("kind", ["training job", "transform job"])
@pytest.mark.parametrize("count", [2**31, 10**400], ids=["32 bits", "400 digits"])
def test_more_than_an_integer_holds(create, kind, count):
    with pytest.raises(ClientError) as refused:
        create[kind](count)
    assert refused.value.response["Error"] == {
        "Code": "SerializationException",
        "Message": "NUMBER_VALUE can not be converted to an Integer",
    }


def test_as_many_as_the_quota(create):
    create["endpoint"](100)


@pytest.mark.parametrize("kind", ["training job", "instance groups"])
def test_none(create, kind):
    with pytest.raises(ClientError) as refused:
        create[kind](0)
    assert refused.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "1 validation error detected: Value '0' at 'resourceConfig.instanceCount' "
        "failed to satisfy constraint: Member must have value greater than or equal to 1",
    }


@pytest.mark.parametrize(
    ("members", "where", "most"),
    [
        (
            {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1,
                                "VolumeSizeInGB": 16_385}},
            "resourceConfig.volumeSizeInGB",
            16_384,
        ),
        (
            {"StoppingCondition": {"MaxRuntimeInSeconds": 2_419_201}},
            "stoppingCondition.maxRuntimeInSeconds",
            2_419_200,
        ),
    ],
    ids=["volume", "runtime"],
)  # fmt: skip
def test_more_than_there_is(aws, new, members, where, most):
    with pytest.raises(ClientError) as refused:
        aws.sagemaker.create_training_job(**{
            "TrainingJobName": new("job"),
            "AlgorithmSpecification": IMAGE,
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{aws.bucket}/out"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **members,
        })  # fmt: skip
    assert refused.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": f"1 validation error detected: Value '{most + 1}' at '{where}' failed to "
        f"satisfy constraint: Member must have value less than or equal to {most}",
    }


@pytest.mark.parametrize("weight", [b"1e400", b"NaN", b'"NaN"', b"Infinity", b"1e39", b"9" * 400])
def test_weights_are_finite(aws, model, new, weight):
    """What botocore sends as it is; whoever describes it gets valid JSON."""
    name = new("config")
    variant = {"VariantName": "v", "ModelName": model, "InitialInstanceCount": 1,
               "InstanceType": "ml.m5.large", "InitialVariantWeight": "weight"}  # fmt: skip
    document = json.dumps({"EndpointConfigName": name, "ProductionVariants": [variant]})
    request = urllib.request.Request(
        aws.sagemaker.meta.endpoint_url,
        document.encode().replace(b'"weight"', weight),
        {"X-Amz-Target": "SageMaker.CreateEndpointConfig",
         "Content-Type": "application/x-amz-json-1.1"},
    )  # fmt: skip
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    with refused.value as response:
        assert json.loads(response.read())["__type"] == "SerializationException"
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        aws.sagemaker.describe_endpoint_config(EndpointConfigName=name)


def test_a_refused_count_costs_no_memory(create):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for kind in create:
        for count in (10**6, 10**400):
            with pytest.raises(ClientError):
                create[kind](count)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 50 << 10  # KB
