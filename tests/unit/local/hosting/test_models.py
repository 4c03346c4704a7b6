"""Models, endpoint configurations and their tags: no container is needed for these."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.clients import refusal

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
ARN = "arn:aws:sagemaker:us-east-1:123456789012"


@pytest.fixture
def model(aws, new):
    """Creates a model; members given are the container's."""

    def create(**container):
        name = new("model")
        aws.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": "image:1", **container},
        )
        return name

    return create


def variant(model, **members):
    return {
        "VariantName": "AllTraffic",
        "ModelName": model,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
        **members,
    }


def now(moment):
    return abs(datetime.now(UTC) - moment) < timedelta(minutes=1)


class TestModels:
    def test_a_description_says_what_was_asked_for(self, aws, new):
        name = new("model")
        aws.s3.put_object(Bucket=aws.bucket, Key="model.tar.gz", Body=b"")
        container = {
            "Image": "image:1",
            "Environment": {"A": "line\nbreak", "B": ""},
            "ModelDataUrl": f"s3://{aws.bucket}/model.tar.gz",
        }
        created = aws.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer=container,
            EnableNetworkIsolation=True,
            Tags=[{"Key": "a", "Value": "1"}],
        )
        assert created["ModelArn"] == f"{ARN}:model/{name}"
        described = aws.sagemaker.describe_model(ModelName=name)
        described.pop("ResponseMetadata")
        assert now(described.pop("CreationTime"))
        assert described == {
            "ModelName": name,
            "ModelArn": f"{ARN}:model/{name}",
            "ExecutionRoleArn": ROLE,
            "PrimaryContainer": container,
            "EnableNetworkIsolation": True,
        }
        assert aws.sagemaker.list_tags(ResourceArn=created["ModelArn"])["Tags"] == [
            {"Key": "a", "Value": "1"}
        ]

    def test_containers_may_be_one(self, aws, new):
        name = new("model")
        aws.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, Containers=[{"Image": "image:1"}]
        )
        assert aws.sagemaker.describe_model(ModelName=name)["Containers"] == [{"Image": "image:1"}]

    def test_a_deleted_model_is_gone_with_its_tags(self, aws, model):
        name = model()
        arn = f"{ARN}:model/{name}"
        aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
        aws.sagemaker.delete_model(ModelName=name)
        for call in (aws.sagemaker.describe_model, aws.sagemaker.delete_model):
            assert refusal(call, ModelName=name) == f'Could not find model "{arn}".'
        assert refusal(aws.sagemaker.list_tags, ResourceArn=arn) == (
            f'Could not find resource "{arn}".'
        )
        aws.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "image:1"}
        )
        assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == []

    def test_a_name_is_given_once_also_to_many_at_once(self, aws, new):
        name = new("model")
        said = []

        def create():
            try:
                aws.sagemaker.create_model(
                    ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "image:1"}
                )
                said.append("created")
            except ClientError as error:
                said.append(error.response["Error"]["Message"])

        threads = [threading.Thread(target=create) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        taken = f'Cannot create already existing model "{ARN}:model/{name}".'
        assert sorted(said) == [taken] * 7 + ["created"]

    @pytest.mark.parametrize(
        "url", ["s3://no-such-bucket/m.tar.gz", "s3://bucket", "s3://Not_A!Bucket/m.tar.gz"]
    )
    def test_data_that_is_not_there(self, model, url):
        assert refusal(model, ModelDataUrl=url) == f"Could not find model data at {url}."

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            ({}, "Exactly one of PrimaryContainer and Containers must be given."),
            ({"PrimaryContainer": {"Image": "i"}, "Containers": [{"Image": "i"}]},
             "Exactly one of PrimaryContainer and Containers must be given."),
            ({"Containers": [{"Image": "i"}, {"Image": "j"}]},
             ("Containers: the local AWS runs models of one container; inference pipelines run on "
             "AWS only.")),
            ({"PrimaryContainer": {"ModelPackageName": "package"}},
             f"ModelPackage {ARN}:model-package/package does not exist."),
            ({"PrimaryContainer": {"Image": "i", "Mode": "MultiModel"}},
             "Mode: the local AWS runs SingleModel; multi-model endpoints run on AWS only."),
            ({"PrimaryContainer": {"Image": "i", "ModelDataSource": {"S3DataSource": {
                "S3Uri": "s3://b/m/", "S3DataType": "S3Prefix", "CompressionType": "Gzip"}}}},
             ("ModelDataSource: an S3Prefix is of CompressionType None, and its S3Uri ends with a "
             "slash; this is Gzip and s3://b/m/.")),
            ({"PrimaryContainer": {"Image": "i", "ModelDataSource": {"S3DataSource": {
                "S3Uri": "s3://b/m", "S3DataType": "S3Prefix", "CompressionType": "None"}}}},
             ("ModelDataSource: an S3Prefix is of CompressionType None, and its S3Uri ends with a "
             "slash; this is None and s3://b/m.")),
            ({"PrimaryContainer": {"Image": "i", "ModelDataSource": {"S3DataSource": {
                "S3Uri": "s3://b/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}}}},
             "Could not find model data at s3://b/m/."),
        ],
    )  # fmt: skip
    def test_what_is_not_run_locally(self, aws, new, members, message):
        request = {"ModelName": new("model"), "ExecutionRoleArn": ROLE, **members}
        assert refusal(aws.sagemaker.create_model, **request) == message

    @pytest.mark.parametrize(
        ("container", "message"),
        [
            ({"ModelDataUrl": "s3://b/m.tar.gz", "ModelDataSource": {"S3DataSource": {
                "S3Uri": "s3://b/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}}},
             "ModelDataUrl and ModelDataSource are mutually exclusive"),
            ({"ImageConfig": {"RepositoryAccessMode": "Platform",
                "RepositoryAuthConfig": {"RepositoryCredentialsProviderArn": "a"}}},
             "ImageConfig: RepositoryAuthConfig can be given only where RepositoryAccessMode is"),
            ({"Environment": {f"V{number}": "x" * 1021 for number in range(33)}},
             "Environment: all keys and values together have"),
        ],
    )  # fmt: skip
    def test_what_the_reference_rules_out(self, model, container, message):
        assert refusal(model, **container).startswith(message)

    @pytest.mark.parametrize("key", ["model.tar", "model.zip", "models/"])
    def test_data_that_is_no_archive(self, aws, model, key):
        aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=b"")
        url = f"s3://{aws.bucket}/{key}"
        assert refusal(model, ModelDataUrl=url) == (
            f"Invalid model data URL {url}: it must point to a single gzip compressed tar archive "
            "(.tar.gz suffix)."
        )


class TestEndpointConfigs:
    def test_a_description_says_what_was_asked_for(self, aws, new, model):
        name = new("config")
        variants = [variant(model(), InitialVariantWeight=2.0)]
        created = aws.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=variants
        )
        assert created["EndpointConfigArn"] == f"{ARN}:endpoint-config/{name}"
        described = aws.sagemaker.describe_endpoint_config(EndpointConfigName=name)
        described.pop("ResponseMetadata")
        assert now(described.pop("CreationTime"))
        assert described == {
            "EndpointConfigName": name,
            "EndpointConfigArn": f"{ARN}:endpoint-config/{name}",
            "ProductionVariants": variants,
            "EnableNetworkIsolation": False,
        }

    def test_names_that_are_taken_or_unknown(self, aws, new, model):
        name = new("config")
        arn = f"{ARN}:endpoint-config/{name}"
        sagemaker = aws.sagemaker
        unknown = f'Could not find endpoint configuration "{arn}".'
        for call in (sagemaker.describe_endpoint_config, sagemaker.delete_endpoint_config):
            assert refusal(call, EndpointConfigName=name) == unknown
        assert (
            refusal(sagemaker.create_endpoint, EndpointName="e", EndpointConfigName=name) == unknown
        )
        request = {"EndpointConfigName": name, "ProductionVariants": [variant(model())]}
        sagemaker.create_endpoint_config(**request)
        assert refusal(sagemaker.create_endpoint_config, **request) == (
            f'Cannot create already existing endpoint configuration "{arn}".'
        )
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
        sagemaker.create_endpoint_config(**request)

    def test_a_model_must_be_there(self, aws, new):
        message = refusal(
            aws.sagemaker.create_endpoint_config,
            EndpointConfigName=new("config"),
            ProductionVariants=[variant("unknown")],
        )
        assert message == f'Could not find model "{ARN}:model/unknown".'

    @pytest.mark.parametrize(
        ("variants", "message"),
        [
            ([variant("m"), variant("m")],
             "Variant names must be unique: ['AllTraffic', 'AllTraffic']."),
            ([{"VariantName": "v", "InstanceType": "ml.m5.large"}],
             ("ProductionVariants.ModelName must be given: inference components are not run by the "
             "local AWS, only by AWS.")),
            ([{"VariantName": "v", "ModelName": "m",
               "ServerlessConfig": {"MemorySizeInMB": 1111, "MaxConcurrency": 1}}],
             ("1 validation error detected: Value '1111' at 'MemorySizeInMB' failed to satisfy "
              "constraint: Member must satisfy enum value set: "
              "[1024, 2048, 3072, 4096, 5120, 6144]")),
        ],
    )  # fmt: skip
    def test_what_is_not_run_locally(self, aws, new, variants, message):
        assert (
            refusal(
                aws.sagemaker.create_endpoint_config,
                EndpointConfigName=new("config"),
                ProductionVariants=variants,
            )
            == message
        )

    @pytest.mark.parametrize(
        ("words", "request_members", "variant_members"),
        [
            ("ExplainerConfig: explanations are made by AWS only.",
             {"ExplainerConfig": {"ClarifyExplainerConfig": {"ShapConfig": {
                 "ShapBaselineConfig": {"ShapBaseline": "1"}}}}},
             {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}),
            ("ProductionVariants.ServerlessConfig: serverless endpoints run on AWS only.",
             {}, {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}),
        ],
    )  # fmt: skip
    def test_what_is_kept_but_not_run(
        self, aws, new, model, words, request_members, variant_members
    ):
        name = new("config")
        variants = [{"VariantName": "v", "ModelName": model(), **variant_members}]
        aws.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=variants, **request_members
        )
        asked = {"EndpointName": name, "EndpointConfigName": name}
        assert refusal(aws.sagemaker.create_endpoint, **asked) == words
        described = aws.sagemaker.describe_endpoint_config(EndpointConfigName=name)
        assert described["ProductionVariants"] == [{**variants[0], "InitialVariantWeight": 1.0}]
        assert request_members.items() <= described.items()

    @pytest.mark.parametrize(
        ("variants", "members", "message"),
        [
            ([{}], {"ShadowProductionVariants": [{}, {"VariantName": "s"}]},
             "Variant names must be unique: ['AllTraffic', 'AllTraffic', 's']."),
            ([{}], {"ShadowProductionVariants": [{"VariantName": "s"}, {"VariantName": "t"}]},
             "With ShadowProductionVariants, there can be only one variant in ProductionVariants"),
            ([{"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1,
                                    "ProvisionedConcurrency": 2}}], {},
             "Variant AllTraffic: ProvisionedConcurrency must be less than or equal to"),
            ([{"RoutingConfig": {"RoutingStrategy": "PREFIX_AWARE"}}], {},
             "Variant AllTraffic: PrefixAwareRoutingConfig must be given with"),
            ([{"InstanceType": "ml.g5.xlarge"}], {"KmsKeyId": "key"},
             "VolumeKmsKeyId: it can't be requested for the instance type ml.g5.xlarge"),
            ([{}], {"MetricsConfig": {"MetricPublishFrequencyInSeconds": 7}},
             "MetricsConfig.MetricPublishFrequencyInSeconds: 7 is none of 10, 30, 60,"),
        ],
    )  # fmt: skip
    def test_what_the_reference_rules_out(self, aws, new, model, variants, members, message):
        name = model()
        filled: dict[str, Any] = {
            member: [variant(name, **each) for each in some] if isinstance(some, list) else some
            for member, some in {"ProductionVariants": variants, **members}.items()
        }
        said = refusal(
            aws.sagemaker.create_endpoint_config, EndpointConfigName=new("config"), **filled
        )
        assert said.startswith(message)

    def test_a_variant_weighs_one_by_default(self, aws, new, model):
        name, given = new("config"), variant(model())
        aws.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[given, variant(model(), VariantName="w", InitialVariantWeight=0.0)],
        )
        described = aws.sagemaker.describe_endpoint_config(EndpointConfigName=name)
        weights = [each["InitialVariantWeight"] for each in described["ProductionVariants"]]
        assert weights == [1.0, 0.0]

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            ({"DataCaptureConfig": {
                "InitialSamplingPercentage": 1, "DestinationS3Uri": "https://b/k",
                "CaptureOptions": [{"CaptureMode": "Input"}]}},
             "DataCaptureConfig.DestinationS3Uri: https://b/k is not of the form s3://bucket/key."),
            ({"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "https://b/k"}}},
             ("AsyncInferenceConfig.OutputConfig.S3OutputPath: https://b/k is not of the form "
              "s3://bucket/key.")),
            ({"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/k"}},
              "DataCaptureConfig": {
                "InitialSamplingPercentage": 1, "DestinationS3Uri": "s3://b/k",
                "CaptureOptions": [{"CaptureMode": "Input"}]}},
             ("DataCaptureConfig: the local AWS captures no data of asynchronous endpoints; run "
              "them on AWS.")),
        ],
    )  # fmt: skip
    def test_places_that_are_none(self, aws, new, model, members, message):
        request = {
            "EndpointConfigName": new("config"),
            "ProductionVariants": [variant(model())],
            **members,
        }
        assert refusal(aws.sagemaker.create_endpoint_config, **request) == message

    def test_requests_are_not_routed_by_what_is_in_them(self, aws, new, model):
        request = {
            "EndpointConfigName": new("config"),
            "ProductionVariants": [variant(model(), RoutingConfig={"RoutingStrategy": "KV_AWARE"})],
        }
        assert refusal(aws.sagemaker.create_endpoint_config, **request) == (
            "ProductionVariants.RoutingConfig.RoutingStrategy: KV_AWARE is not run by the local "
            "AWS, only by AWS."
        )


class TestEndpoints:
    def test_a_name_that_differs_by_case_only_is_taken(self, aws, new, model):
        name = new("Endpoint")
        aws.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[variant(model())]
        )
        arn = aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)[
            "EndpointArn"
        ]
        assert refusal(
            aws.sagemaker.create_endpoint, EndpointName=name.lower(), EndpointConfigName=name
        ) == (f'Cannot create already existing endpoint "{arn}".')
        with pytest.raises(ClientError, match="Could not find endpoint"):
            aws.sagemaker.describe_endpoint(EndpointName=name.lower())

    def test_a_variant_is_changed_once(self, aws):
        change = {"VariantName": "v", "DesiredWeight": 1.0}
        said = refusal(
            aws.sagemaker.update_endpoint_weights_and_capacities,
            EndpointName="none",
            DesiredWeightsAndCapacities=[change, change],
        )
        assert said == "Variant names must be unique: ['v', 'v']."

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {
                "Type": "CANARY", "WaitIntervalInSeconds": 0,
                "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}}},
             ("DeploymentConfig.BlueGreenUpdatePolicy.TrafficRoutingConfiguration.CanarySize: the "
             "local AWS shifts traffic ALL_AT_ONCE; canary deployments run on AWS only.")),
            ({"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {
                "Type": "LINEAR", "WaitIntervalInSeconds": 0}}},
             ("DeploymentConfig: the local AWS shifts traffic ALL_AT_ONCE; canary, linear and "
             "rolling deployments run on AWS only.")),
            ({"RollingUpdatePolicy": {"WaitIntervalInSeconds": 0,
                "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}}},
             ("DeploymentConfig.RollingUpdatePolicy: the local AWS shifts traffic ALL_AT_ONCE; "
             "rolling deployments run on AWS only.")),
            ({"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "alarm"}]}},
             ("DeploymentConfig.AutoRollbackConfiguration.Alarms: CloudWatch alarms are watched by "
              "AWS only.")),
            ({"BlueGreenUpdatePolicy": {"TerminationWaitInSeconds": 500,
                "MaximumExecutionTimeoutInSeconds": 600, "TrafficRoutingConfiguration": {
                "Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 100}}},
             ("BlueGreenUpdatePolicy: MaximumExecutionTimeoutInSeconds, 600, must be larger than "
              "TerminationWaitInSeconds and WaitIntervalInSeconds together, which are 600.")),
        ],
    )  # fmt: skip
    def test_deployments_that_are_not_run_locally(self, aws, new, model, settings, message):
        name = new("endpoint")
        aws.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[variant(model())]
        )
        assert message == refusal(
            aws.sagemaker.create_endpoint,
            EndpointName=name,
            EndpointConfigName=name,
            DeploymentConfig=settings,
        )

    def test_what_is_updated_must_be_there(self, aws):
        words = f'Could not find endpoint "{ARN}:endpoint/none".'
        assert words == refusal(
            aws.sagemaker.update_endpoint, EndpointName="none", EndpointConfigName="none"
        )
        changes = [{"VariantName": "v", "DesiredInstanceCount": 1}]
        assert words == refusal(
            aws.sagemaker.update_endpoint_weights_and_capacities,
            EndpointName="none",
            DesiredWeightsAndCapacities=changes,
        )


class TestTags:
    def test_a_resource_has_fifty_at_most(self, aws, model):
        arn = f"{ARN}:model/{model()}"
        tags = [{"Key": str(number), "Value": ""} for number in range(50)]
        aws.sagemaker.add_tags(ResourceArn=arn, Tags=tags)
        with pytest.raises(ClientError, match=r"ResourceLimitExceeded.*can have 50 tags at most"):
            aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "more", "Value": ""}])
        aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "7", "Value": "changed"}])
        aws.sagemaker.delete_tags(ResourceArn=arn, TagKeys=[str(n) for n in range(50) if n != 7])
        assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [
            {"Key": "7", "Value": "changed"}
        ]


def test_without_an_engine_an_endpoint_fails_and_says_so(aws, new, model, no_engine):
    name = new("endpoint")
    aws.sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant(model())]
    )
    aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    waiter = aws.sagemaker.get_waiter("endpoint_in_service")
    with pytest.raises(Exception, match="Failed"):
        waiter.wait(EndpointName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600})
    described = aws.sagemaker.describe_endpoint(EndpointName=name)
    assert described["EndpointStatus"] == "Failed"
    assert described["FailureReason"] == (
        f"the Docker engine at {no_engine} doesn't answer; start it, or see `harness doctor`"
    )
    assert "ProductionVariants" not in described
    aws.sagemaker.delete_endpoint(EndpointName=name)
    aws.sagemaker.get_waiter("endpoint_deleted").wait(
        EndpointName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600}
    )
