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
from harness.local.http.page import Page
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
def page(logs):
    service = Service("sagemaker", [Jobs()])
    here = {"region": "us-east-1", "account_id": "135792468013"}
    return Page(service, lambda region: logs, Faults(), **here)


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

    assert re.findall(r'class="status (\w+)">(\w+)<', shown) == [
        ("good", "Completed"),
        ("bad", "Failed"),
        ("busy", "InProgress"),
    ]
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
        html.unescape(each) for each in re.findall(r'href="([^"]+name=broken[^"]*)"', overview)
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


def test_a_job_without_a_log_says_so(page):
    assert "Nothing was logged yet" in text(
        page.respond(request("/_harness/logs", "kind=TrainingJob&name=busy"))
    )


@pytest.mark.parametrize(
    "query", ["", "kind=TrainingJob&name=gone", "kind=Endpoint&name=e", "kind=x"]
)
def test_what_is_not_there_is_404(page, query):
    assert page.respond(request("/_harness/logs", query)).status == 404


def test_hostile_text_is_never_markup(page):
    for asked in (
        request("/"),
        request("/_harness/logs", "kind=TrainingJob&name=broken"),
        request("/_harness/logs", "kind=TrainingJob&name=" + urllib.parse.quote(HOSTILE)),
        request("/", host=HOSTILE),
    ):
        response = page.respond(asked)

        assert "<script" not in response.body.decode()
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        nonce = re.search(r"style-src 'nonce-([\w-]+)'", policy)
        assert nonce is not None
        assert f'<style nonce="{nonce[1]}">' in response.body.decode()


def test_nothing_but_browsers_gets_it(page):
    signed = "AWS4-HMAC-SHA256 Credential=a/20261122/us-east-1/s3/aws4_request, SignedHeaders=host"

    assert page.respond(request("/", authorization=signed)) is None
    assert page.respond(request("/", accept="*/*")) is None
    assert page.respond(request("/", method="POST")) is None
    assert page.respond(request("/bucket")) is None


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
