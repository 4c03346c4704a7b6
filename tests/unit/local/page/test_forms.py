"""The page's forms and files, through the server: who may send one, and what comes of it."""

import contextlib
import io
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import Any

import pytest

from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session

PAGE = "/_harness/page"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def aws():
    with LocalAWS(account_id="246813579024") as server:
        yield server


@pytest.fixture(scope="module")
def s3(aws):
    s3 = local_boto_session(aws.url, "us-east-1").client("s3")
    s3.create_bucket(Bucket="forms")
    s3.put_object(Bucket="forms", Key="evil.html", Body=HOSTILE.encode(), ContentType="text/html")
    s3.put_object(Bucket="forms", Key="a/table.csv", Body=b"x,1\ny,2\n")
    s3.put_object(Bucket="forms", Key="a/dot.png", Body=b"\x89PNG\r\n")
    return s3


def ask(url: str, data: bytes | None = None, **headers: str) -> Any:
    """The answer, whatever its status; redirects aren't followed."""
    asked = urllib.request.Request(
        url, data, {name.replace("_", "-"): each for name, each in headers.items()}
    )
    opener = urllib.request.build_opener(Unmoved)
    try:
        answer = opener.open(asked, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers, answer.read()


class Unmoved(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


def form(file: tuple[str, bytes] | None = None, **fields: str) -> tuple[bytes, str]:
    """A form as browsers send it, and its content type."""
    boundary = uuid.uuid4().hex
    body = io.BytesIO()
    for name, value in fields.items():
        body.write(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
        )
        body.write(f"{value}\r\n".encode())
    if file is not None:
        head = f'Content-Disposition: form-data; name="file"; filename="{file[0]}"'
        body.write(f"--{boundary}\r\n{head}\r\nContent-Type: text/csv\r\n\r\n".encode())
        body.write(file[1] + b"\r\n")
    body.write(f"--{boundary}--\r\n".encode())
    return body.getvalue(), f"multipart/form-data; boundary={boundary}"


def token(aws) -> str:
    _, _, shown = ask(f"{aws.url}{PAGE}/s3/list?bucket=forms")
    found = re.search(rb'name="token" value="([\w-]+)"', shown)
    assert found is not None
    return found[1].decode()


def post(aws, path: str, file: tuple[str, bytes] | None = None, **fields: str) -> Any:
    body, content_type = form(file, **fields)
    return ask(f"{aws.url}{path}", body, Content_Type=content_type, Origin=aws.url)


def test_a_file_is_uploaded_below_the_folder_that_is_shown(aws, s3):
    content = b"1,2\n" * 400_000
    path = f"{PAGE}/s3/list?bucket=forms&prefix=new/"
    status, headers, _ = post(aws, path, ("C:\\up/../data.csv", content), token=token(aws))

    assert status == 303
    assert "prefix=new%2F" in headers["Location"]
    found = s3.get_object(Bucket="forms", Key="new/data.csv")
    assert found["Body"].read() == content
    assert found["ContentType"] == "text/csv"


@pytest.mark.parametrize("wrong", ["no token", "another token", "no origin", "another origin"])
def test_a_form_that_is_not_ours_does_nothing(aws, s3, wrong):
    fields = {"token": token(aws)}
    origin = {"Origin": aws.url}
    if wrong == "no token":
        fields = {}
    elif wrong == "another token":
        fields = {"token": "x" * 43}
    elif wrong == "no origin":
        origin = {}
    else:
        origin = {"Origin": "http://attacker.example"}
    body, content_type = form(("wrong.csv", b"1"), **fields)
    url = f"{aws.url}{PAGE}/s3/list?bucket=forms&prefix=wrong/"
    status, _, _ = ask(url, body, Content_Type=content_type, **origin)

    assert status == 403
    assert "Contents" not in s3.list_objects_v2(Bucket="forms", Prefix="wrong/")


def test_an_upload_without_a_file_says_so(aws, s3):
    status, _, shown = post(aws, f"{PAGE}/s3/list?bucket=forms", token=token(aws))

    assert status == 400
    assert b"No file was chosen." in shown


def test_a_form_with_too_much_in_it_is_refused(aws, s3):
    path = f"{PAGE}/sagemaker/Endpoint/e/invoke"
    status, _, shown = post(aws, path, token=token(aws), body="1" * (9 << 20))

    assert status == 400
    assert b"too much" in shown


def test_what_is_downloaded_runs_nowhere(aws, s3):
    status, headers, body = ask(f"{aws.url}{PAGE}/s3/download?bucket=forms&key=evil.html")

    assert status == 200
    assert body == HOSTILE.encode()
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].startswith('attachment; filename="evil.html"')
    assert headers["Content-Length"] == str(len(HOSTILE))
    assert "sandbox" in headers["Content-Security-Policy"]


def test_an_object_that_is_opened_as_a_page_has_not_the_rights_of_ours(aws, s3):
    named = {"Bucket": "forms", "Key": "evil.html"}
    url = s3.generate_presigned_url("get_object", Params=named)
    _, opened, _ = ask(url, Sec_Fetch_Mode="navigate")
    _, read, body = ask(url)

    assert opened["Content-Type"].startswith("text/html")
    assert opened["Content-Security-Policy"].startswith("sandbox ")
    assert "allow-same-origin" not in opened["Content-Security-Policy"]
    assert read["Content-Security-Policy"] is None  # an SDK gets S3's own headers
    assert body == HOSTILE.encode()


def test_an_object_is_looked_at_as_what_it_is(aws, s3):
    _, _, text = ask(f"{aws.url}{PAGE}/s3/object?bucket=forms&key=evil.html")
    _, _, table = ask(f"{aws.url}{PAGE}/s3/object?bucket=forms&key=a/table.csv")
    _, _, picture = ask(f"{aws.url}{PAGE}/s3/object?bucket=forms&key=a/dot.png")
    _, headers, image = ask(f"{aws.url}{PAGE}/s3/image?bucket=forms&key=a/dot.png")

    assert HOSTILE.encode() not in text
    assert b"&lt;script&gt;alert(1)" in text
    assert re.findall(rb'<td class="mono">(\w)</td>', table) == [b"x", b"1", b"y", b"2"]
    assert b"/_harness/page/s3/image?bucket=forms&amp;key=a%2Fdot.png" in picture
    assert (headers["Content-Type"], image) == ("image/png", b"\x89PNG\r\n")
    assert ask(f"{aws.url}{PAGE}/s3/image?bucket=forms&key=evil.html")[0] == 404


def test_folders_and_objects_are_listed_apart(aws, s3):
    _, _, shown = ask(f"{aws.url}{PAGE}/s3/list?bucket=forms")

    assert b">a/</a>" in shown
    assert b">evil.html</a>" in shown
    assert b"table.csv" not in shown


@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("Endpoint/gone", "Delete"),
        ("TrainingJob/gone", "Stop"),
        ("Endpoint/gone", "Create"),
        ("Nothing/gone", "Delete"),
    ],
)
def test_an_action_on_what_is_not_there_says_so(aws, s3, path, action):
    status, _, _ = post(aws, f"{PAGE}/sagemaker/{path}", token=token(aws), action=action)

    assert status == 404


def test_a_log_is_followed_while_it_grows_and_ends_with_the_server():
    with LocalAWS(account_id="246813579035") as aws:
        logs = local_boto_session(aws.url, "us-east-1").client("logs")
        logs.create_log_group(logGroupName="/g")
        logs.create_log_stream(logGroupName="/g", logStreamName="s")
        put(logs, 1)
        _, _, shown = ask(f"{aws.url}{PAGE}/logs/stream?group=/g&stream=s")
        attribute = re.search(r'data-after="([^"]+)"', shown.decode())
        assert attribute is not None
        after = attribute[1].replace("&#34;", '"')
        query = urllib.parse.urlencode({"group": "/g", "after": after})
        following = urllib.request.urlopen(f"{aws.url}{PAGE}/logs/follow?{query}", timeout=30)
        assert following.headers["Content-Type"] == "text/event-stream"
        put(logs, 2)
        name, event = next_event(following)
        assert [each[2] for each in event] == [f"line 2 {HOSTILE}"]
        assert json.loads(name).keys() == {"s"}
        # Whoever lost the connection goes on where it was.
        put(logs, 3)
        asked = urllib.request.Request(
            f"{aws.url}{PAGE}/logs/follow?{query}", headers={"Last-Event-ID": name}
        )
        with urllib.request.urlopen(asked, timeout=30) as again:
            assert [each[2] for each in next_event(again)[1]] == [f"line 3 {HOSTILE}"]
        _, headers, whole = ask(f"{aws.url}{PAGE}/logs/download?group=/g&stream=s")
        assert [line.partition(b" ")[2] for line in whole.splitlines()] == [
            f"line {number} {HOSTILE}".encode() for number in (1, 2, 3)
        ]
        assert "attachment" in headers["Content-Disposition"]
    with contextlib.suppress(OSError):  # the server has ended it, and didn't wait for it
        assert all(line.startswith((b":", b"id: ", b"data: ", b"\n")) for line in following)


def put(logs, number: int) -> None:
    event: Any = {"timestamp": time.time_ns() // 1_000_000, "message": f"line {number} {HOSTILE}"}
    logs.put_log_events(logGroupName="/g", logStreamName="s", logEvents=[event])


def next_event(following) -> tuple[str, Any]:
    """The next event's id and data."""
    name = ""
    for line in following:
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "id":
            name = value
        if field == "data":
            return name, json.loads(value)
    raise AssertionError("it ended without an event")
