"""What CreateTrainingJob and its siblings refuse, and jobs that need no container to end."""

import threading
import time

import pytest
from botocore.exceptions import ClientError

from harness.local.core.backend import Backend
from harness.local.jobs.training import job as training
from harness.local.jobs.training import metrics as metrics_module
from harness.local.protocol.messages import RequestContext
from tests.clients import refusal

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:training-job"
HUB_MODEL = "arn:aws:sagemaker:us-east-1:aws:hub-content/hub/Model/m/1.0.0"


def channel(uri, name="train", kind="S3Prefix", **members):
    source = {"S3DataType": kind, "S3Uri": uri}
    if "InstanceGroupNames" in members:
        source["InstanceGroupNames"] = members.pop("InstanceGroupNames")
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **members}


@pytest.fixture
def request_(aws, new):
    """A request; members given replace, or with None remove, those that it has."""

    def make(**members):
        request = {
            "TrainingJobName": new("job"),
            "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": f"s3://{aws.bucket}/out"},
            "ResourceConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **members,
        }
        return {name: value for name, value in request.items() if value is not None}

    return make


@pytest.fixture
def finished(aws, request_):
    """Creates a job, waits for its end, and returns its description."""

    def run(**members):
        request = request_(**members)
        aws.sagemaker.create_training_job(**request)
        deadline = time.monotonic() + 60
        while True:
            job = aws.sagemaker.describe_training_job(TrainingJobName=request["TrainingJobName"])
            if job["TrainingJobStatus"] != "InProgress":
                return job
            assert time.monotonic() < deadline

    return run


def specification(**members):
    return {"TrainingImage": "image:1", "TrainingInputMode": "File", **members}


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"AlgorithmSpecification": None}, "AlgorithmSpecification.TrainingImage must be given"),
        (
            {"AlgorithmSpecification": {"AlgorithmName": "a", "TrainingInputMode": "File"}},
            "AlgorithmSpecification.TrainingImage must be given",
        ),
        ({"ResourceConfig": None}, "ResourceConfig.InstanceType must be given"),
        ({"ServerlessJobConfig": {"JobType": "FineTuning", "BaseModelArn": HUB_MODEL}},
         "ServerlessJobConfig"),
        (
            {"InputDataConfig": [{"ChannelName": "c", "DataSource": {"S3DataSource": {
                "S3DataType": "Converse", "S3Uri": "s3://b/x"}}}]},
            "S3DataType Converse",
        ),
        ({"InputDataConfig": [{"ChannelName": "c", "DataSource": {}}]},
         "DataSource: sources other than S3DataSource"),
    ],
)  # fmt: skip
def test_what_is_not_run_locally(aws, request_, members, what):
    message = refusal(aws.sagemaker.create_training_job, **request_(**members))
    assert message.startswith(what)
    assert message.endswith(": not run by the local AWS, only by AWS.")


GROUPS = [
    {"InstanceGroupName": "g", "InstanceCount": 1, "InstanceType": "ml.m5.large"},
    {"InstanceGroupName": "h", "InstanceCount": 1, "InstanceType": "ml.m5.large"},
]


def resources(**members):
    given = {"InstanceCount": 1, "InstanceType": "ml.g5.xlarge", "VolumeSizeInGB": 1, **members}
    return {"ResourceConfig": given}


def rules(member):
    rule = {"RuleConfigurationName": "r", "RuleEvaluatorImage": "image:1"}
    return {member: [rule, rule]}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"AlgorithmSpecification": specification(AlgorithmName="a")},
            "AlgorithmSpecification: AlgorithmName and TrainingImage are mutually exclusive",
        ),
        (
            {"AlgorithmSpecification": specification(TrainingImageConfig={
                "TrainingRepositoryAccessMode": "Platform",
                "TrainingRepositoryAuthConfig": {"TrainingRepositoryCredentialsProviderArn":
                    "arn:aws:lambda:us-east-1:123456789012:function:f"},
            })},
            "TrainingImageConfig: TrainingRepositoryAuthConfig can be given only where",
        ),
        (resources(VolumeKmsKeyId="key"), "VolumeKmsKeyId: it can't be requested for"),
        ({"ResourceConfig": {"VolumeSizeInGB": 1, "InstanceGroups": []}},
         "ResourceConfig.InstanceType must be given"),
        (
            {"ResourceConfig": {"VolumeSizeInGB": 1, "InstanceGroups": GROUPS[:1] * 2}},
            "ResourceConfig.InstanceGroups: names must be unique: ['g', 'g']",
        ),
        (rules("ProfilerRuleConfigurations"),
         "ProfilerRuleConfigurations: rule configuration names must be unique"),
        (
            {"DebugHookConfig": {"S3OutputPath": "s3://b/o", "CollectionConfigurations": [
                {"CollectionName": "c"}, {"CollectionName": "c"}]}},
            "DebugHookConfig.CollectionConfigurations: collection names must be unique",
        ),
        (
            {"ProfilerConfig": {"S3OutputPath": "s3://b/o", "ProfilingIntervalInMilliseconds": 7}},
            "ProfilerConfig.ProfilingIntervalInMilliseconds: 7 is none of 100, 200, 500, 1000",
        ),
    ],
)  # fmt: skip
def test_what_the_reference_rules_out(aws, request_, members, message):
    said = refusal(aws.sagemaker.create_training_job, **request_(**members))
    assert said.startswith(message)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ([{"Key": "team", "Value": "a"}, {"Key": "team", "Value": "b"}],
         "Tag keys must be unique per resource; 'team' is given more than once."),
        ([{"Key": "aws:team", "Value": "a"}],
         "Tag key 'aws:team': aws: prefixed tag names are not allowed for external use."),
        ([{"Key": "AWS:team", "Value": "a"}],
         "Tag key 'AWS:team': aws: prefixed tag names are not allowed for external use."),
    ],
)  # fmt: skip
def test_tags_that_no_resource_can_have(aws, request_, tags, message):
    """Nor what moto keeps, nor one that is there already."""
    sagemaker = aws.sagemaker
    request = request_(Tags=tags)
    assert refusal(sagemaker.create_training_job, **request) == message
    assert refusal(sagemaker.create_experiment, ExperimentName="e", Tags=tags) == message
    request.pop("Tags")
    arn = sagemaker.create_training_job(**request)["TrainingJobArn"]
    assert refusal(sagemaker.add_tags, ResourceArn=arn, Tags=tags) == message
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == []


def test_lists_by_training_plan_and_warm_pool(aws, request_):
    plan = "arn:aws:sagemaker:us-east-1:123456789012:training-plan/plan"
    request = request_()
    aws.sagemaker.create_training_job(**request)

    def listed(**filters):
        name = request["TrainingJobName"]
        found = aws.sagemaker.list_training_jobs(NameContains=name, **filters)
        return [each["TrainingJobName"] for each in found["TrainingJobSummaries"]]

    assert listed() == [request["TrainingJobName"]]
    assert listed(TrainingPlanArnEquals=plan) == []  # no job can have one here
    assert listed(WarmPoolStatusEquals="Available") == []


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"InputDataConfig": [channel("s3://b/x", CompressionType="Gzip")]},
            (
                "Channel train: CompressionType is used only in Pipe input mode; leave it unset, "
                "or set it to None."
            ),
        ),
        (
            {"InputDataConfig": [channel("s3://b/x", kind="AugmentedManifestFile")]},
            (
                "Channel train: AugmentedManifestFile can only be used if the Channel's input mode "
                "is Pipe."
            ),
        ),
        (
            {
                "AlgorithmSpecification": specification(TrainingInputMode="Pipe"),
                "InputDataConfig": [
                    channel("s3://b/x", CompressionType="Gzip", InputMode="FastFile")
                ],
            },
            (
                "Channel train: CompressionType is used only in Pipe input mode; leave it unset, "
                "or set it to None."
            ),
        ),
        (
            {
                "InputDataConfig": [
                    channel("s3://b/x", kind="AugmentedManifestFile", InputMode="Pipe")
                ]
            },
            (
                "Channel train: AttributeNames must say which attributes of the "
                "AugmentedManifestFile to send."
            ),
        ),
        (
            {
                "InputDataConfig": [
                    channel("s3://b/x", InputMode="Pipe"),
                    channel("s3://b/x", name="train_1"),
                ]
            },
            "Channel train_1: its folder has the name of a pipe of channel train.",
        ),
        (
            {
                "ResourceConfig": {"InstanceGroups": GROUPS, "VolumeSizeInGB": 1},
                "InputDataConfig": [channel("s3://b/x", InstanceGroupNames=["i"])],
            },
            "Channel train: InstanceGroupNames must be among ['g', 'h'].",
        ),
        (
            {
                "ResourceConfig": {
                    "InstanceGroups": GROUPS,
                    "InstanceType": "ml.m5.large",
                    "VolumeSizeInGB": 1,
                }
            },
            "ResourceConfig: give either InstanceGroups, or InstanceType and InstanceCount.",
        ),
        (
            {"CheckpointConfig": {"S3Uri": "https://b/c"}},
            "CheckpointConfig.S3Uri: https://b/c is not of the form s3://bucket/key.",
        ),
        (
            {"CheckpointConfig": {"S3Uri": "s3://b/c", "LocalPath": "here"}},
            "CheckpointConfig.LocalPath: 'here' is not the absolute path of a folder.",
        ),
        (
            {"EnableManagedSpotTraining": True},
            (
                "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
                "MaxRuntimeInSeconds"
            ),
        ),
        (
            {"StoppingCondition": {"MaxRuntimeInSeconds": 1, "MaxWaitTimeInSeconds": 1}},
            (
                "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining "
                "is set to true"
            ),
        ),
    ],
)
def test_what_aws_refuses(aws, request_, members, message):
    assert refusal(aws.sagemaker.create_training_job, **request_(**members)) == message


class TestData:
    def test_channels_have_names_of_their_own(self, aws, request_):
        channels = [channel("s3://b/x"), channel("s3://b/y")]
        message = refusal(aws.sagemaker.create_training_job, **request_(InputDataConfig=channels))
        assert message == "Channel names must be unique: ['train', 'train']."

    def test_checkpoints_have_a_folder_of_their_own(self, aws, request_):
        config = {"S3Uri": "s3://b/c", "LocalPath": "/opt/ml/input/data/train/"}
        request = request_(InputDataConfig=[channel("s3://b/x")], CheckpointConfig=config)
        assert refusal(aws.sagemaker.create_training_job, **request) == (
            "CheckpointConfig.LocalPath: '/opt/ml/input/data/train/' is the folder of a channel, "
            "whose files would be among the checkpoints."
        )

    @pytest.mark.parametrize(
        ("uri", "said"),
        [
            ("s3://no-such-bucket/x",
             " Error message from S3: The specified bucket does not exist"),
            ("s3://Not_A!Bucket/x", " Not_A!Bucket is no name that a bucket can have."),
        ],
    )  # fmt: skip
    def test_data_must_be_there(self, aws, request_, uri, said):
        bucket = uri.split("/")[2]
        message = refusal(
            aws.sagemaker.create_training_job, **request_(InputDataConfig=[channel(uri)])
        )
        assert message == (
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure '
            "that the bucket exists in the selected region (us-east-1), that objects exist under "
            f'that S3 prefix, and that the role "{ROLE}" has "s3:ListBucket" permissions on bucket '
            f'"{bucket}".{said}'
        )

    def test_input_is_on_s3(self, aws, request_):
        uri = "https://bucket.s3.amazonaws.com/x"
        message = refusal(
            aws.sagemaker.create_training_job, **request_(InputDataConfig=[channel(uri)])
        )
        assert message == f"{uri} is not of the form s3://bucket/key."

    def test_output_is_on_s3(self, aws, request_):
        uri = "https://bucket.s3.amazonaws.com/x"
        message = refusal(
            aws.sagemaker.create_training_job, **request_(OutputDataConfig={"S3OutputPath": uri})
        )
        assert (
            message == f"OutputDataConfig.S3OutputPath: {uri} is not of the form s3://bucket/key."
        )


class TestNames:
    def test_a_name_is_given_once_also_to_many_at_once(self, aws, request_):
        request = request_()
        said = []

        def create():
            try:
                aws.sagemaker.create_training_job(**request)
                said.append("created")
            except ClientError as error:
                said.append(error.response["Error"]["Code"])

        threads = [threading.Thread(target=create) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(said) == ["ResourceInUse"] * 7 + ["created"]
        name = request["TrainingJobName"]
        assert refusal(aws.sagemaker.create_training_job, "ResourceInUse", **request) == (
            "Training job names must be unique within an AWS account and region, and a training "
            f"job with this name already exists ({ARN}/{name})"
        )

    def test_unknown_ones(self, aws):
        for call in (aws.sagemaker.describe_training_job, aws.sagemaker.stop_training_job):
            assert refusal(call, TrainingJobName="unknown") == "Requested resource not found."


class TestMetrics:
    def test_a_regular_expression_must_be_one(self, aws, request_):
        definitions = [{"Name": "m", "Regex": "m=("}]
        message = refusal(
            aws.sagemaker.create_training_job,
            **request_(AlgorithmSpecification=specification(MetricDefinitions=definitions)),
        )
        assert message.startswith("MetricDefinitions: 'm=(' is not a regular expression: ")

    @pytest.mark.parametrize(
        "regexes", [["((a{9999}){9999}){9999}"], ["(a{200}){300}=(.*)"] * 4], ids=["one", "all"]
    )
    def test_a_regular_expression_has_a_size(self, aws, request_, regexes):
        definitions = [{"Name": f"m{i}", "Regex": each} for i, each in enumerate(regexes)]
        message = refusal(
            aws.sagemaker.create_training_job,
            **request_(AlgorithmSpecification=specification(MetricDefinitions=definitions)),
        )
        assert message.startswith("MetricDefinitions: ")
        assert "repetitions" in message

    @pytest.fixture
    def metrics(self, aws, no_engine, request_):
        """The final metrics of a job whose container has printed these lines."""
        backends = []

        def read(lines, **regexes):
            backend = Backend(lambda: aws.sagemaker.meta.endpoint_url, "us-east-1", "123456789012")
            backends.append(backend)
            context = RequestContext(
                service="sagemaker",
                operation="CreateTrainingJob",
                region="us-east-1",
                account_id="123456789012",
                request_id="request",
            )
            definitions = [{"Name": name, "Regex": value} for name, value in regexes.items()]
            job = training.TrainingJob(
                backend,
                context,
                request_(AlgorithmSpecification=specification(MetricDefinitions=definitions)),
            )
            for line in lines:
                job._on_line(line)
            found = job.describe()["FinalMetricDataList"] or []
            return {metric["MetricName"]: metric["Value"] for metric in found}

        yield read
        for backend in backends:
            backend.close()

    def test_the_last_value_counts(self, metrics):
        lines = ["r2=0.5;", "r2=abc;", "loss: -1e-3", "r2=0.75; r2=0.9;"]
        assert metrics(lines, r2="r2=([^;]*);", loss="loss: (.*)") == {"r2": 0.75, "loss": -0.001}

    @pytest.mark.parametrize(
        ("line", "pattern"),
        [
            ("m=1", "m=1"),
            ("m=", "m=([0-9]+)?"),
            ("m=nan", "m=(.*)"),
            ("m=-inf", "m=(.*)"),
            ("m=1e999", "m=(.*)"),
        ],
        ids=["no group", "a group that takes no part", "nan", "infinite", "too large"],
    )
    def test_what_is_no_number_is_none(self, metrics, line, pattern):
        assert metrics([line, "k=7"], m=pattern, k="k=([0-9]+)") == {"k": 7.0}

    @pytest.mark.timeout(60)
    def test_an_expression_that_takes_too_long_is_given_up(self, metrics, monkeypatch):
        monkeypatch.setattr(metrics_module, "METRIC_TIMEOUT", 0.05)
        lines = ["a" * 60 + "!"] * 50 + ["k=7", "aa"]
        assert metrics(lines, m="(a+)+$", k="k=([0-9]+)") == {"k": 7.0}

    @pytest.mark.timeout(60)
    def test_many_slow_lines_are_too_much_as_well(self, metrics, monkeypatch, caplog):
        """Each of these takes some 10 ms, far from what one line may take."""
        monkeypatch.setattr(metrics_module, "BUDGET", 0.3)
        lines = ["a" * 20 + "!"] * 20_000 + ["k=7", "aa"]
        assert metrics(lines, m="(?:a|a)+$|m=(.*)", k="k=([0-9]+)") == {"k": 7.0}
        (said,) = [each.getMessage() for each in caplog.records if "given up" in each.getMessage()]
        assert "metric m is given up" in said


class TestWithoutAnEngine:
    def test_a_job_fails_and_says_so(self, finished, no_engine):
        job = finished(StoppingCondition=None, HyperParameters=None)
        assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
        assert job["FailureReason"] == (
            f"InternalServerError: the Docker engine at {no_engine} doesn't answer; start it, or "
            "see `harness doctor`."
        )
        assert [step["Status"] for step in job["SecondaryStatusTransitions"]] == [
            "Starting", "Failed",
        ]  # fmt: skip
        assert job["TrainingEndTime"] >= job["CreationTime"]
        assert "TrainingStartTime" not in job
        assert "ModelArtifacts" not in job

    def test_what_has_ended_is_not_stopped(self, aws, finished):
        name = finished()["TrainingJobName"]
        message = refusal(aws.sagemaker.stop_training_job, TrainingJobName=name)
        assert message == ("The request was rejected because the training job is in status Failed.")

    def test_a_job_is_listed_with_both_of_its_statuses(self, aws, finished):
        name = finished()["TrainingJobName"]
        (summary,) = aws.sagemaker.list_training_jobs(NameContains=name, StatusEquals="Failed")[
            "TrainingJobSummaries"
        ]
        assert summary["TrainingJobArn"] == f"{ARN}/{name}"
        assert summary["TrainingJobStatus"] == summary["SecondaryStatus"] == "Failed"
