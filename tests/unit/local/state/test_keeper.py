"""A local AWS that is forgotten, saved, and taken up by the next one, without a Docker engine."""

import errno
import http.client
import json
import threading
import time
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from harness.errors import ServiceError
from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from harness.local.jobs.job import CUT_OFF
from harness.local.jobs.processing.job import ProcessingJob
from harness.local.jobs.training.job import TrainingJob
from harness.local.protocol.messages import RequestContext
from harness.local.records.provider import Records
from harness.local.state import backends, pickles
from harness.local.state.keeper import Keeps

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:"
CLUSTER = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
MOMENT = int(time.time() * 1000) - 60_000


@pytest.fixture
def start(no_engine):
    """Starts a local AWS after the one before has ended."""
    started = []

    def start(**arguments):
        end()
        server = LocalAWS(**arguments)
        server.start()
        started.append(server)
        session = local_boto_session(server.url, server.region)
        return SimpleNamespace(
            server=server, session=session, sagemaker=session.client("sagemaker"),
            s3=session.client("s3"), logs=session.client("logs"),
        )  # fmt: skip

    def end():
        while started:
            started.pop().close()

    yield start
    end()


def asked(aws, method, path, body=b""):
    """The status, and the document that is answered."""
    connection = http.client.HTTPConnection(urlsplit(aws.server.url).netloc, timeout=60)
    connection.request(method, path, body)
    answer = connection.getresponse()
    document = json.loads(answer.read())
    connection.close()
    return answer.status, document


def training_job(name="job"):
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://bucket-1/out"},
        "ResourceConfig": CLUSTER,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "Tags": [{"Key": "job", "Value": "one"}],
    }


def ended(describe, status, **names):
    deadline = time.monotonic() + 60
    while (found := describe(**names))[status] in ("InProgress", "Creating"):
        assert time.monotonic() < deadline
    return found


def fill(aws):
    """Put something of most kinds into it; returns what is there to be seen."""
    aws.s3.create_bucket(Bucket="bucket-1")
    aws.s3.put_bucket_versioning(Bucket="bucket-1", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two"):
        aws.s3.put_object(
            Bucket="bucket-1", Key="key", Body=body, Metadata={"m": "1"}, Tagging="t=1"
        )
    aws.s3.put_object(Bucket="bucket-1", Key="large", Body=b"x" * (6 << 20))
    aws.s3.put_object(Bucket="bucket-1", Key="model.tar.gz", Body=b"x")
    upload = aws.s3.create_multipart_upload(Bucket="bucket-1", Key="parts")["UploadId"]
    part = {"Bucket": "bucket-1", "Key": "parts", "UploadId": upload, "PartNumber": 1}
    tag = aws.s3.upload_part(**part, Body=b"y" * (6 << 20))["ETag"]
    iam, ecr = aws.session.client("iam"), aws.session.client("ecr")
    iam.create_role(RoleName="trainer", AssumeRolePolicyDocument="{}")
    ecr.create_repository(repositoryName="repository")
    aws.session.client("kms").create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    aws.session.client("ssm").put_parameter(Name="name", Value="value", Type="String")
    aws.logs.create_log_group(logGroupName="/group")
    for name in ("full", "empty"):
        aws.logs.create_log_stream(logGroupName="/group", logStreamName=name)
    events = [{"timestamp": MOMENT + at, "message": f"line {at}"} for at in range(3)]
    aws.logs.put_log_events(logGroupName="/group", logStreamName="full", logEvents=events)
    aws.sagemaker.create_model(
        ModelName="model", ExecutionRoleArn=ROLE, Tags=[{"Key": "model", "Value": "one"}],
        PrimaryContainer={"Image": "image:1", "ModelDataUrl": "s3://bucket-1/model.tar.gz"},
    )  # fmt: skip
    aws.sagemaker.create_endpoint_config(
        EndpointConfigName="config",
        ProductionVariants=[{"VariantName": "v", "ModelName": "model", "InitialInstanceCount": 1,
                             "InstanceType": "ml.m5.large"}],
    )  # fmt: skip
    aws.sagemaker.create_endpoint(EndpointName="endpoint", EndpointConfigName="config")
    ended(aws.sagemaker.describe_endpoint, "EndpointStatus", EndpointName="endpoint")
    aws.sagemaker.create_training_job(**training_job())
    ended(aws.sagemaker.describe_training_job, "TrainingJobStatus", TrainingJobName="job")
    aws.sagemaker.create_transform_job(
        TransformJobName="transform", ModelName="model",
        TransformInput={"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix",
                                                        "S3Uri": "s3://bucket-1/key"}}},
        TransformOutput={"S3OutputPath": "s3://bucket-1/out"},
        TransformResources={"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    )  # fmt: skip
    ended(aws.sagemaker.describe_transform_job, "TransformJobStatus", TransformJobName="transform")
    aws.sagemaker.delete_model(ModelName="model")  # which the job remembers
    fill_experiments(aws)
    return {"UploadId": upload, "MultipartUpload": {"Parts": [{"ETag": tag, "PartNumber": 1}]}}


def fill_experiments(aws):
    sagemaker = aws.sagemaker
    sagemaker.create_experiment(ExperimentName="experiment")
    sagemaker.create_trial(ExperimentName="experiment", TrialName="trial")
    component = f"{ARN}experiment-trial-component/job-aws-training-job"
    both = {"TrialName": "trial", "TrialComponentName": "job-aws-training-job"}
    sagemaker.associate_trial_component(**both)
    sagemaker.update_trial_component(
        TrialComponentName="job-aws-training-job",
        Parameters={"own": {"NumberValue": 1}},
        ParametersToRemove=["SageMaker.InstanceCount"],
    )
    data = [{"MetricName": "loss", "Timestamp": time.time(), "Value": 0.5, "Step": 3}]
    metrics = aws.session.client("sagemaker-metrics")
    metrics.batch_put_metrics(TrialComponentName="job-aws-training-job", MetricData=data)
    source = {"SourceUri": "s3://bucket-1/key"}
    artifact = sagemaker.create_artifact(ArtifactType="Report", Source=source)["ArtifactArn"]
    sagemaker.create_context(ContextName="group", ContextType="Group", Source=source)
    sagemaker.create_action(ActionName="step", ActionType="Step", Source=source)
    for one, other in ((component, artifact), (artifact, f"{ARN}context/group")):
        sagemaker.add_association(SourceArn=one, DestinationArn=other, AssociationType="Produced")


def seen_of_experiments(aws):
    """What there is to be seen of it."""
    sagemaker = aws.sagemaker
    component = sagemaker.describe_trial_component(TrialComponentName="job-aws-training-job")
    arn = component["TrialComponentArn"]
    query = {"MetricName": "loss", "ResourceArn": arn, "MetricStat": "Last",
             "Period": "IterationNumber", "XAxisType": "IterationNumber"}  # fmt: skip
    metrics = aws.session.client("sagemaker-metrics")
    return {
        "experiments": sagemaker.list_experiments()["ExperimentSummaries"],
        "trials": sagemaker.list_trials(ExperimentName="experiment")["TrialSummaries"],
        "components": sagemaker.list_trial_components(TrialName="trial")["TrialComponentSummaries"],
        "component": component,
        "points": metrics.batch_get_metrics(MetricQueries=[query])["MetricQueryResults"],
        "lineage": sagemaker.query_lineage(StartArns=[arn])["Vertices"],
        "associations": sagemaker.list_associations()["AssociationSummaries"],
        "action": sagemaker.list_actions()["ActionSummaries"],
    }


def seen(aws):
    """What there is to be seen of it."""
    sagemaker, s3 = aws.sagemaker, aws.s3
    versions = s3.list_object_versions(Bucket="bucket-1")["Versions"]
    found = {
        "versions": [
            (each["Key"], each["VersionId"],
             s3.get_object(Bucket="bucket-1", Key=each["Key"], VersionId=each["VersionId"])["Body"]
             .read())
            for each in versions
        ],
        "metadata": s3.head_object(Bucket="bucket-1", Key="key")["Metadata"],
        "object tags": s3.get_object_tagging(Bucket="bucket-1", Key="key")["TagSet"],
        "roles": sorted(r["RoleId"] for r in aws.session.client("iam").list_roles()["Roles"]),
        "repositories": aws.session.client("ecr").describe_repositories()["repositories"],
        "keys": aws.session.client("kms").list_keys()["Keys"],
        "parameter": aws.session.client("ssm").get_parameter(Name="name")["Parameter"]["Value"],
        "streams": sagemaker_streams(aws),
        "events": aws.logs.get_log_events(
            logGroupName="/group", logStreamName="full", startFromHead=True
        )["events"],
        "config": sagemaker.describe_endpoint_config(EndpointConfigName="config"),
        "endpoint": sagemaker.describe_endpoint(EndpointName="endpoint"),
        "job": sagemaker.describe_training_job(TrainingJobName="job"),
        "transform": sagemaker.describe_transform_job(TransformJobName="transform"),
        "tags": sagemaker.list_tags(ResourceArn=f"{ARN}training-job/job")["Tags"],
        **seen_of_experiments(aws),
    }  # fmt: skip
    for each in found.values():
        if isinstance(each, dict):
            each.pop("ResponseMetadata", None)
    return found


def sagemaker_streams(aws):
    streams = aws.logs.describe_log_streams(logGroupName="/group")["logStreams"]
    return [(each["logStreamName"], each.get("lastEventTimestamp")) for each in streams]


class TestState:
    def test_the_next_one_goes_on_where_it_was(self, start, tmp_path):
        aws = start(state=tmp_path)
        upload = fill(aws)
        before = seen(aws)
        assert len(before["events"]) == 3
        assert len(before["versions"]) == 4
        aws.server.save_state()

        aws = start(state=tmp_path)
        assert seen(aws) == before
        # And it goes on.
        aws.s3.complete_multipart_upload(Bucket="bucket-1", Key="parts", **upload)
        assert aws.s3.head_object(Bucket="bucket-1", Key="parts")["ContentLength"] == 6 << 20
        with pytest.raises(ClientError, match="must be unique"):
            aws.sagemaker.create_training_job(**training_job())
        with pytest.raises(ClientError, match="BucketAlreadyOwnedByYou"):
            aws.session.client("s3", region_name="eu-west-1").create_bucket(
                Bucket="bucket-1", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
            )
        event = {"timestamp": MOMENT + 3, "message": "line 3"}
        aws.logs.put_log_events(logGroupName="/group", logStreamName="full", logEvents=[event])
        found = aws.logs.get_log_events(
            logGroupName="/group", logStreamName="full", startFromHead=True
        )
        assert [each["message"] for each in found["events"]] == [f"line {n}" for n in range(4)]
        assert "harness" in aws.session.client("sts").get_caller_identity()["Arn"]
        aws.sagemaker.create_training_job(**training_job("another"))
        aws.server.save_state()
        assert (
            len(start(state=tmp_path).sagemaker.list_training_jobs()["TrainingJobSummaries"]) == 2
        )

    def test_over_http(self, start, tmp_path):
        aws = start(state=tmp_path)
        assert asked(aws, "GET", "/_harness/state") == (
            200, {"folder": str(tmp_path), "saved": None}
        )  # fmt: skip
        status, answer = asked(aws, "POST", "/_harness/state/load")
        assert (status, answer) == (500, {"error": f"no state was saved in {tmp_path} yet."})
        upload = fill(aws)
        del upload
        before = seen(aws)
        status, saved = asked(aws, "POST", "/_harness/state", body=b"cos\nsystem\n(S'x'\ntR.")
        assert (status, saved["folder"]) == (200, str(tmp_path))
        aws.s3.delete_object(Bucket="bucket-1", Key="key")
        aws.sagemaker.delete_training_job(TrainingJobName="job")
        aws.sagemaker.create_training_job(**training_job("later"))
        assert asked(aws, "POST", "/_harness/state/load") == (200, saved)
        assert seen(aws) == before
        with pytest.raises(ClientError, match="not found"):
            aws.sagemaker.describe_training_job(TrainingJobName="later")
        assert asked(aws, "GET", "/_harness/state") == (200, saved)
        assert asked(aws, "DELETE", "/_harness/state") == (
            405, {"error": "DELETE /_harness/state: this is asked for by GET or POST."}
        )  # fmt: skip
        assert asked(aws, "GET", "/_harness/reset") == (
            405, {"error": "GET /_harness/reset: this is asked for by POST."}
        )  # fmt: skip

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
    def test_a_path_of_ours_that_is_not_there_is_no_bucket(self, start, method):
        words = "there is no /_harness/nothing here; see docs/how-to/state.md and faults.md."
        assert asked(start(), method, "/_harness/nothing") == (404, {"error": words})

    def test_without_a_folder_there_is_none(self, start):
        aws = start()
        words = "this local AWS has no state folder: start it with `harness up --state DIR`."
        for method, path in (
            ("GET", "/_harness/state"),
            ("POST", "/_harness/state"),
            ("POST", "/_harness/state/load"),
        ):
            assert asked(aws, method, path) == (409, {"error": words})

    def test_jobs_that_were_in_progress_have_ended(self, start, tmp_path):
        aws = start(state=tmp_path)
        backend = next(
            each._backend for each in aws.server._keeper._providers.values()
            if hasattr(each, "_backend")
        )  # fmt: skip
        context = RequestContext("sagemaker", "CreateTrainingJob", "us-east-1", "123456789012", "")
        running, stopping = (
            TrainingJob(backend, context, training_job(name)) for name in ("running", "stopping")
        )
        stopping.stop()
        processing = ProcessingJob(
            backend, context,
            {"ProcessingJobName": "p", "ProcessingResources": {"ClusterConfig": CLUSTER},
             "AppSpecification": {"ImageUri": "image"}, "RoleArn": ROLE},
        )  # fmt: skip
        for job in (running, stopping, processing):
            backend.store.table(job.kind).add(job)
        aws.server.save_state()
        assert aws.sagemaker.describe_training_job(TrainingJobName="running")[
            "TrainingJobStatus"
        ] == "InProgress"  # fmt: skip

        aws = start(state=tmp_path)
        found = aws.sagemaker.describe_training_job(TrainingJobName="running")
        assert (found["TrainingJobStatus"], found["FailureReason"]) == ("Failed", CUT_OFF)
        assert [each["Status"] for each in found["SecondaryStatusTransitions"]] == [
            "Starting",
            "Failed",
        ]
        found = aws.sagemaker.describe_training_job(TrainingJobName="stopping")
        assert found["TrainingJobStatus"] == "Stopped"
        found = aws.sagemaker.describe_processing_job(ProcessingJobName="p")
        assert (found["ProcessingJobStatus"], found["FailureReason"]) == ("Failed", CUT_OFF)

    def test_a_tuning_job_knows_its_training_jobs(self, start, tmp_path):
        aws = start(state=tmp_path)
        job = training_job()
        algorithm = {
            **job["AlgorithmSpecification"],
            "MetricDefinitions": [{"Name": "r2", "Regex": "r2=(.*)"}],
        }
        aws.s3.create_bucket(Bucket="bucket-1")
        aws.sagemaker.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName="tune",
            HyperParameterTuningJobConfig={
                "Strategy": "Random",
                "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "r2"},
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
                "ParameterRanges": {
                    "ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}]
                },
            },
            TrainingJobDefinition={
                "AlgorithmSpecification": algorithm,
                **{name: job[name] for name in ("RoleArn", "OutputDataConfig", "ResourceConfig",
                                                "StoppingCondition")},
            },
        )  # fmt: skip

        def found(aws):
            names = {"HyperParameterTuningJobName": "tune"}
            described = ended(
                aws.sagemaker.describe_hyper_parameter_tuning_job,
                "HyperParameterTuningJobStatus",
                **names,
            )
            listed = aws.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(**names)
            child = listed["TrainingJobSummaries"][0]["TrainingJobName"]
            child = aws.sagemaker.describe_training_job(TrainingJobName=child)
            answers = (described, listed, child)
            for answer in answers:
                del answer["ResponseMetadata"]
            return answers

        found(aws)
        provider = aws.server._keeper._providers["TuningJobs"]
        first = provider._jobs.all()[0].children[0]
        first.status, first.values = "Completed", [0.5]  # as with an engine
        before = found(aws)
        assert "BestTrainingJob" in before[0]
        assert "TuningJobArn" in before[2]
        aws.server.save_state()
        assert found(start(state=tmp_path)) == before

    def test_a_group_goes_on_counting_its_versions(self, start, tmp_path):
        aws = start(state=tmp_path)
        specification = {"Containers": [{"Image": "image:1"}]}
        group = {"ModelPackageGroupName": "group"}
        aws.sagemaker.create_model_package_group(**group)
        request = {**group, "InferenceSpecification": specification, "ClientToken": "token"}
        made = aws.sagemaker.create_model_package(**request)
        name = {"ModelPackageName": made["ModelPackageArn"]}
        aws.sagemaker.update_model_package(
            ModelPackageArn=made["ModelPackageArn"], ModelApprovalStatus="Approved"
        )
        policy = '{"Statement": [{"Effect": "Allow"}]}'
        aws.sagemaker.put_model_package_group_policy(**group, ResourcePolicy=policy)
        aws.sagemaker.create_model(
            ModelName="model", ExecutionRoleArn=ROLE, PrimaryContainer=dict(name)
        )

        def told():
            found = [
                aws.sagemaker.describe_model_package(**name),
                aws.sagemaker.describe_model_package_group(**group),
                aws.sagemaker.get_model_package_group_policy(**group),
                aws.sagemaker.describe_model(ModelName="model"),
            ]
            for each in found:
                each.pop("ResponseMetadata")
            return found

        before = told()
        aws.server.save_state()
        aws = start(state=tmp_path)
        assert told() == before
        assert aws.sagemaker.create_model_package(**request) == made | {"ResponseMetadata": ANY}
        request["ClientToken"] = "another"
        second = aws.sagemaker.create_model_package(**request)["ModelPackageArn"]
        assert second == f"{ARN}model-package/group/2"
        models = aws.server._keeper._backend.store.table("model").all()
        assert [each.container["Image"] for each in models] == ["image:1"]

    def test_a_damaged_one_is_refused_and_leaves_nothing_half(self, start, tmp_path):
        aws = start(state=tmp_path)
        fill(aws)
        aws.server.save_state()
        # Whole by its digests, but nothing that can be taken up.
        folder = aws.server._keeper.folder
        folder.save("123456789012", lambda new: _without_a_bucket(folder, new))
        with pytest.raises(ServiceError, match="is damaged: UnpicklingError"):
            start(state=tmp_path)
        assert start().s3.list_buckets()["Buckets"] == []

    def test_another_account_is_refused(self, start, tmp_path):
        aws = start(state=tmp_path)
        aws.server.save_state()
        with pytest.raises(ServiceError, match="is of account 123456789012"):
            start(state=tmp_path, account_id="111122223333")

    def test_what_moto_can_not_give_is_left_out_and_said(self, start, tmp_path, caplog):
        aws = start(state=tmp_path)
        aws.s3.create_bucket(Bucket="bucket-2")
        aws.session.client("sqs").create_queue(QueueName="queue")
        from moto.sqs.models import sqs_backends

        backend: Any = sqs_backends["123456789012"]["us-east-1"]
        backend.thread = threading.Thread()
        aws.server.save_state()
        assert "the state has nothing of moto's sqs in us-east-1: " in caplog.text
        aws = start(state=tmp_path)
        assert [each["Name"] for each in aws.s3.list_buckets()["Buckets"]] == ["bucket-2"]
        assert "QueueUrls" not in aws.session.client("sqs").list_queues()

    def test_a_service_that_changes_meanwhile_is_tried_again(self, start, tmp_path, monkeypatch):
        aws = start(state=tmp_path)
        aws.s3.create_bucket(Bucket="bucket-2")
        dumped, failures = pickles.dumped, [1, 1]

        def changing(*arguments):
            if failures and failures.pop():
                raise RuntimeError("dictionary changed size during iteration")
            dumped(*arguments)

        monkeypatch.setattr(pickles, "dumped", changing)
        aws.server.save_state()
        assert start(state=tmp_path).s3.list_buckets()["Buckets"]

    def test_no_room_is_one_sentence(self, start, tmp_path, monkeypatch):
        aws = start(state=tmp_path)
        aws.server.save_state()

        def full(_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(backends, "save", full)
        status, answer = asked(aws, "POST", "/_harness/state")
        assert status == 500
        assert answer["error"].startswith(f"the state can't be saved in {tmp_path}: this machine")

    def test_every_kind_of_resource_is_kept(self, start):
        """Who adds a kind says how it is saved: see `Keeps`."""
        aws = start()
        keeper = aws.server._keeper
        kept = {
            getattr(each, name).kind
            for each in keeper._providers.values()
            for name in ("_table", "_jobs")
            if hasattr(each, name)
        }
        records = next(each for each in keeper._providers.values() if isinstance(each, Records))
        kept |= {kind.arn_kind for kind in records._shelf.kinds.values()}
        assert kept == keeper._backend.store._tables.keys()
        assert all(isinstance(each, Keeps) for each in keeper._providers.values())


def _without_a_bucket(folder, new):
    import shutil

    (old,) = (each for each in folder.path.glob("saved-*") if each != new)
    shutil.copytree(old, new, dirs_exist_ok=True)
    (new / "moto/0000.pickle").write_bytes(b"cos\nsystem\n(S'true'\ntR.")


class TestReset:
    @pytest.mark.parametrize("path", ["/_harness/reset", "/moto-api/reset"])
    def test_nothing_is_left_of_ours_or_of_motos(self, start, path):
        aws = start()
        made = []
        aws.server.on_reset(lambda: made.append(aws.s3.create_bucket(Bucket="default")))
        for number in range(2):
            if number == 0:
                fill(aws)
            assert asked(aws, "POST", path) == (200, {"status": "ok"})
            sagemaker = aws.sagemaker
            assert sagemaker.list_training_jobs()["TrainingJobSummaries"] == []
            assert sagemaker.list_transform_jobs()["TransformJobSummaries"] == []
            assert sagemaker.list_models()["Models"] == []
            assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
            assert sagemaker.list_endpoints()["Endpoints"] == []
            assert sagemaker.list_experiments()["ExperimentSummaries"] == []
            assert sagemaker.list_trial_components()["TrialComponentSummaries"] == []
            assert sagemaker.list_artifacts()["ArtifactSummaries"] == []
            assert sagemaker.list_associations()["AssociationSummaries"] == []
            assert [each["Name"] for each in aws.s3.list_buckets()["Buckets"]] == ["default"]
            assert aws.logs.describe_log_groups()["logGroups"] == []
            assert aws.session.client("ecr").describe_repositories()["repositories"] == []
            with pytest.raises(ClientError, match="Could not find resource"):
                sagemaker.list_tags(ResourceArn=f"{ARN}training-job/job")
        assert len(made) == 2
        assert "role/harness" in aws.session.client("sts").get_caller_identity()["Arn"]
        roles = aws.session.client("iam").list_roles()["Roles"]
        assert [each["RoleName"] for each in roles] == ["harness"]

    def test_logs_go_on(self, start):
        aws = start()
        backend = aws.server._keeper._backend
        stream = backend.logs.open("us-east-1", "/group", "stream")
        stream.write("before")
        aws.server.reset()
        assert aws.logs.describe_log_groups()["logGroups"] == []
        stream.write("after")
        stream.flush()
        found = aws.logs.get_log_events(logGroupName="/group", logStreamName="stream")
        assert [each["message"] for each in found["events"]] == ["after"]

    def test_it_is_asked_for_with_post(self, start):
        aws = start()
        assert asked(aws, "GET", "/_harness/reset")[0] == 405


@pytest.mark.slow
def test_every_service_of_motos_can_be_kept(tmp_path, caplog):
    import importlib

    from moto.backends import list_of_moto_modules
    from moto.core.base_backend import BackendDict

    for name in sorted(list_of_moto_modules()):
        try:
            module = importlib.import_module(f"moto.{name}.models")
        except ImportError:  # of services whose extra isn't installed
            continue
        for table in list(vars(module).values()):
            if isinstance(table, BackendDict):
                regions = table["123456789012"].regions
                _ = table["123456789012"]["us-east-1" if "us-east-1" in regions else "aws"]
    count = sum(1 for _ in backends._backends())
    backends.save(tmp_path)
    assert caplog.text == ""
    BackendDict.reset()
    backends.load(tmp_path)
    assert sum(1 for _ in backends._backends()) == count > 150
    BackendDict.reset()
