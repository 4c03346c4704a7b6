"""The pages of trial components, to which those of jobs lead."""

import time
import urllib.request

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
PAGES = "/_harness/page/sagemaker"


def shown(aws, path):
    url = f"{aws.sagemaker.meta.endpoint_url}{path}"
    asked = urllib.request.Request(url, headers={"Accept": "text/html"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return answer.read().decode()


def test_a_job_leads_to_its_component_and_back(aws):
    aws.sagemaker.create_processing_job(
        ProcessingJobName="Prepare",
        AppSpecification={"ImageUri": "image:1"},
        RoleArn=ROLE,
        ProcessingResources={
            "ClusterConfig": {
                "InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1
            }
        },
    )  # fmt: skip
    component = f"{PAGES}/TrialComponent/prepare-aws-processing-job?region=us-east-1"
    assert f'href="{component}"' in shown(aws, f"{PAGES}/ProcessingJob/Prepare?region=us-east-1")
    page = shown(aws, component)
    assert f'href="{PAGES}/ProcessingJob/Prepare?region=us-east-1"' in page
    assert "SageMaker.InstanceType" in page
    assert "Describe" in page


def test_a_component_of_a_run_shows_what_was_logged(aws):
    aws.sagemaker.create_trial_component(
        TrialComponentName="run",
        Status={"PrimaryStatus": "Completed"},
        Parameters={"alpha": {"NumberValue": 1.5}, "how": {"StringValue": "<fast>"}},
        OutputArtifacts={"model": {"Value": "s3://bucket/model"}},
    )
    now = time.time()
    aws.session.client("sagemaker-metrics").batch_put_metrics(
        TrialComponentName="run",
        MetricData=[
            {"MetricName": "loss", "Timestamp": now + step, "Value": value}
            for step, value in enumerate((3.0, 1.0))
        ],
    )
    page = shown(aws, f"{PAGES}/TrialComponent/run?region=us-east-1")
    assert "1 (of 2: 1 … 3, 2 on average)" in page
    assert "&lt;fast&gt;" in page
    assert "s3://bucket/model" in page
    # There is one of every job: the first page would be full of them.
    assert "Trial components" not in shown(aws, "/")
