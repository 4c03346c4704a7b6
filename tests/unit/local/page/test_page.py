"""The page for browsers: what it shows, to whom, and that nothing in it can run."""

import html
import io
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from harness.local.faults.faults import Faults
from harness.local.page.page import Page
from harness.local.protocol.errors import AwsError
from harness.local.protocol.messages import Request
from harness.local.protocol.service import Service

HOSTILE = "</pre><script>alert(1)</script>"
START = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


class Jobs:
    """Training jobs, as their provider describes them."""

    jobs: ClassVar[dict[str, dict[str, Any]]] = {
        "done": {
            "TrainingJobStatus": "Completed",
            "SecondaryStatus": "Completed",
            "TrainingEndTime": START + timedelta(seconds=65),
        },
        "broken": {
            "TrainingJobStatus": "Failed",
            "SecondaryStatus": "Failed",
            "FailureReason": HOSTILE,
            "TrainingEndTime": START + timedelta(hours=2, minutes=5),
        },
        "busy": {"TrainingJobStatus": "InProgress", "SecondaryStatus": "Downloading"},
    }

    def list_training_jobs(self, context, request):
        assert request["SortOrder"] == "Descending"
        if context.region != "us-east-1":
            return {"TrainingJobSummaries": []}
        return {"TrainingJobSummaries": [{"TrainingJobName": name} for name in self.jobs]}

    def list_hyper_parameter_tuning_jobs(self, context, request):
        found = ["tuning"] if context.region == "us-east-1" else []
        names = [{"HyperParameterTuningJobName": name} for name in found]
        return {"HyperParameterTuningJobSummaries": names}

    def describe_hyper_parameter_tuning_job(self, context, request):
        return {
            "HyperParameterTuningJobName": request["HyperParameterTuningJobName"],
            "HyperParameterTuningJobStatus": "Stopped",
            "CreationTime": START,
            "HyperParameterTuningEndTime": START + timedelta(seconds=9),
            "BestTrainingJob": {"TrainingJobName": "trial-2"},
        }

    def list_training_jobs_for_hyper_parameter_tuning_job(self, context, request):
        def trial(number, value, **tuned):
            objective = {"MetricName": "loss", "Value": value}
            return {
                "TrainingJobName": f"trial-{number}",
                "TrainingJobStatus": "Completed",
                "TunedHyperParameters": tuned,
                "FinalHyperParameterTuningJobObjectiveMetric": objective if value else None,
            }

        return {
            "TrainingJobSummaries": [
                trial(1, 0.5, depth="3", kind="a"),
                trial(2, 0.25, depth="5", kind=HOSTILE),
                trial(3, None, depth="nan", kind="b"),
            ]
        }

    def describe_training_job(self, context, request):
        if request["TrainingJobName"] not in self.jobs:
            raise AwsError("ResourceNotFound", "Requested resource not found.")
        return {
            "TrainingJobName": request["TrainingJobName"],
            "CreationTime": START,
            "AlgorithmSpecification": {"TrainingImage": "my-image:1"},
            **self.jobs[request["TrainingJobName"]],
        }


@pytest.fixture(scope="module")
def aws():
    with LocalAWS(account_id="135792468013") as server:
        yield server


@pytest.fixture(scope="module")
def logs(aws):
    logs = local_boto_session(aws.url, "us-east-1").client("logs")
    group, stream = "/aws/sagemaker/TrainingJobs", "broken/algo-1-1"
    logs.create_log_group(logGroupName=group)
    for name in (stream, "broken-too/algo-1-1"):
        logs.create_log_stream(logGroupName=group, logStreamName=name)
        events: list[Any] = [
            {"timestamp": time.time_ns() // 1_000_000, "message": f"{name} {HOSTILE} {number}"}
            for number in range(3)
        ]
        logs.put_log_events(logGroupName=group, logStreamName=name, logEvents=events)
    return logs


@pytest.fixture
def page(aws, logs):
    service = Service("sagemaker", [Jobs()], account_id="135792468013")
    here = {"region": "us-east-1", "account_id": "135792468013"}
    session: Any = local_boto_session(aws.url, "us-east-1")
    clients = {"logs": logs}

    def client(name, region):
        if name not in clients:
            clients[name] = session.client(name)
        return clients[name]

    return Page(service, client, Faults(), **here)


def request(path, query="", method="GET", **headers):
    headers = {"accept": "text/html,*/*;q=0.8", "host": "localhost:1"} | headers
    return Request(method, path, query, headers, io.BytesIO())


def get(url, **headers):
    asked = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return answer.headers, answer.read().decode()


def text(response):
    assert response.status == 200
    return response.body.decode()


def test_it_shows_states_times_and_reasons(page):
    shown = text(page.respond(request("/")))

    # What runs is first, and what failed is folded away, behind what ended well.
    assert re.findall(r'class="status (\w+)">([\w ]+)<', shown) == [
        ("busy", "InProgress"),
        ("quiet", "Stopped"),
        ("good", "Completed"),
        ("bad", "1 failed"),
        ("bad", "Failed"),
    ]
    assert re.search(r"<details class=\"failed\"[^>]*>(?:(?!</details>).)*Failed", shown, re.DOTALL)
    assert " open>" not in shown
    assert "Downloading" in shown
    assert ">1 min 5 s<" in shown
    assert ">2 h 5 min<" in shown
    assert "my-image:1" in shown
    assert html.escape(HOSTILE) in shown
    # Of what this service doesn't have, nothing is said.
    assert "Training jobs" in shown
    assert "Endpoints" not in shown


def test_other_regions_are_other_lists(page):
    shown = text(page.respond(request("/", "region=eu-west-1")))

    assert "eu-west-1" in shown
    assert "my-image" not in shown
    assert HOSTILE not in text(page.respond(request("/", f"region={HOSTILE}")))


def test_the_link_leads_to_the_log_of_that_job_only(page):
    overview = text(page.respond(request("/")))
    (link,) = (
        html.unescape(each) for each in re.findall(r'href="([^"]+/broken\?[^"]*)"', overview)
    )
    path, _, query = link.partition("?")
    shown = text(page.respond(request(path, query)))

    assert [f"broken/algo-1-1 {html.escape(HOSTILE)} {number}" in shown for number in range(3)] == [
        True,
        True,
        True,
    ]
    assert "broken-too" not in shown
    assert "http-equiv" not in shown  # it has ended: there will be no more
    assert "data-follow=" not in shown


def test_a_job_without_a_log_says_so(page):
    assert "Nothing was logged yet" in text(
        page.respond(request("/_harness/page/sagemaker/TrainingJob/busy"))
    )


@pytest.mark.parametrize(
    "path",
    [
        "sagemaker/TrainingJob/gone", "sagemaker/Endpoint/e", "sagemaker/x/y", "x", "static/x",
        "s3/list", "s3/object", "s3/download", "s3/image", "logs/group", "logs/stream",
        "logs/follow",
    ],
)  # fmt: skip
def test_what_is_not_there_is_404(page, path):
    assert page.respond(request(f"/_harness/page/{path}")).status == 404


def test_a_tuning_job_has_its_trials_and_how_they_did(page):
    shown = text(page.respond(request("/_harness/page/sagemaker/HyperParameterTuningJob/tuning")))

    # Over the trials in order, and over what was tuned and is a number in each.
    assert re.findall(r'aria-label="(loss over [^"]+)"', shown) == [
        "loss over trial: 2 values from 0.25 to 0.5, the last 0.25",
        "loss over depth: 2 values from 0.25 to 0.5, the last 0.25",
    ]
    (best,) = re.findall(r'<tr class="best">(.*?)</tr>', shown, re.DOTALL)
    assert "/TrainingJob/trial-2?" in best
    assert html.escape(HOSTILE) in best
    assert "trial-3" in shown
    assert "Timeline" not in shown  # it has none of its own


def test_where_the_logs_were_leads_to_the_page_of_the_resource(page):
    answer = page.respond(request("/_harness/logs", "kind=TrainingJob&name=busy"))

    assert answer.status == 303
    assert answer.headers["Location"].startswith("/_harness/page/sagemaker/TrainingJob/busy?")


def test_hostile_text_is_never_markup(page):
    for asked in (
        request("/"),
        request("/", "q=" + urllib.parse.quote(HOSTILE)),
        request("/_harness/page/sagemaker/TrainingJob/broken"),
        request("/_harness/page/sagemaker/HyperParameterTuningJob/tuning"),
        request("/_harness/page/sagemaker/TrainingJob/" + urllib.parse.quote(HOSTILE, safe="")),
        request("/_harness/page/logs", "prefix=" + urllib.parse.quote(HOSTILE)),
        request("/", host=HOSTILE),
    ):
        response = page.respond(asked)
        shown = response.body.decode()

        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        nonce = re.search(r"script-src 'nonce-([\w-]+)'", policy)
        assert nonce is not None
        # The only script is ours, and nothing has a style or a handler of its own.
        assert re.findall(r"<script[^>]*>", shown) == [
            found for found in re.findall(r"<script[^>]*>", shown) if f'nonce="{nonce[1]}"' in found
        ]
        assert shown.count("<script") == 1
        assert not re.search(r"<[^>]+\s(style|on\w+)=", shown)


def test_each_answer_has_another_nonce(page):
    first, second = (page.respond(request("/")).headers for _ in range(2))

    assert first["Content-Security-Policy"] != second["Content-Security-Policy"]


def test_nothing_but_browsers_gets_it(page):
    signed = "AWS4-HMAC-SHA256 Credential=a/20261122/us-east-1/s3/aws4_request, SignedHeaders=host"

    assert page.respond(request("/", authorization=signed)) is None
    assert page.respond(request("/", accept="*/*")) is None
    assert page.respond(request("/", method="POST")) is None
    assert page.respond(request("/bucket")) is None
    assert page.respond(request("/_harness/page/s3", authorization=signed)) is None


def test_the_server_gives_browsers_the_page_and_sdks_their_buckets(aws):
    s3 = local_boto_session(aws.url, "us-east-1").client("s3")
    s3.create_bucket(Bucket="beside-a-page")

    headers, shown = get(f"{aws.url}/", Accept="text/html")
    _, listing = get(f"{aws.url}/")

    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Endpoints" in shown
    assert "beside-a-page" not in shown
    assert "<ListAllMyBucketsResult" in listing
    assert "beside-a-page" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


def test_a_page_of_another_origin_can_not_read_it(aws):
    for named in ({"Host": "attacker.example"}, {"Origin": "http://attacker.example"}):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            get(f"{aws.url}/", Accept="text/html", **named)
