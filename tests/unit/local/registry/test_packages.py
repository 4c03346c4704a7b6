"""Model packages: made, found, listed, updated and deleted; what of them a model is made of."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from harness.local.registry.package import CUT_OFF, ModelPackage

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
ROLE = "arn:aws:iam::123456789012:role/sagemaker"
UNVERSIONED = {
    "Containers": [{"Image": "image:1"}],
    "SupportedTransformInstanceTypes": ["ml.m5.large"],
    "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}
REPORT = {"ContentType": "application/json", "S3Uri": "s3://bucket/report.json"}
KEPT = {
    "ModelPackageDescription": "a GAM",
    "MetadataProperties": {"CommitId": "abc", "GeneratedBy": "a job"},
    "ModelMetrics": {"ModelQuality": {"Statistics": REPORT}},
    "DriftCheckBaselines": {"ModelQuality": {"Constraints": REPORT}},
    "CustomerMetadataProperties": {"team": "blue"},
    "Domain": "MACHINE_LEARNING",
    "Task": "REGRESSION",
    "SamplePayloadUrl": "s3://bucket/payload.tar.gz",
    "ModelLifeCycle": {"Stage": "Development", "StageStatus": "InProgress"},
    "ModelPackageRegistrationType": "Registered",
    "SkipModelValidation": "None",
    "SecurityConfig": {"KmsKeyId": "key"},
}


def refusal(call, **request):
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException"
    return error["Message"]


def container(url=None, **members):
    return {"Image": "image:1", **({"ModelDataUrl": url} if url else {}), **members}


@pytest.fixture
def group(aws, new):
    name = new("group")
    aws.sagemaker.create_model_package_group(ModelPackageGroupName=name)
    return name


@pytest.fixture
def register(aws, group):
    """Creates a version, and returns its ARN."""

    def create(*containers, **members):
        request = {
            "InferenceSpecification": {"Containers": list(containers) or [container()]},
            **members,
        }
        asked = {name: value for name, value in request.items() if value is not None}
        return aws.sagemaker.create_model_package(ModelPackageGroupName=group, **asked)[
            "ModelPackageArn"
        ]

    return create


def describe(aws, name, **asked):
    return aws.sagemaker.describe_model_package(ModelPackageName=name, **asked)


class TestVersions:
    def test_they_are_counted_and_none_is_given_out_twice(self, aws, group, register):
        assert [register() for _ in range(2)] == [
            f"{ARN}:model-package/{group}/{version}" for version in (1, 2)
        ]
        aws.sagemaker.delete_model_package(ModelPackageName=f"{group}/2")
        assert register() == f"{ARN}:model-package/{group}/3"

    @pytest.mark.parametrize("form", ["{arn}", "{group}/1"])
    def test_it_is_described(self, aws, group, register, form):
        arn = register(**KEPT)
        found = describe(aws, form.format(arn=arn, group=group))
        assert {name: found[name] for name in KEPT} == KEPT
        assert found["ModelPackageArn"] == arn
        assert (found["ModelPackageGroupName"], found["ModelPackageVersion"]) == (group, 1)
        assert "ModelPackageName" not in found  # which SDK v3 knows: "does not have a name"
        assert found["ModelPackageStatus"] == "Completed"
        details = found["ModelPackageStatusDetails"]
        assert details == {"ValidationStatuses": [], "ImageScanStatuses": []}
        assert found["ModelApprovalStatus"] == "PendingManualApproval"
        assert found["CertifyForMarketplace"] is False
        assert "LastModifiedTime" not in found

    def test_the_group_may_be_given_by_its_arn(self, aws, group):
        made = aws.sagemaker.create_model_package(
            ModelPackageGroupName=f"{ARN}:model-package-group/{group}",
            InferenceSpecification={"Containers": [container()]},
            ModelApprovalStatus="Approved",
        )
        found = describe(aws, made["ModelPackageArn"])
        assert found["ModelPackageGroupName"] == group
        assert found["ModelApprovalStatus"] == "Approved"

    def test_they_have_no_tags_of_their_own_when_they_are_made(self, register, aws):
        with pytest.raises(ClientError, match="has the tags of its model package group"):
            register(Tags=[{"Key": "a", "Value": "b"}])
        arn = register()
        aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
        assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
        aws.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])
        assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == []

    def test_a_request_that_is_sent_again_is_the_same(self, aws, register):
        arn = register(ClientToken="token-1")
        assert register(ClientToken="token-1") == arn
        assert register(ClientToken="token-2") != arn
        with pytest.raises(ClientError) as refused:
            register(ClientToken="token-1", Domain="another")
        assert refused.value.response["Error"]["Code"] == "ConflictException"


class TestUnversioned:
    def test_it_is_described_by_name_and_arn(self, aws, new):
        name = new("package")
        arn = aws.sagemaker.create_model_package(
            ModelPackageName=name,
            InferenceSpecification=UNVERSIONED,
            Tags=[{"Key": "team", "Value": "blue"}],
        )["ModelPackageArn"]
        assert arn == f"{ARN}:model-package/{name}"
        for asked in (name, arn):
            found = describe(aws, asked)
            assert found["ModelPackageName"] == name
            assert found["InferenceSpecification"] == UNVERSIONED
            assert not {"ModelPackageVersion", "ModelApprovalStatus"} & found.keys()
        assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"][0]["Value"] == "blue"
        words = refusal(
            aws.sagemaker.create_model_package,
            ModelPackageName=name,
            InferenceSpecification=UNVERSIONED,
        )
        assert words == f"Model Package already exists: {arn}"
        words = refusal(
            aws.sagemaker.update_model_package,
            ModelPackageArn=arn,
            ModelApprovalStatus="Approved",
        )
        assert words.endswith("only versions are approved.")

    @pytest.mark.parametrize(
        ("members", "words"),
        [
            ({"ModelPackageGroupName": "group"},
             ("Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot "
              "determine which one to use.")),
            ({"ModelPackageName": None}, "Missing ARN."),
            ({"InferenceSpecification": None},
             "InferenceSpecification must be given, or with a model package group a SourceUri."),
            ({"InferenceSpecification": None, "SourceUri": "text"},
             "SourceUri can be given only with ModelPackageGroupName."),
            ({"InferenceSpecification": {"Containers": [{"Image": "i"}]}},
             ("InferenceSpecification.SupportedTransformInstanceTypes must be given for an "
              "unversioned model package.")),
            ({"InferenceSpecification": {
                **UNVERSIONED, "Containers": [container(Environment={"A": "b"})]}},
             ("1 validation errors detected:Environment variable map cannot be specified when "
              "using non-versioned ModelPackages")),
            ({"CertifyForMarketplace": True},
             "CertifyForMarketplace: there is no AWS Marketplace here."),
        ],
    )  # fmt: skip
    def test_what_is_refused(self, aws, new, members, words):
        request = {
            "ModelPackageName": new("package"),
            "InferenceSpecification": UNVERSIONED,
            **members,
        }
        request = {name: value for name, value in request.items() if value is not None}
        assert refusal(aws.sagemaker.create_model_package, **request) == words


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"InferenceSpecification": None},
         "InferenceSpecification must be given, or with a model package group a SourceUri."),
        ({"SourceUri": "text"},
         "SourceUri and InferenceSpecification can't be given together; give one of them."),
        ({"InferenceSpecification": None, "SourceUri": f"{ARN}:model-package/gone/1"},
         f'SourceUri: could not find "{ARN}:model-package/gone/1".'),
        ({"InferenceSpecification": None, "SourceUri": f"{ARN}:model/gone"},
         f'SourceUri: could not find "{ARN}:model/gone".'),
        ({"ModelCard": {"ModelCardContent": "[", "ModelCardStatus": "Draft"}},
         "ModelCard.ModelCardContent: it is no JSON object."),
        ({"InferenceSpecification": {"Containers": [container(
            "s3://b/m.tar.gz", ModelDataSource={"S3DataSource": {
                "S3Uri": "s3://b/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}})]}},
         "ModelDataUrl and ModelDataSource are mutually exclusive; give only one of them."),
        ({"AdditionalInferenceSpecifications": [
            {"Name": "a", "Containers": [container()]}, {"Name": "a", "Containers": [container()]}
         ]},
         "AdditionalInferenceSpecifications: names must be unique; a is there twice."),
        ({"SourceAlgorithmSpecification": {"SourceAlgorithms": [{"AlgorithmName": "a"}]}},
         ("SourceAlgorithmSpecification: the local AWS has no algorithm resources; give "
          "InferenceSpecification.")),
    ],
)  # fmt: skip
def test_what_is_refused_of_versions(register, members, words):
    assert refusal(register, **members) == words


def test_a_group_that_is_not_there(aws):
    words = refusal(
        aws.sagemaker.create_model_package,
        ModelPackageGroupName="gone",
        InferenceSpecification={"Containers": [container()]},
    )
    assert words == "Model Package Group does not exist."


@pytest.mark.parametrize("name", ["gone", "gone/3"])
def test_one_that_is_not_there(aws, name):
    arn = f"{ARN}:model-package/{name}"
    words = f"ModelPackage {arn} does not exist."
    sagemaker = aws.sagemaker
    for each in (name, arn):
        assert refusal(sagemaker.describe_model_package, ModelPackageName=each) == words
        assert refusal(sagemaker.delete_model_package, ModelPackageName=each) == words
    assert refusal(sagemaker.update_model_package, ModelPackageArn=arn) == words


class TestSource:
    def test_a_clone_of_a_package(self, aws, register):
        first = register(**KEPT, ModelApprovalStatus="Approved")
        clone = describe(aws, register(InferenceSpecification=None, SourceUri=first))
        assert clone["SourceUri"] == first
        assert clone["ModelApprovalStatus"] == "PendingManualApproval"
        assert clone["InferenceSpecification"] == {"Containers": [container()]}
        assert clone["ModelMetrics"] == KEPT["ModelMetrics"]

    def test_a_text_is_only_shown(self, aws, register):
        arn = register(InferenceSpecification=None, SourceUri="a notebook")
        assert describe(aws, arn)["SourceUri"] == "a notebook"
        aws.sagemaker.update_model_package(
            ModelPackageArn=arn, InferenceSpecification={"Containers": [container()]}
        )
        found = describe(aws, arn)
        assert found["InferenceSpecification"]["Containers"] == [container()]
        aws.sagemaker.update_model_package(ModelPackageArn=arn, SourceUri="another")
        assert describe(aws, arn)["SourceUri"] == "another"

    def test_a_model(self, aws, new, register):
        name = new("model")
        model = aws.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer=container(Environment={"A": "b"}),
        )["ModelArn"]
        found = describe(aws, register(InferenceSpecification=None, SourceUri=model))
        assert found["InferenceSpecification"]["Containers"] == [container(Environment={"A": "b"})]


class TestUpdate:
    def test_what_is_said_of_it(self, aws, register):
        arn = register(
            CustomerMetadataProperties={"a": "1", "b": "2"},
            ModelCard={"ModelCardContent": '{"a": 1}', "ModelCardStatus": "Draft"},
        )
        before = datetime.now(UTC)
        aws.sagemaker.update_model_package(
            ModelPackageArn=arn,
            ModelApprovalStatus="Approved",
            ApprovalDescription="good",
            CustomerMetadataProperties={"c": "3"},
            CustomerMetadataPropertiesToRemove=["a"],
            ModelLifeCycle={"Stage": "Production", "StageStatus": "Live"},
            ModelCard={"ModelCardStatus": "Approved"},
            AdditionalInferenceSpecificationsToAdd=[{"Name": "x", "Containers": [container()]}],
        )
        found = describe(aws, arn)
        assert found["ModelApprovalStatus"] == "Approved"
        assert found["ApprovalDescription"] == "good"
        assert found["CustomerMetadataProperties"] == {"b": "2", "c": "3"}
        assert found["ModelLifeCycle"]["Stage"] == "Production"
        assert found["ModelCard"] == {
            "ModelCardContent": '{"a": 1}', "ModelCardStatus": "Approved"
        }  # fmt: skip
        assert [each["Name"] for each in found["AdditionalInferenceSpecifications"]] == ["x"]
        assert found["LastModifiedTime"] >= before.replace(microsecond=0)
        assert found["LastModifiedBy"] == found["CreatedBy"]

    @pytest.mark.parametrize(
        ("members", "words"),
        [
            ({"CustomerMetadataProperties": {f"k{number}": "v" for number in range(50)}},
             "CustomerMetadataProperties: a model package can have 50 at most, not 51."),
            ({"AdditionalInferenceSpecificationsToAdd": [
                {"Name": "x", "Containers": [container()]}]},
             "AdditionalInferenceSpecifications: names must be unique; x is there twice."),
            ({"AdditionalInferenceSpecificationsToAdd": [
                {"Name": f"n{number}", "Containers": [container()]} for number in range(15)]},
             "AdditionalInferenceSpecifications: a model package can have 15 at most, not 16."),
            ({"SourceUri": "text", "InferenceSpecification": {"Containers": [container()]}},
             "SourceUri and InferenceSpecification can't be given together; give one of them."),
        ],
    )  # fmt: skip
    def test_what_is_refused_leaves_it_as_it_was(self, aws, register, members, words):
        arn = register(
            CustomerMetadataProperties={"a": "1"},
            AdditionalInferenceSpecifications=[{"Name": "x", "Containers": [container()]}],
        )
        update = aws.sagemaker.update_model_package
        said = refusal(update, ModelPackageArn=arn, ModelApprovalStatus="Approved", **members)
        assert said == words
        found = describe(aws, arn)
        assert found["ModelApprovalStatus"] == "PendingManualApproval"
        assert found["CustomerMetadataProperties"] == {"a": "1"}

    def test_one_that_is_sent_again_is_done_once(self, aws, register):
        arn = register()
        added = [{"Name": "x", "Containers": [container()]}]
        for _ in range(2):
            aws.sagemaker.update_model_package(
                ModelPackageArn=arn,
                AdditionalInferenceSpecificationsToAdd=added,
                ClientToken="token",
            )
        assert len(describe(aws, arn)["AdditionalInferenceSpecifications"]) == 1


def test_a_card_is_shown_without_its_content(aws, register):
    content = {"intended_uses": {"risk_rating": "Low", "purpose_of_model": "a test"}, "other": 1}
    card = {"ModelCardContent": json.dumps(content), "ModelCardStatus": "Draft"}
    arn = register(ModelCard=card)
    assert describe(aws, arn)["ModelCard"] == card
    shown = describe(aws, arn, IncludedData="MetadataOnly")["ModelCard"]
    assert shown["ModelCardStatus"] == "Draft"
    assert json.loads(shown["ModelCardContent"]) == {"intended_uses": {"risk_rating": "Low"}}


class TestLists:
    def listed(self, aws, **asked):
        pages = aws.sagemaker.get_paginator("list_model_packages").paginate(
            PaginationConfig={"PageSize": 4}, **asked
        )
        return [each for page in pages for each in page["ModelPackageSummaryList"]]

    def versions(self, aws, **asked):
        return [each.get("ModelPackageVersion") for each in self.listed(aws, **asked)]

    def test_versions_of_a_group(self, aws, group, register):
        for _ in range(11):
            register()
        aws.sagemaker.update_model_package(
            ModelPackageArn=f"{ARN}:model-package/{group}/10", ModelApprovalStatus="Approved"
        )
        everything = list(range(1, 12))
        assert self.versions(aws, ModelPackageGroupName=group) == everything
        for order in (
            {"SortOrder": "Descending"}, {"SortOrder": "Descending", "SortBy": "Name"}
        ):  # fmt: skip
            found = self.versions(aws, ModelPackageGroupName=group, **order)
            assert found == everything[::-1]
        by_arn = f"{ARN}:model-package-group/{group}"
        found = self.listed(aws, ModelPackageGroupName=by_arn, ModelApprovalStatus="Approved")
        (approved,) = found
        assert approved["ModelPackageVersion"] == 10
        assert approved["ModelPackageGroupName"] == group
        assert approved["ModelPackageStatus"] == "Completed"
        assert "ModelPackageName" not in approved
        assert self.versions(aws, NameContains=group, ModelPackageType="Versioned") == everything
        # A version's number is no part of a name.
        assert self.versions(aws, NameContains="000", ModelPackageType="Versioned") == []
        assert self.versions(aws, NameContains=group) == []
        assert self.versions(aws, ModelPackageGroupName="gone") == []

    def test_of_both_kinds(self, aws, new, group, register):
        register()
        name = f"{group}-alone"
        aws.sagemaker.create_model_package(
            ModelPackageName=name, InferenceSpecification=UNVERSIONED
        )
        both = self.listed(aws, NameContains=group, ModelPackageType="Both")
        assert [each.get("ModelPackageName") for each in both] == [None, name]
        (alone,) = self.listed(aws, NameContains=group)
        assert alone["ModelPackageName"] == name
        assert alone == self.listed(aws, NameContains=group, ModelPackageType="Unversioned")[0]


def test_batches(aws, new, group, register):
    arn = register()
    alone = aws.sagemaker.create_model_package(
        ModelPackageName=new("package"), InferenceSpecification=UNVERSIONED
    )["ModelPackageArn"]
    gone = f"{ARN}:model-package/gone/1"
    found = aws.sagemaker.batch_describe_model_package(ModelPackageArnList=[arn, alone, gone])
    (summary,) = found["ModelPackageSummaries"].values()
    assert summary["ModelPackageGroupName"] == group
    assert summary["InferenceSpecification"] == {"Containers": [container()]}
    errors = found["BatchDescribeModelPackageErrorMap"]
    assert errors.keys() == {alone, gone}
    assert errors[gone] == {
        "ErrorCode": "ValidationException",
        "ErrorResponse": f"ModelPackage {gone} does not exist.",
    }


class TestModels:
    """CreateModel from a package, without an engine: whether an image is there isn't asked."""

    @pytest.fixture
    def model(self, aws, new):
        """Creates a model, and returns its description."""

        def create(name, *, containers=False, **members):
            asked = {"ModelPackageName": name, **members}
            model = new("model")
            aws.sagemaker.create_model(
                ModelName=model,
                ExecutionRoleArn=ROLE,
                **({"Containers": [asked]} if containers else {"PrimaryContainer": asked}),
            )
            return aws.sagemaker.describe_model(ModelName=model)

        return create

    @pytest.mark.parametrize("containers", [True, False])
    def test_it_says_of_what_package_it_is(self, register, model, containers):
        arn = register(ModelApprovalStatus="Approved")
        found = model(arn, containers=containers, Environment={"A": "b"})
        (described,) = found["Containers"] if containers else [found["PrimaryContainer"]]
        assert described == {"ModelPackageName": arn, "Environment": {"A": "b"}}

    def test_by_a_groups_name_and_version(self, group, register, model):
        register(ModelApprovalStatus="Approved")
        name = f"{group}/1"
        assert model(name)["PrimaryContainer"]["ModelPackageName"] == name

    def test_by_a_name(self, aws, new, model):
        name = new("package")
        # The SDKs send it for every package; AWS: it "does not apply to unversioned models".
        aws.sagemaker.create_model_package(
            ModelPackageName=name,
            InferenceSpecification=UNVERSIONED,
            ModelApprovalStatus="PendingManualApproval",
        )
        assert model(name)["PrimaryContainer"] == {"ModelPackageName": name}

    @pytest.mark.parametrize("status", ["PendingManualApproval", "Rejected"])
    def test_a_version_must_be_approved(self, register, model, status):
        arn = register(ModelApprovalStatus=status)
        assert refusal(model, name=arn) == (
            f"ModelPackage {arn} is not approved: its ModelApprovalStatus is {status}, and must "
            "be Approved to deploy it."
        )

    @pytest.mark.parametrize(
        ("members", "words"),
        [
            ({"Image": "image:1"},
             ("Specify one of either Image and Model Data URL or ModelPackageName in container "
              "definition.")),
            ({"ModelDataUrl": "s3://bucket/model.tar.gz"},
             ("Specify one of either Image and Model Data URL or ModelPackageName in container "
              "definition.")),
            ({"InferenceSpecificationName": "other"},
             "ModelPackage {arn} has no inference specification named other."),
        ],
    )  # fmt: skip
    def test_what_is_refused(self, register, model, members, words):
        arn = register(ModelApprovalStatus="Approved")
        assert refusal(model, name=arn, **members) == words.format(arn=arn)

    @pytest.mark.parametrize(
        ("containers", "words"),
        [
            ([container(), container()],
             ("ModelPackage {arn} has 2 containers: the local AWS runs models of one container; "
              "inference pipelines run on AWS only.")),
            ([{"ModelDataUrl": "s3://bucket/m.tar.gz"}], "ModelPackage {arn} has no Image to run."),
            ([container("s3://no-such-bucket/m.tar.gz")],
             "Could not find model data at s3://no-such-bucket/m.tar.gz."),
            ([container(AdditionalS3DataSource={"S3DataType": "S3Object", "S3Uri": "s3://b/k"})],
             ("AdditionalS3DataSource: where containers have it, AWS alone knows; give "
              "AdditionalModelDataSources.")),
        ],
    )  # fmt: skip
    def test_a_package_that_no_model_is_made_of(self, register, model, containers, words):
        arn = register(*containers, ModelApprovalStatus="Approved")
        assert refusal(model, name=arn) == words.format(arn=arn)

    def test_a_specification_needs_a_package(self, aws, new):
        words = refusal(
            aws.sagemaker.create_model,
            ModelName=new("model"),
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": "image:1", "InferenceSpecificationName": "other"},
        )
        assert words.startswith("InferenceSpecificationName can be given only with")

    def test_it_stays_when_its_package_is_deleted(self, aws, register, model):
        arn = register(ModelApprovalStatus="Approved")
        name = model(arn)["ModelName"]
        aws.sagemaker.delete_model_package(ModelPackageName=arn)
        aws.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[{"VariantName": "v", "ModelName": name,
                                 "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}],
        )  # fmt: skip


def test_a_validation_that_was_in_progress_when_it_was_saved_has_failed():
    package = ModelPackage(
        f"{ARN}:model-package/p",
        {"ModelPackageName": "p"},
        datetime.now(UTC),
        {},
        status="InProgress",
        validations=[{"Name": "profile", "Status": "InProgress"}],
    )
    found = ModelPackage.restored(package.saved()).describe()
    assert found["ModelPackageStatus"] == "Failed"
    (item,) = found["ModelPackageStatusDetails"]["ValidationStatuses"]
    assert item == {"Name": "profile", "Status": "Failed", "FailureReason": CUT_OFF}


def test_an_arn_of_another_region_is_none_of_here(aws, register):
    arn = register(ModelApprovalStatus="Approved")
    elsewhere = aws.session.client("sagemaker", region_name="eu-west-1")
    words = refusal(elsewhere.describe_model_package, ModelPackageName=arn)
    assert words == f"ModelPackage {arn} does not exist."
    assert elsewhere.list_model_packages(ModelPackageType="Both")["ModelPackageSummaryList"] == []
    group = arn.replace("model-package", "model-package-group").rpartition("/")[0]
    listed = aws.sagemaker.list_model_packages
    assert len(listed(ModelPackageGroupName=group)["ModelPackageSummaryList"]) == 1
    for other in (group.replace("us-east-1", "eu-west-1"), group.replace("1234", "4321")):
        assert listed(ModelPackageGroupName=other)["ModelPackageSummaryList"] == []


def test_the_same_request_at_once_makes_one_version(aws, group, register):
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.append(register(ClientToken="token")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert made == [f"{ARN}:model-package/{group}/1"] * 8


def test_search_finds_versions_by_their_group_and_approval(aws, group, register):
    approved = register(ModelApprovalStatus="Approved")
    register()
    filters = [
        {"Name": "ModelPackageGroupName", "Operator": "Equals", "Value": group},
        {"Name": "ModelApprovalStatus", "Operator": "Equals", "Value": "Approved"},
    ]
    found = aws.sagemaker.search(Resource="ModelPackage", SearchExpression={"Filters": filters})
    (result,) = found["Results"]
    assert result["ModelPackage"]["ModelPackageArn"] == approved
    assert result["ModelPackage"]["ModelPackageVersion"] == 1
