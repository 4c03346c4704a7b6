"""Process and transform: the jobs that are created, and how they end."""

import pytest

from harness.errors import FlowError
from harness.flow.plan import Plan
from harness.flow.steps.process import process
from harness.flow.steps.stage import stage
from harness.flow.steps.transform import transform

PROCESSING = """
[processing]
entrypoint = ["python3", "/clean.py"]
arguments = ["--fast"]
environment = {A = "b"}
volume_size_gb = 7
max_runtime_seconds = 60
[processing.inputs]
raw.source = "raw.csv"
other = {source = "s3://b/other", local_path = "/opt/ml/processing/there"}
[processing.outputs]
clean = {}
report.local_path = "/report"
"""


def test_a_processing_job_is_created_with_all_it_needs(begin_run, project, sagemaker):
    run = begin_run(project(PROCESSING, **{"raw.csv": "1"}))
    sagemaker.statuses = ["InProgress", "Completed"]

    with run.tear_down:
        process(run, "image:tag", stage(run, Plan()))

    (request,) = sagemaker.requests["create_processing_job"]
    assert request["ProcessingJobName"] == run.name
    assert request["AppSpecification"] == {
        "ImageUri": "image:tag",
        "ContainerEntrypoint": ["python3", "/clean.py"],
        "ContainerArguments": ["--fast"],
    }
    places = {
        each["InputName"]: (each["S3Input"]["S3Uri"], each["S3Input"]["LocalPath"])
        for each in request["ProcessingInputs"]
    }
    assert places == {
        "raw": (run.uri("inputs/raw") + "/", "/opt/ml/processing/input/raw"),
        "other": ("s3://b/other", "/opt/ml/processing/there"),
    }
    outputs = {
        each["OutputName"]: (each["S3Output"]["S3Uri"], each["S3Output"]["LocalPath"])
        for each in request["ProcessingOutputConfig"]["Outputs"]
    }
    assert outputs == {
        "clean": (run.uri("processing/clean"), "/opt/ml/processing/output/clean"),
        "report": (run.uri("processing/report"), "/report"),
    }
    assert request["Environment"] == {"A": "b"}
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 60}
    assert request["ProcessingResources"]["ClusterConfig"] == {
        "InstanceType": "ml.m5.large",
        "InstanceCount": 1,
        "VolumeSizeInGB": 7,
    }
    assert request["Tags"] == run.tags


def test_a_bare_processing_job_may_have_an_image_of_its_own(begin_run, project, sagemaker):
    run = begin_run(project("processing.image = 'other:1'"))
    sagemaker.statuses = ["Completed"]

    process(run, "image:tag", stage(run, Plan()))

    (request,) = sagemaker.requests["create_processing_job"]
    assert request["AppSpecification"] == {"ImageUri": "other:1"}
    assert not {"ProcessingInputs", "ProcessingOutputConfig", "Environment"} & set(request)


def test_a_processing_job_that_fails_is_an_error_with_its_reason(begin_run, project, sagemaker):
    run = begin_run(project("processing = {}"))
    sagemaker.statuses, sagemaker.reason = ["Failed"], "AlgorithmError: exit code: 1"

    with pytest.raises(
        FlowError, match=rf"^processing job {run.name} is Failed: Algo.*exit code: 1"
    ):
        process(run, "image:tag", stage(run, Plan()))


def test_a_job_that_still_runs_is_stopped_at_tear_down(begin_run, project, sagemaker):
    run = begin_run(project(
        "processing.max_runtime_seconds = 1\nlocal.provisioning_seconds = 1\n"
        "transform = {source = 's3://b/a', max_runtime_seconds = 1}"
    ))  # fmt: skip
    sagemaker.statuses = ["InProgress"]

    staged = stage(run, Plan())
    for step in (lambda: process(run, "image:tag", staged), lambda: transform(run, staged)):
        with pytest.raises(FlowError, match="is still InProgress after 2 s"), run.tear_down:
            step()

    assert sagemaker.requests["stop_processing_job"] == [{"ProcessingJobName": run.name}]
    assert sagemaker.requests["stop_transform_job"] == [{"TransformJobName": run.name}]


def test_a_bare_transform_job_leaves_the_rest_to_the_container(begin_run, project, sagemaker):
    run = begin_run(project("transform.source = 's3://b/in'"))
    sagemaker.statuses = ["InProgress", "Completed"]

    assert transform(run, stage(run, Plan())) == run.uri("transform") + "/"

    (request,) = sagemaker.requests["create_transform_job"]
    assert request == {
        "TransformJobName": run.name,
        "ModelName": run.name,
        "Tags": run.tags,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/in"}},
            "ContentType": "text/csv",
            "SplitType": "None",
        },
        "TransformOutput": {"S3OutputPath": run.uri("transform"), "AssembleWith": "None"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "MaxPayloadInMB": 6,
        "DataProcessing": {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"},
    }


def test_a_transform_job_has_what_the_settings_say(begin_run, project, sagemaker):
    run = begin_run(project("""
        [transform]
        source = "rows.csv"
        accept = "application/json"
        split_type = "Line"
        assemble_with = "Line"
        batch_strategy = "SingleRecord"
        max_payload_in_mb = 1
        max_concurrent_transforms = 2
        input_filter = "$[1:]"
        join_source = "Input"
        environment = {A = "b"}
    """, **{"rows.csv": "1"}))  # fmt: skip
    sagemaker.statuses = ["Completed"]

    with run.tear_down:
        transform(run, stage(run, Plan()))

    (request,) = sagemaker.requests["create_transform_job"]
    assert request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] == (
        run.uri("input/transform") + "/"
    )
    assert request["TransformInput"]["SplitType"] == "Line"
    assert request["TransformOutput"] == {
        "S3OutputPath": run.uri("transform"),
        "AssembleWith": "Line",
        "Accept": "application/json",
    }
    assert (request["BatchStrategy"], request["MaxConcurrentTransforms"]) == ("SingleRecord", 2)
    assert request["DataProcessing"] == {
        "InputFilter": "$[1:]",
        "OutputFilter": "$",
        "JoinSource": "Input",
    }
    assert request["Environment"] == {"A": "b"}
