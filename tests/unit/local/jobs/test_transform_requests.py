"""What CreateTransformJob and its siblings refuse, and jobs that need no container to end."""

import time

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:transform-job"


@pytest.fixture(scope="module")
def model(aws):
    aws.sagemaker.create_model(
        ModelName="a-model", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "image:1"}
    )
    return "a-model"


@pytest.fixture
def request_(aws, model, new):
    """A request; members given replace those that it has, or are merged into its structures."""

    def make(**members):
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{aws.bucket}/in/"}
        request = {
            "TransformJobName": new("transform"),
            "ModelName": model,
            "TransformInput": {"DataSource": {"S3DataSource": source}},
            "TransformOutput": {"S3OutputPath": f"s3://{aws.bucket}/out"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        }
        for name, value in members.items():
            known = request.get(name)
            request[name] = {**known, **value} if isinstance(known, dict) else value
        return request

    return make


@pytest.fixture
def refused(aws, request_):
    """What is said of a request that is refused; no job is kept of it."""

    def refused(**members):
        request = request_(**members)
        with pytest.raises(ClientError) as raised:
            aws.sagemaker.create_transform_job(**request)
        error = raised.value.response["Error"]
        assert error["Code"] == "ValidationException"
        listed = aws.sagemaker.list_transform_jobs(NameContains=request["TransformJobName"])
        assert listed["TransformJobSummaries"] == []
        return error["Message"]

    return refused


@pytest.fixture
def finished(aws, request_):
    """Creates a job, waits for its end, and returns its description."""

    def run(**members):
        request = request_(**members)
        aws.sagemaker.create_transform_job(**request)
        name = request["TransformJobName"]
        deadline = time.monotonic() + 60
        while True:
            job = aws.sagemaker.describe_transform_job(TransformJobName=name)
            if job["TransformJobStatus"] != "InProgress":
                return job
            assert time.monotonic() < deadline
            time.sleep(0.01)

    return run


def source(kind, uri):
    return {"TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": kind, "S3Uri": uri}}}}


def types(content_type, accept, split="Line"):
    return {
        "TransformInput": {"ContentType": content_type, "SplitType": split},
        "TransformOutput": {"Accept": accept},
    }


class TestRefusals:
    @pytest.mark.parametrize(
        ("members", "words"),
        [
            (
                {"ModelName": "no-model"},
                'Could not find model "arn:aws:sagemaker:us-east-1:123456789012:model/no-model".',
            ),
            (
                source("AugmentedManifestFile", "s3://bucket/manifest"),
                "S3DataType: AugmentedManifestFile is not compatible with transform jobs.",
            ),
            (
                source("S3Prefix", "https://bucket/in/"),
                "https://bucket/in/ is not of the form s3://bucket/key.",
            ),
            (
                {"TransformOutput": {"S3OutputPath": "https://bucket/out"}},
                "https://bucket/out is not of the form s3://bucket/key.",
            ),
            ({"MaxPayloadInMB": 101}, "MaxPayloadInMB cannot be greater than 100."),
            (
                {"MaxPayloadInMB": 6, "MaxConcurrentTransforms": 17},
                "MaxConcurrentTransforms * MaxPayloadInMB cannot exceed 100, as 17 * 6 does.",
            ),
            (
                {"MaxPayloadInMB": 0, "MaxConcurrentTransforms": 101},
                "MaxConcurrentTransforms cannot be greater than 100.",
            ),
            (
                {"DataCaptureConfig": {"DestinationS3Uri": "s3://bucket/captured"}},
                (
                    "DataCaptureConfig: the local AWS captures no data of transform jobs; run them "
                    "on AWS."
                ),
            ),
        ],
    )
    def test_requests(self, refused, members, words):
        assert refused(**members) == words

    def test_many_records_of_what_is_not_split(self, aws, refused, request_):
        words = refused(BatchStrategy="MultiRecord")
        assert words.startswith("BatchStrategy MultiRecord needs a SplitType of Line")
        assert refused(BatchStrategy="MultiRecord", TransformInput={"SplitType": "None"}) == words
        aws.s3.put_object(Bucket=aws.bucket, Key="in/a", Body=b"1")
        aws.sagemaker.create_transform_job(
            **request_(BatchStrategy="MultiRecord", TransformInput={"SplitType": "Line"})
        )

    @pytest.mark.parametrize("kind", ["S3Prefix", "ManifestFile"])
    def test_without_objects(self, aws, refused, kind):
        uri = f"s3://{aws.bucket}/nothing/here/"
        assert refused(**source(kind, uri)) == (
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure '
            "that the bucket exists in the selected region (us-east-1), that objects exist under "
            f'that S3 prefix, and that the role "{ROLE}" has "s3:ListBucket" permissions on '
            f'bucket "{aws.bucket}".'
        )

    def test_files_that_are_not_in_an_archive(self, aws, refused, new):
        aws.s3.put_object(Bucket=aws.bucket, Key="files/a", Body=b"1")
        files = {
            "S3Uri": f"s3://{aws.bucket}/files/",
            "S3DataType": "S3Prefix",
            "CompressionType": "None",
        }
        name = new("model")
        aws.sagemaker.create_model(
            ModelName=name,
            PrimaryContainer={"Image": "image:1", "ModelDataSource": {"S3DataSource": files}},
        )
        assert "has a ModelDataSource, which can't be used with transform jobs" in refused(
            ModelName=name
        )

    def test_a_key_of_a_volume_that_the_instance_does_not_have(self, refused):
        words = refused(TransformResources={"InstanceType": "ml.g5.xlarge", "VolumeKmsKeyId": "k"})
        assert words.startswith("VolumeKmsKeyId: it can't be requested for")

    @pytest.mark.parametrize(
        ("members", "processing", "words"),
        [
            (
                types("application/jsonlines", "application/jsonlines"),
                {"OutputFilter": "$['account_id','SageMakerOutput']"},
                (
                    "Invalid OutputFilter: \"$['account_id','SageMakerOutput']\". "
                    'Unexpected "_" in JsonPath. Supported operators for "application/jsonlines" '
                    "are ['$', '[', ']', '*', '.', ' ', ',', ':', '-', ''']"
                ),
            ),
            (
                types("text/csv", "text/csv"),
                {"InputFilter": "$.features"},
                (
                    'Invalid InputFilter: "$.features". For CSV data only index based JSONPaths '
                    "can be applied, as $[1:]"
                ),
            ),
            (
                types("text/csv", "application/json"),
                {"JoinSource": "Input"},
                (
                    "DataProcessing: ContentType and Accept must be the same, one of text/csv, "
                    "application/json, application/jsonlines; they are 'text/csv' and "
                    "'application/json'."
                ),
            ),
            (
                {},
                {"JoinSource": "Input"},
                (
                    "DataProcessing: ContentType and Accept must be the same, one of text/csv, "
                    "application/json, application/jsonlines; they are '' and ''."
                ),
            ),
            (
                types("text/csv", "text/csv", "None"),
                {"InputFilter": "$[1:]"},
                "DataProcessing: for text/csv, SplitType and AssembleWith must be Line.",
            ),
        ],
    )
    def test_data_processing(self, refused, members, processing, words):
        assert refused(**members, DataProcessing=processing) == words

    @pytest.mark.parametrize("operation", ["describe_transform_job", "stop_transform_job"])
    def test_a_job_that_does_not_exist(self, aws, operation):
        with pytest.raises(ClientError, match=r"\(ValidationException\).*not found"):
            getattr(aws.sagemaker, operation)(TransformJobName="no-job")


class TestJobsThatEndEarly:
    def test_without_an_engine(self, aws, finished, no_engine):
        aws.s3.put_object(Bucket=aws.bucket, Key="in/a", Body=b"1")
        job = finished()
        assert job["TransformJobStatus"] == "Failed"
        assert job["FailureReason"] == (
            f"InternalServerError: the Docker engine at {no_engine} doesn't answer; start it, or "
            "see `harness doctor`."
        )

    def test_one_that_has_ended_is_listed_and_not_stopped(self, aws, finished):
        aws.s3.put_object(Bucket=aws.bucket, Key="in/a", Body=b"1")
        job = finished()
        (summary,) = aws.sagemaker.list_transform_jobs(NameContains=job["TransformJobName"])[
            "TransformJobSummaries"
        ]
        assert summary["FailureReason"] == job["FailureReason"]
        assert summary["TransformJobArn"] == f"{ARN}/{job['TransformJobName']}"
        with pytest.raises(ClientError, match="the transform job is in status Failed"):
            aws.sagemaker.stop_transform_job(TransformJobName=job["TransformJobName"])

    def test_their_names_stay_taken(self, aws, finished, request_):
        aws.s3.put_object(Bucket=aws.bucket, Key="in/a", Body=b"1")
        name = finished()["TransformJobName"]
        with pytest.raises(aws.sagemaker.exceptions.ResourceInUse) as raised:
            aws.sagemaker.create_transform_job(**{**request_(), "TransformJobName": name})
        assert raised.value.response["Error"]["Message"] == (
            "Job name must be unique within an AWS account and region, and a job with this name "
            f"already exists ({ARN}/{name})"
        )
