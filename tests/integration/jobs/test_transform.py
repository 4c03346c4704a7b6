"""Transform jobs in Docker: how objects become requests, answers objects, and what goes wrong."""

from __future__ import annotations

import gzip
import json
import struct
import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from harness.local.jobs.transform import job
from tests.integration.support import AWS, ROLE

if TYPE_CHECKING:
    from tests.integration.support import Names

LOG_GROUP = "/aws/sagemaker/TransformJobs"
INSTANCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1}

pytestmark = pytest.mark.docker


class Jobs:
    """Transform jobs of one test, each on a model and a prefix of its own."""

    def __init__(self, aws: AWS, names: Names, image: str) -> None:
        self._aws = aws
        self._names = names
        self._image = image
        self.models: list[str] = []

    def model(self, probe: str = "", **members: Any) -> str:
        name = self._names.new("model")
        container: Any = {"Image": self._image, "Environment": {"PROBE": probe}, **members}
        self._aws.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container
        )
        self.models.append(name)
        return name

    def request(
        self,
        data: dict[str, bytes],
        probe: str = "",
        *,
        given: dict[str, Any] | None = None,
        wanted: dict[str, Any] | None = None,
        **members: Any,
    ) -> dict[str, Any]:
        """A request for these objects by key; `given` is of its input, `wanted` of its output."""
        name = self._names.new("job")
        for key, body in data.items():
            self._aws.s3.put_object(Bucket=self._aws.bucket, Key=f"{name}/in/{key}", Body=body)
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{self._aws.bucket}/{name}/in/"}
        return {
            "TransformJobName": name,
            "ModelName": members.pop("ModelName", None) or self.model(probe),
            "TransformInput": {"DataSource": {"S3DataSource": source}, **(given or {})},
            "TransformOutput": {
                "S3OutputPath": f"s3://{self._aws.bucket}/{name}/out", **(wanted or {})
            },
            "TransformResources": INSTANCES,
            **members,
        }  # fmt: skip

    def create(self, data: dict[str, bytes], probe: str = "", **members: Any) -> str:
        request = self.request(data, probe, **members)
        self._aws.sagemaker.create_transform_job(**request)
        return str(request["TransformJobName"])

    def end(self, name: str) -> dict[str, Any]:
        """Wait with boto3's own waiter, whatever the end."""
        self._aws.wait("transform_job_completed_or_stopped", TransformJobName=name)
        return dict(self._aws.sagemaker.describe_transform_job(TransformJobName=name))

    def run(self, data: dict[str, bytes], probe: str = "", **members: Any) -> dict[str, bytes]:
        """The output by key; the job must complete."""
        name = self.create(data, probe, **members)
        job = self.end(name)
        assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
        return self.output(name)

    def fail(self, data: dict[str, bytes], probe: str = "", **members: Any) -> tuple[str, str]:
        """Name and failure reason; the job must fail."""
        name = self.create(data, probe, **members)
        job = self.end(name)
        assert job["TransformJobStatus"] == "Failed"
        return name, job["FailureReason"]

    def output(self, name: str) -> dict[str, bytes]:
        prefix = f"{name}/out/"
        listing = self._aws.s3.list_objects_v2(Bucket=self._aws.bucket, Prefix=prefix)
        return {
            item["Key"].removeprefix(prefix): self._aws.s3.get_object(
                Bucket=self._aws.bucket, Key=item["Key"]
            )["Body"].read()
            for item in listing.get("Contents", [])
        }


@pytest.fixture
def jobs(aws: AWS, names: Names, probe_image: str) -> Jobs:
    return Jobs(aws, names, probe_image)


def lines(content_type: str, **members: Any) -> dict[str, Any]:
    """Input and output of one type, a record a line."""
    return {
        "given": {"ContentType": content_type, "SplitType": "Line"},
        "wanted": {"Accept": content_type, "AssembleWith": "Line"},
        **members,
    }


class TestRequests:
    def test_each_object_is_a_request_unless_it_is_split(self, jobs):
        data = {"a.csv": b"1,2\n3,4\n", "deep/er/b.csv": b"5,6", "empty.csv": b""}
        assert jobs.run(data) == {f"{key}.out": body for key, body in data.items()}
        sizes = jobs.run(data, given={"ContentType": "probe/size"})
        assert sizes == {"a.csv.out": b"8", "deep/er/b.csv.out": b"3", "empty.csv.out": b"0"}

    def test_each_line_is_a_request(self, jobs):
        assert jobs.run(
            {"a.csv": b"1,2\n33,4\n\n5,66"},
            given={"ContentType": "probe/size", "SplitType": "Line"},
            wanted={"AssembleWith": "Line"},
            BatchStrategy="SingleRecord",
        ) == {"a.csv.out": b"3\n4\n0\n4\n"}

    def test_as_many_lines_as_fit_are_a_request(self, jobs):
        line = b"x" * 399_999 + b"\n"
        assert jobs.run(
            {"a": line * 5, "b": line},
            given={"ContentType": "probe/size", "SplitType": "Line"},
            wanted={"AssembleWith": "Line"},
            BatchStrategy="MultiRecord",
            MaxPayloadInMB=1,
        ) == {"a.out": b"800000\n800000\n400000\n", "b.out": b"400000\n"}

    def test_answers_are_put_together_as_they_are(self, jobs):
        assert jobs.run(
            {"a": b"1\n2\n3"}, given={"SplitType": "Line"}, BatchStrategy="SingleRecord"
        ) == {"a.out": b"123"}

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", ["TFRecord", "RecordIO"])
    def test_binary_records(self, jobs, kind):
        if kind == "TFRecord":
            stored = [struct.pack("<QI", 3, 0) + data + bytes(4) for data in (b"one", b"two")]
        else:
            head = struct.pack("<II", 0xCED7230A, 3)
            stored = [head + data + b"\0" for data in (b"one", b"two")]
        request = {"given": {"SplitType": kind}, "wanted": {"AssembleWith": "Line"}}
        whole = b"".join(stored)
        assert jobs.run({"a": whole}, BatchStrategy="SingleRecord", **request) == {
            "a.out": b"one\ntwo\n"
        }
        assert jobs.run({"a": whole}, BatchStrategy="MultiRecord", **request) == {
            "a.out": whole + b"\n"
        }

    def test_gzip_is_unpacked(self, jobs):
        assert jobs.run(
            {"a.csv.gz": gzip.compress(b"1,2\n3,4\n")},
            "sums",
            given={"ContentType": "text/csv", "SplitType": "Line", "CompressionType": "Gzip"},
            wanted={"AssembleWith": "Line"},
        ) == {"a.csv.gz.out": b"3\n7\n"}

    @pytest.mark.slow
    def test_the_objects_of_a_manifest(self, jobs, aws):
        name = jobs.create({"a": b"1", "b": b"2"})
        prefix = f"s3://{aws.bucket}/{name}/"
        jobs.end(name)
        aws.s3.put_object(
            Bucket=aws.bucket,
            Key=f"{name}/the.manifest",
            Body=json.dumps([{"prefix": prefix}, "in/b"]).encode(),
        )
        source = {"S3DataType": "ManifestFile", "S3Uri": f"{prefix}the.manifest"}
        assert jobs.run({}, given={"DataSource": {"S3DataSource": source}}) == {"in/b.out": b"2"}

    @pytest.mark.slow
    def test_an_object_that_is_named_exactly(self, jobs, aws):
        name = jobs.create({"deep/a": b"1", "deep/b": b"2"})
        jobs.end(name)
        uri = f"s3://{aws.bucket}/{name}/in/deep/b"
        source = {"S3DataType": "S3Prefix", "S3Uri": uri}
        assert jobs.run({}, given={"DataSource": {"S3DataSource": source}}) == {"b.out": b"2"}

    def test_headers(self, jobs):
        (answer,) = jobs.run(
            {"a": b""}, given={"ContentType": "probe/headers"}, wanted={"Accept": "probe/accepted"}
        ).values()
        headers = json.loads(answer)
        assert (headers["Content-Type"], headers["Accept"]) == ("probe/headers", "probe/accepted")

    @pytest.mark.slow
    def test_an_object_of_any_size_is_streamed(self, jobs):
        data = b"0123456789abcdef" * 800_000  # 12.8 MB: more than the default of MaxPayloadInMB
        given = {"ContentType": "probe/headers"}
        (answer,) = jobs.run({"a": data}, given=given, MaxPayloadInMB=0).values()
        assert json.loads(answer)["Transfer-Encoding"] == "chunked"
        given = {"ContentType": "text/plain", "SplitType": "Line", "CompressionType": "Gzip"}
        packed = gzip.compress(data, 1)
        assert jobs.run({"a": packed}, given=given, MaxPayloadInMB=0) == {"a.out": data}


class TestConcurrency:
    def test_requests_are_made_at_once(self, jobs):
        answers = jobs.run(
            {"a": b"1\n2\n3\n4\n", "b": b"5\n6\n"},
            given={"ContentType": "probe/two-at-once", "SplitType": "Line"},
            wanted={"AssembleWith": "Line"},
            BatchStrategy="SingleRecord",
            MaxConcurrentTransforms=2,
        )
        assert answers == {"a.out": b"1\n2\n3\n4\n", "b.out": b"5\n6\n"}

    def test_those_of_several_objects_too(self, jobs):
        assert jobs.run(
            {"a": b"1", "b": b"2"},
            given={"ContentType": "probe/two-at-once"},
            MaxConcurrentTransforms=2,
        ) == {"a.out": b"1", "b.out": b"2"}

    @pytest.mark.slow
    def test_objects_without_records_are_none_to_wait_for(self, jobs):
        data = {f"{number}": b"" for number in range(30)}
        assert jobs.run({**data, "last": b"1"}, given={"SplitType": "Line"}) == {
            **{f"{key}.out": b"" for key in data},
            "last.out": b"1",
        }

    @pytest.mark.slow
    @pytest.mark.parametrize("most", [1, 3])
    def test_but_no_more_than_asked_for(self, jobs, most):
        (answer,) = jobs.run(
            {"a": b"x\n" * 20},
            given={"ContentType": "probe/load", "SplitType": "Line"},
            wanted={"AssembleWith": "Line"},
            BatchStrategy="SingleRecord",
            MaxConcurrentTransforms=most,
        ).values()
        assert max(map(int, answer.split())) <= most

    def test_instances_share_the_objects(self, jobs, aws):
        answers = jobs.run(
            {"a": b"", "b": b"", "c": b"", "d": b""},
            given={"ContentType": "probe/instance"},
            TransformResources={**INSTANCES, "InstanceCount": 2},
        )
        assert len(answers) == 4
        by_instance = [list(answers.values()).count(each) for each in set(answers.values())]
        assert by_instance == [2, 2]


class TestEnvironment:
    def environment(self, jobs, **members):
        (answer,) = jobs.run(
            {"a": b""}, given={"ContentType": "probe/environment"}, **members
        ).values()
        return json.loads(answer)

    def test_what_the_job_says(self, jobs):
        found = self.environment(
            jobs,
            Environment={"GREETING": "hello", "SAGEMAKER_BATCH": "no"},
            MaxPayloadInMB=2,
            MaxConcurrentTransforms=3,
            BatchStrategy="SingleRecord",
        )
        assert found["GREETING"] == "hello"
        assert found["SAGEMAKER_BATCH"] == "true"
        assert found["SAGEMAKER_MAX_PAYLOAD_IN_MB"] == "2"
        assert found["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] == "3"
        assert found["SAGEMAKER_BATCH_STRATEGY"] == "SINGLE_RECORD"

    def test_what_it_does_not_say_is_not_passed(self, jobs):
        found = self.environment(jobs, MaxConcurrentTransforms=0)
        assert {name for name in found if name.startswith("SAGEMAKER_")} == {"SAGEMAKER_BATCH"}

    @pytest.mark.slow
    def test_a_model_without_a_network(self, jobs, aws, names, probe_image):
        name = names.new("isolated")
        aws.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": probe_image},
            EnableNetworkIsolation=True,
        )
        assert "AWS_ENDPOINT_URL" not in self.environment(jobs, ModelName=name)


class TestExecutionParameters:
    ASKED = json.dumps(
        {"MaxConcurrentTransforms": 2, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 1}
    )

    def settings(self, jobs, aws, parameters, **members):
        """As the data log tells them."""
        name = jobs.create({"a": b"1\n2\n"}, Environment={"EXECUTION_PARAMETERS": parameters},
                           given={"SplitType": "Line"}, **members)  # fmt: skip
        assert jobs.end(name)["TransformJobStatus"] == "Completed"
        return [line.partition(":[sagemaker logs]: ")[2] for line in aws.log(LOG_GROUP, name)
                if ":[sagemaker logs]: " in line]  # fmt: skip

    def test_are_used_where_the_job_says_nothing(self, jobs, aws):
        assert self.settings(jobs, aws, self.ASKED) == [
            "MaxConcurrentTransforms=2, MaxPayloadInMB=1, BatchStrategy=SINGLE_RECORD"
        ]

    def test_the_job_goes_before_them(self, jobs, aws):
        said = {"MaxConcurrentTransforms": 4, "BatchStrategy": "MultiRecord", "MaxPayloadInMB": 3}
        assert self.settings(jobs, aws, self.ASKED, **said) == [
            "MaxConcurrentTransforms=4, MaxPayloadInMB=3, BatchStrategy=MULTI_RECORD"
        ]

    def test_without_them_there_are_defaults(self, jobs, aws):
        assert self.settings(jobs, aws, "", MaxConcurrentTransforms=0) == [
            "MaxConcurrentTransforms=1, MaxPayloadInMB=6, BatchStrategy=MULTI_RECORD"
        ]

    def test_what_is_none_is_said(self, jobs, aws):
        assert self.settings(jobs, aws, "a lot of each") == [
            "/execution-parameters answered no execution parameters: 'a lot of each'",
            "MaxConcurrentTransforms=1, MaxPayloadInMB=6, BatchStrategy=MULTI_RECORD",
        ]


class TestDataProcessing:
    @pytest.mark.parametrize("strategy", ["SingleRecord", "MultiRecord"])
    def test_csv(self, jobs, strategy):
        answers = jobs.run(
            {"a": b"id1,1,2\nid2,3,4\n"},
            "sums",
            **lines("text/csv"),
            BatchStrategy=strategy,
            DataProcessing={
                "InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"
            },
        )  # fmt: skip
        assert answers == {"a.out": b"id1,3\nid2,7\n"}

    @pytest.mark.parametrize("strategy", ["SingleRecord", "MultiRecord"])
    def test_json_lines(self, jobs, strategy):
        answers = jobs.run(
            {"a": b'{"id":1,"features":[1,2]}\n{"id":2,"features":[3,4]}\n'},
            "sums",
            **lines("application/jsonlines"),
            BatchStrategy=strategy,
            DataProcessing={
                "InputFilter": "$.features",
                "JoinSource": "Input",
                "OutputFilter": "$['id','SageMakerOutput']",
            },
        )
        assert answers == {
            "a.out": b'{"id":1,"SageMakerOutput":{"sum":3}}\n{"id":2,"SageMakerOutput":{"sum":7}}\n'
        }

    def test_json(self, jobs):
        answers = jobs.run(
            {"a.json": b'{"id": 1, "features": [1, 2]}', "b.json": b'{"features": [3]}'},
            "sums",
            given={"ContentType": "application/json"},
            wanted={"Accept": "application/json"},
            DataProcessing={"InputFilter": "$.features", "JoinSource": "Input"},
        )
        assert answers == {
            "a.json.out": b'{"id":1,"features":[1,2],"SageMakerOutput":{"sum":3}}',
            "b.json.out": b'{"features":[3],"SageMakerOutput":{"sum":3}}',
        }

    def test_an_index_out_of_range(self, jobs):
        _, reason = jobs.fail(
            {"a": b"1,2\n"}, "sums", **lines("text/csv"), DataProcessing={"OutputFilter": "$[1]"}
        )
        assert "Invalid JsonPath: $[1]: index 1 is out of range" in reason

    def test_an_answer_of_other_length(self, jobs):
        _, reason = jobs.fail(
            {"a": b"1\n"},
            "two-lines",
            **lines("text/csv"),
            DataProcessing={"JoinSource": "Input"},
        )
        assert "Fail to join data: mismatched line count between the input and the output" in reason


class TestDescriptions:
    def test_a_job_that_completed(self, jobs, aws):
        request = jobs.request({"a": b"1"}, Tags=[{"Key": "k", "Value": "v"}])
        arn = aws.sagemaker.create_transform_job(**request)["TransformJobArn"]
        name = request["TransformJobName"]
        assert arn == f"arn:aws:sagemaker:us-east-1:123456789012:transform-job/{name}"
        job = jobs.end(name)
        assert job["TransformJobArn"] == arn
        assert job["ModelName"] == request["ModelName"]
        assert job["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]
        assert job["TransformInput"] == {
            **request["TransformInput"], "CompressionType": "None", "SplitType": "None"
        }  # fmt: skip
        assert job["TransformOutput"] == {
            **request["TransformOutput"], "AssembleWith": "None", "KmsKeyId": ""
        }  # fmt: skip
        assert job["TransformResources"] == INSTANCES
        assert "FailureReason" not in job
        assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
        (summary,) = aws.sagemaker.list_transform_jobs(NameContains=name)["TransformJobSummaries"]
        assert (summary["TransformJobName"], summary["TransformJobStatus"]) == (name, "Completed")
        assert summary["TransformEndTime"] == job["TransformEndTime"]
        assert aws.containers(name) == []

    def test_a_name_is_taken_once(self, jobs, aws):
        request = jobs.request({"a": b"1"})
        aws.sagemaker.create_transform_job(**request)
        with pytest.raises(aws.sagemaker.exceptions.ResourceInUse, match="already exists"):
            aws.sagemaker.create_transform_job(**request)
        jobs.end(request["TransformJobName"])
        with pytest.raises(aws.sagemaker.exceptions.ResourceInUse, match="already exists"):
            aws.sagemaker.create_transform_job(**request)

    def test_streams_have_awss_names(self, jobs, aws):
        name = jobs.create({"a": b"1"})
        jobs.end(name)
        streams = aws.logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=name)
        first, second = sorted(stream["logStreamName"] for stream in streams["logStreams"])
        job, _, instance = first.partition("/")
        assert (job, second) == (name, f"{first}/data-log")
        assert instance.startswith("i-")
        assert "serve: PROBE=''" in aws.log(LOG_GROUP, first)

    @pytest.mark.slow
    def test_lists_are_filtered_sorted_and_paged(self, jobs, aws, names):
        stem, model = names.new("list"), jobs.model()
        for number in range(3):
            request = jobs.request({"a": b"1"}, ModelName=model)
            aws.sagemaker.create_transform_job(
                **{**request, "TransformJobName": f"{stem}-{number}"}
            )
        found = [f"{stem}-{number}" for number in range(3)]
        for name in found:
            jobs.end(name)

        def listed(**members):
            answer = aws.sagemaker.list_transform_jobs(NameContains=stem, **members)
            return [each["TransformJobName"] for each in answer["TransformJobSummaries"]]

        assert listed() == found[::-1]
        assert listed(SortBy="Name", SortOrder="Ascending") == found
        assert listed(StatusEquals="Failed") == []
        assert listed(StatusEquals="Completed", MaxResults=2) == found[:0:-1]
        pages = aws.sagemaker.get_paginator("list_transform_jobs").paginate(
            NameContains=stem, PaginationConfig={"PageSize": 2}
        )
        assert [len(each["TransformJobSummaries"]) for each in pages] == [2, 1]


class TestStopping:
    def test_a_job_is_stopped(self, jobs, aws):
        name = jobs.create(
            {"a": b"600", "b": b"0"}, given={"ContentType": "probe/slow"}, MaxConcurrentTransforms=1
        )
        aws.wait_for_log(LOG_GROUP, name, '"GET /execution-parameters HTTP/1.1" 404 -')
        aws.sagemaker.stop_transform_job(TransformJobName=name)
        job = jobs.end(name)
        assert job["TransformJobStatus"] == "Stopped"
        assert "FailureReason" not in job
        assert job["TransformEndTime"] >= job["TransformStartTime"]
        assert jobs.output(name) == {}
        assert aws.containers(name) == []
        with pytest.raises(ClientError, match="the transform job is in status Stopped"):
            aws.sagemaker.stop_transform_job(TransformJobName=name)

    def test_also_while_its_container_starts(self, jobs, aws):
        name = jobs.create({"a": b"1"}, "unhealthy")
        aws.wait_for_log(LOG_GROUP, name, '"GET /ping HTTP/1.1" 503 -')
        aws.sagemaker.stop_transform_job(TransformJobName=name)
        assert jobs.end(name)["TransformJobStatus"] == "Stopped"
        assert aws.containers(name) == []

    def test_closing_the_local_aws_removes_everything(self, docker_client, probe_image, names):
        with LocalAWS() as local:
            aws = AWS(
                local_boto_session(local.url, local.region), docker_client, bucket="to-be-closed"
            )
            jobs = Jobs(aws, names, probe_image)
            name = jobs.create(
                {"a": b"600"},
                given={"ContentType": "probe/slow"},
                TransformResources={**INSTANCES, "InstanceCount": 2},
            )
            aws.wait_for_log(LOG_GROUP, name, '"GET /execution-parameters HTTP/1.1" 404 -')
        assert aws.containers(name) == []
        assert [each.name for each in threading.enumerate() if name in each.name] == []


class TestFailures:
    def test_a_refusal_by_the_container(self, jobs, aws):
        name, reason = jobs.fail({"a": b"400"}, given={"ContentType": "probe/error"})
        assert reason == (
            f"ClientError: See job logs for more information ({aws.bucket}/{name}/in/a: "
            "ClientError: 400: the container's own words)"
        )
        said = [line.partition(f":[sagemaker logs]: {aws.bucket}/{name}/in/a: ")[2]
                for line in aws.log(LOG_GROUP, name) if f"{name}/in/a: " in line]  # fmt: skip
        assert said == ["ClientError: 400", "", "Message:", "the container's own words"]
        assert jobs.output(name) == {}
        assert aws.containers(name) == []

    def test_a_refusal_is_not_tried_again(self, jobs, aws):
        name, _ = jobs.fail({"a": b"400"}, given={"ContentType": "probe/error"})
        posts = [line for line in aws.log(LOG_GROUP, name) if line.startswith('"POST')]
        assert posts == ['"POST /invocations HTTP/1.1" 400 -']

    @pytest.mark.parametrize(("retries", "posts"), [(None, 4), (1, 2), (0, 1)])
    def test_an_error_of_the_container(self, jobs, aws, retries, posts):
        config = {} if retries is None else {"InvocationsMaxRetries": retries}
        name, reason = jobs.fail(
            {"a": b"500"}, given={"ContentType": "probe/error"}, ModelClientConfig=config
        )
        assert reason == (
            f"AlgorithmError: See job logs for more information ({aws.bucket}/{name}/in/a: "
            "Bad HTTP status received from algorithm: 500: the container's own words)"
        )
        log = aws.log(LOG_GROUP, name)
        assert log.count('"POST /invocations HTTP/1.1" 500 -') == posts

    def test_an_error_that_passes(self, jobs):
        given = {"ContentType": "probe/fails-first"}
        config = {"InvocationsMaxRetries": 2}
        assert jobs.run({"a": b"2"}, given=given, ModelClientConfig=config) == {"a.out": b"3"}

    def test_a_stream_is_tried_again_from_its_beginning(self, jobs):
        given = {"ContentType": "probe/fails-first"}
        assert jobs.run({"a": b"1"}, given=given, MaxPayloadInMB=0) == {"a.out": b"2"}

    @pytest.mark.parametrize("how", ["hang-up", "break-off"])
    def test_a_connection_that_breaks(self, jobs, how):
        _, reason = jobs.fail(
            {"a": b"1"},
            given={"ContentType": f"probe/{how}"},
            ModelClientConfig={"InvocationsMaxRetries": 1},
        )
        assert reason.startswith("AlgorithmError: See job logs")
        assert "Unable to get response from algorithm" in reason

    def test_an_answer_that_takes_too_long(self, jobs):
        _, reason = jobs.fail(
            {"a": b"600"},
            given={"ContentType": "probe/slow"},
            ModelClientConfig={"InvocationsTimeoutInSeconds": 1, "InvocationsMaxRetries": 1},
        )
        assert "Model server did not respond to /invocations request within 1 seconds" in reason

    def test_the_other_objects_are_transformed_all_the_same(self, jobs):
        name, reason = jobs.fail(
            {"a": b"200\n400\n200\n", "b": b"200\n", "c": b"500\n"},
            given={"ContentType": "probe/error", "SplitType": "Line"},
            BatchStrategy="SingleRecord",
            ModelClientConfig={"InvocationsMaxRetries": 0},
        )
        assert jobs.output(name) == {"b.out": b"the container's own words"}
        assert "/in/a: ClientError: 400" in reason

    def test_a_record_that_is_too_large(self, jobs):
        name, reason = jobs.fail({"a": bytes(1_100_000), "b": b"small"}, MaxPayloadInMB=1)
        assert "Too much data for max payload size" in reason
        assert reason.startswith("ClientError: ")
        assert jobs.output(name) == {"b.out": b"small"}

    def test_an_object_that_is_not_gzip(self, jobs):
        _, reason = jobs.fail({"a": b"1,2"}, given={"CompressionType": "Gzip"})
        assert "Unable to decompress the input as Gzip: Not a gzipped file" in reason

    def test_a_prefix_without_objects(self, jobs, aws):
        with pytest.raises(ClientError) as refused:
            jobs.create({})
        said = refused.value.response["Error"]["Message"]
        assert said.startswith(f'No S3 objects found under S3 URL "s3://{aws.bucket}/')
        assert "given in input data source." in said

    def test_a_bucket_that_does_not_exist(self, jobs):
        source = {"S3DataType": "S3Prefix", "S3Uri": "s3://nobody-has-this/in/"}
        with pytest.raises(ClientError, match=r"No S3 objects found.*bucket does not exist"):
            jobs.create({}, given={"DataSource": {"S3DataSource": source}})

    def test_an_object_of_a_manifest_that_does_not_exist(self, jobs, aws, names):
        key = names.new("manifest")
        manifest = [{"prefix": f"s3://{aws.bucket}/"}, "nobody/put/this"]
        aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=json.dumps(manifest).encode())
        source = {"S3DataType": "ManifestFile", "S3Uri": f"s3://{aws.bucket}/{key}"}
        _, reason = jobs.fail({}, given={"DataSource": {"S3DataSource": source}})
        assert reason.startswith(
            f"ClientError: See job logs for more information ({aws.bucket}/nobody/put/this: "
        )
        assert "NoSuchKey" in reason

    def test_an_output_bucket_that_does_not_exist(self, jobs):
        _, reason = jobs.fail({"a": b"1"}, wanted={"S3OutputPath": "s3://nobody-has-this/out"})
        assert "Failed to upload the output" in reason
        assert "NoSuchBucket" in reason

    def test_a_container_that_ends(self, jobs, aws):
        name, reason = jobs.fail({"a": b"", "b": b""}, given={"ContentType": "probe/exit"})
        assert reason.startswith(
            "AlgorithmError: Unable to get response from algorithm: the model container exited "
            "with code 6 (its last log line: "
        )
        assert aws.containers(name) == []

    def test_a_container_that_runs_out_of_memory(self, jobs, aws, docker_client):
        name = jobs.create({"a": b""}, given={"ContentType": "probe/out-of-memory"})
        aws.wait_for_log(LOG_GROUP, name, f"memory limit: {8 << 30}")  # an ml.m5.large's
        (container,) = aws.containers(name)
        docker_client.containers.get(container.lstrip("/")).update(
            mem_limit=64 << 20, memswap_limit=64 << 20
        )
        job = jobs.end(name)
        assert job["TransformJobStatus"] == "Failed"
        assert job["FailureReason"].startswith("ClientError: Please use an instance type with more")

    def test_a_container_that_does_not_start(self, jobs, aws):
        name, reason = jobs.fail({"a": b"1"}, "crash")
        assert reason == (
            "AlgorithmError: Model container failed to respond to ping. Please ensure /ping "
            "endpoint is implemented and responds with an HTTP 200 status code. (The container "
            "exited with code 5; its last log line: no model here)"
        )
        assert "no model here" in aws.log(LOG_GROUP, name)
        assert aws.containers(name) == []

    def test_a_container_that_stays_unhealthy(self, jobs, monkeypatch):
        monkeypatch.setattr(job, "STARTUP_TIMEOUT", 1)
        _, reason = jobs.fail({"a": b"1"}, "unhealthy")
        assert "failed to respond to ping" in reason
        assert "GET /ping on port 8080 did not answer 200 within 1 s" in reason

    def test_an_image_without_a_server(self, jobs, bare_image):
        _, reason = jobs.fail({"a": b"1"}, ModelName=jobs.model(Image=bare_image))
        assert reason.startswith("ClientError: CannotStartContainerError.")

    def test_an_image_that_does_not_exist_any_more(self, jobs, docker_client, probe_image):
        image = f"127.0.0.1:1/nobody/has:{uuid.uuid4().hex[:8]}"
        docker_client.images.get(probe_image).tag(image)
        model = jobs.model(Image=image)
        docker_client.images.remove(image)
        _, reason = jobs.fail({"a": b"1"}, ModelName=model)
        assert reason.startswith(f"ClientError: The image '{image}' does not exist")
