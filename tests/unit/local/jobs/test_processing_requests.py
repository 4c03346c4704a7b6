"""What CreateProcessingJob and its siblings refuse, and jobs that need no container to end."""

import time

import pytest

from tests.clients import refusal

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:processing-job"
LOCAL = "/opt/ml/processing/in"


def an_input(name="data", **members):
    place = {"S3Uri": "s3://b/x", "S3DataType": "S3Prefix", "LocalPath": LOCAL, **members}
    return {"InputName": name, "S3Input": {k: v for k, v in place.items() if v is not None}}


def an_output(name="out", **members):
    place = {"S3Uri": "s3://b/x", "S3UploadMode": "EndOfJob", "LocalPath": LOCAL, **members}
    return {"OutputName": name, "S3Output": {k: v for k, v in place.items() if v is not None}}


def outputs(*found):
    return {"ProcessingOutputConfig": {"Outputs": list(found)}}


def inputs(*found):
    return {"ProcessingInputs": list(found)}


@pytest.fixture
def request_(new):
    def make(**members):
        cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        return {
            "ProcessingJobName": new("job"),
            "AppSpecification": {"ImageUri": "image:1"},
            "RoleArn": ROLE,
            "ProcessingResources": {"ClusterConfig": cluster},
            **members,
        }

    return make


@pytest.fixture
def finished(aws, request_):
    """Creates a job, waits for its end, and returns its description."""

    def run(**members):
        request = request_(**members)
        aws.sagemaker.create_processing_job(**request)
        deadline = time.monotonic() + 60
        while True:
            job = aws.sagemaker.describe_processing_job(
                ProcessingJobName=request["ProcessingJobName"]
            )
            if job["ProcessingJobStatus"] != "InProgress":
                return job
            assert time.monotonic() < deadline

    return run


ATHENA = {
    "AthenaDatasetDefinition": {
        "Catalog": "c", "Database": "d", "QueryString": "SELECT 1", "OutputFormat": "PARQUET",
        "OutputS3Uri": "s3://b/x",
    },
    "LocalPath": LOCAL,
}  # fmt: skip


UNSIZED = "ProcessingResources.ClusterConfig needs InstanceType: other clusters"


@pytest.mark.parametrize(
    ("members", "what"),
    [
        (inputs({"InputName": "a", "DatasetDefinition": ATHENA}),
         "ProcessingInputs.DatasetDefinition"),
        (inputs({**an_input(), "AppManaged": True}), "ProcessingInputs.AppManaged"),
        (inputs(an_input(S3InputMode="Pipe")), "ProcessingInputs: S3InputMode Pipe"),
        (
            outputs({"OutputName": "a", "AppManaged": True,
                     "FeatureStoreOutput": {"FeatureGroupName": "g"}}),
            "ProcessingOutputConfig.Outputs.FeatureStoreOutput",
        ),
        (outputs({**an_output(), "AppManaged": True}), "ProcessingOutputConfig.Outputs.AppManaged"),
        (
            {"ProcessingResources": {"ClusterConfig": {"VolumeSizeInGB": 1}}},
            UNSIZED,
        ),
    ],
)  # fmt: skip
def test_what_is_not_run_locally(aws, request_, members, what):
    message = refusal(aws.sagemaker.create_processing_job, **request_(**members))
    assert message == f"{what}: not run by the local AWS, only by AWS."


def cluster(**members):
    given = {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1, **members}
    return {"ProcessingResources": {"ClusterConfig": given}}


@pytest.mark.parametrize(
    ("members", "what"),
    [
        (
            cluster(VolumeKmsKeyId="key"),
            (
                "VolumeKmsKeyId: it can't be requested for the instance type ml.g5.xlarge, which "
                "has local storage."
            ),
        ),
    ],
)
def test_what_the_reference_rules_out(aws, request_, members, what):
    assert refusal(aws.sagemaker.create_processing_job, **request_(**members)) == what


def test_there_is_one_instance_by_default(aws, request_):
    resources = {"ClusterConfig": {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}}
    aws.sagemaker.create_processing_job(**request_(ProcessingResources=resources))


PLACE = "LocalPath must be the absolute path of a folder below /opt/ml/processing/, and is"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            inputs(an_input(), an_input()),
            "Processing input names must be unique: ['data', 'data'].",
        ),
        (
            outputs(an_output(), an_output()),
            "Processing output names must be unique: ['out', 'out'].",
        ),
        (inputs({"InputName": "a"}), "Processing input a: S3Input must be given."),
        (outputs({"OutputName": "a"}), "Processing output a: S3Output must be given."),
        (inputs(an_input(LocalPath=None)), f"Processing input data: {PLACE} ''."),
        (inputs(an_input(LocalPath="/tmp/x")), f"Processing input data: {PLACE} '/tmp/x'."),
        (
            outputs(an_output(LocalPath="/opt/ml/processing/")),
            f"Processing output out: {PLACE} '/opt/ml/processing/'.",
        ),
        (
            outputs(an_output(LocalPath="/opt/ml/processing/../x")),
            f"Processing output out: {PLACE} '/opt/ml/processing/../x'.",
        ),
        (
            inputs(an_input(S3CompressionType="Gzip")),
            (
                "Processing input data: S3CompressionType Gzip can only be used with the "
                "S3InputMode Pipe."
            ),
        ),
        (
            outputs(an_output(S3Uri="https://b/x")),
            "Processing output out: https://b/x is not of the form s3://bucket/key.",
        ),
    ],
)
def test_what_aws_refuses(aws, request_, members, message):
    assert refusal(aws.sagemaker.create_processing_job, **request_(**members)) == message


SHARED = "LocalPath must be unique, and /opt/ml/processing/in is that of "
OWN = "give each a folder of its own"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            inputs(an_input("a"), an_input("b", LocalPath=path)),
            f"{SHARED}processing input a and of processing input b: {OWN}.",
        )
        for path in (LOCAL, f"{LOCAL}/", f"{LOCAL}//", "/opt/ml/processing/./in/.")
    ]
    + [
        (
            outputs(an_output("a"), an_output("b", S3Uri="s3://b/y")),
            f"{SHARED}processing output a and of processing output b: {OWN}.",
        ),
        (
            {**inputs(an_input("a")), **outputs(an_output("b", LocalPath=f"{LOCAL}/"))},
            f"{SHARED}processing input a and of processing output b: {OWN}.",
        ),
    ],
)
def test_folders_are_not_shared(aws, request_, members, message):
    assert refusal(aws.sagemaker.create_processing_job, **request_(**members)) == message


def test_a_name_is_given_once(aws, finished, request_):
    name = finished()["ProcessingJobName"]
    again = request_(ProcessingJobName=name)
    assert refusal(aws.sagemaker.create_processing_job, "ResourceInUse", **again) == (
        "Job name must be unique within an AWS account and region, and a job with this name "
        f"already exists ({ARN}/{name})"
    )


def test_unknown_ones(aws):
    words = "Could not find requested job with name: unknown"
    for call, code in (
        (aws.sagemaker.describe_processing_job, "ValidationException"),
        (aws.sagemaker.stop_processing_job, "ValidationException"),
        (aws.sagemaker.delete_processing_job, "ResourceNotFound"),
    ):
        assert refusal(call, code, ProcessingJobName="unknown") == words


def test_a_job_fails_without_an_engine_and_says_so(finished, no_engine):
    job = finished()
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        f"InternalServerError: the Docker engine at {no_engine} doesn't answer; start it, or see "
        "`harness doctor`."
    )
    assert job["ProcessingEndTime"] >= job["CreationTime"]
    assert "ProcessingStartTime" not in job


def test_what_is_not_given_is_filled_in(finished):
    bare = {"InputName": "data", "S3Input": an_input()["S3Input"]}
    given = an_output(LocalPath="/opt/ml/processing/out")
    job = finished(**inputs(bare), **outputs(given))
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86_400}
    (filled,) = job["ProcessingInputs"]
    assert filled["AppManaged"] is False
    assert filled["S3Input"] == {
        **bare["S3Input"],
        "S3InputMode": "File",
        "S3DataDistributionType": "FullyReplicated",
        "S3CompressionType": "None",
    }
    (out,) = job["ProcessingOutputConfig"]["Outputs"]
    assert out == {**given, "AppManaged": False}


class TestLists:
    @pytest.fixture
    def names(self, finished, new):
        stem = new("listed")
        return [finished(ProcessingJobName=f"{stem}-{each}")["ProcessingJobName"] for each in "bca"]

    def listed(self, aws, **members):
        found = aws.sagemaker.list_processing_jobs(**members)["ProcessingJobSummaries"]
        return [each["ProcessingJobName"] for each in found]

    def test_in_the_order_of_their_creation(self, aws, names):
        stem = names[0][:-2]
        assert self.listed(aws, NameContains=stem) == names
        assert self.listed(aws, NameContains=stem, SortOrder="Descending") == names[::-1]
        assert self.listed(aws, NameContains=stem, SortBy="Name") == sorted(names)

    def test_page_by_page(self, aws, names):
        pages = aws.sagemaker.get_paginator("list_processing_jobs").paginate(
            NameContains=names[0][:-2], PaginationConfig={"PageSize": 2}
        )
        found = [[s["ProcessingJobName"] for s in p["ProcessingJobSummaries"]] for p in pages]
        assert found == [names[:2], names[2:]]

    def test_by_status_with_the_reason(self, aws, names):
        stem = names[0][:-2]
        assert self.listed(aws, NameContains=stem, StatusEquals="Completed") == []
        failed = aws.sagemaker.list_processing_jobs(NameContains=stem, StatusEquals="Failed")
        for summary in failed["ProcessingJobSummaries"]:
            assert summary["ProcessingJobArn"] == f"{ARN}/{summary['ProcessingJobName']}"
            assert summary["FailureReason"].startswith("InternalServerError: ")
            assert summary["ProcessingEndTime"] >= summary["CreationTime"]
        assert len(failed["ProcessingJobSummaries"]) == 3


def test_what_has_ended_is_deleted_and_not_stopped(aws, finished):
    name = finished(Tags=[{"Key": "a", "Value": "b"}])["ProcessingJobName"]
    assert aws.sagemaker.list_tags(ResourceArn=f"{ARN}/{name}")["Tags"] == [
        {"Key": "a", "Value": "b"}
    ]
    assert refusal(aws.sagemaker.stop_processing_job, ProcessingJobName=name) == (
        "The request was rejected because the processing job is in status Failed."
    )
    aws.sagemaker.delete_processing_job(ProcessingJobName=name)
    refusal(aws.sagemaker.describe_processing_job, ProcessingJobName=name)
    assert finished(ProcessingJobName=name)["ProcessingJobStatus"] == "Failed"
