"""Captured invocations: the files that AWS's developer guide shows."""

import base64
import json
import re
import threading
from types import SimpleNamespace

import pytest

from harness.local.hosting import capture
from harness.local.hosting.capture import Capture, summary

WAIT = 30


@pytest.fixture
def backend(aws):
    """S3, and threads that `join` waits for."""
    threads = []

    def spawn(target, name):
        threads.append(threading.Thread(target=target, name=name, daemon=True))
        threads[-1].start()

    def join():
        for thread in threads:
            thread.join(WAIT)
            assert not thread.is_alive()

    return SimpleNamespace(s3=aws.s3, spawn=spawn, join=join)


@pytest.fixture
def captured(aws, new, backend):
    """Lets invocations be captured; returns the keys below the prefix, and the lines."""

    def run(*invocations, **config):
        prefix = new("captured")
        config = {
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{aws.bucket}/{prefix}/",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            **config,
        }
        capturing = Capture(backend, config, "endpoint", "variant")
        for request, content_type, answer in invocations:
            capturing.take(request, content_type, answer)
        capturing.close()
        backend.join()
        listed = aws.s3.list_objects_v2(Bucket=aws.bucket, Prefix=f"{prefix}/")
        keys = [each["Key"] for each in listed.get("Contents", [])]
        texts = [aws.s3.get_object(Bucket=aws.bucket, Key=key)["Body"].read() for key in keys]
        lines = [json.loads(line) for text in texts for line in text.splitlines()]
        return [key.removeprefix(f"{prefix}/") for key in keys], lines

    return run


CSV = ({"Body": b"1,2\n", "ContentType": "text/csv"}, "text/csv; charset=utf-8", b"0.5")
HEADER = {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}


def test_a_file_by_the_hour_with_a_line_each(captured):
    keys, lines = captured(CSV, CSV, CaptureContentTypeHeader=HEADER)
    assert len(keys) in (1, 2)  # where an hour ends between the two
    form = r"endpoint/variant/\d{4}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{3}-[0-9a-f-]{36}\.jsonl"
    assert all(re.fullmatch(form, key) for key in keys)
    assert len(lines) == 2
    about = lines[0]["eventMetadata"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", about.pop("inferenceTime"))
    assert re.fullmatch(r"[0-9a-f-]{36}", about.pop("eventId"))
    assert lines[0] == {
        "captureData": {
            "endpointInput": {
                "observedContentType": "text/csv",
                "mode": "INPUT",
                "data": "1,2\n",
                "encoding": "CSV",
            },
            "endpointOutput": {
                "observedContentType": "text/csv; charset=utf-8",
                "mode": "OUTPUT",
                "data": "0.5",
                "encoding": "CSV",
            },
        },
        "eventMetadata": {},
        "eventVersion": "0",
    }


def test_what_is_no_text_or_not_said_to_be_is_in_base64(captured):
    binary = ({"Body": b"\xff\x00", "ContentType": "text/csv"}, "application/JSON", b"{}")
    _, (line,) = captured(binary, CaptureContentTypeHeader=HEADER)
    given, answered = line["captureData"]["endpointInput"], line["captureData"]["endpointOutput"]
    assert (given["encoding"], base64.b64decode(given["data"])) == ("BASE64", b"\xff\x00")
    assert (answered["encoding"], answered["data"]) == ("JSON", "{}")
    _, (line,) = captured(CSV)
    given = line["captureData"]["endpointInput"]
    assert (given["encoding"], base64.b64decode(given["data"])) == ("BASE64", b"1,2\n")


@pytest.mark.parametrize(
    ("modes", "kept"),
    [
        (["Input"], {"endpointInput"}),
        (["Output"], {"endpointOutput"}),
        (["InputAndOutput"], {"endpointInput", "endpointOutput"}),
    ],
)
def test_what_is_captured_is_what_the_options_say(captured, modes, kept):
    _, (line,) = captured(CSV, CaptureOptions=[{"CaptureMode": mode} for mode in modes])
    assert set(line["captureData"]) == kept


def test_what_the_request_says_of_itself(captured):
    request = {"Body": b"", "CustomAttributes": "trace=1", "InferenceId": "i"}
    _, (line,) = captured((request, None, b""))
    assert line["eventMetadata"]["customAttributes"] == ["trace=1"]
    assert line["eventMetadata"]["inferenceId"] == "i"
    assert "observedContentType" not in line["captureData"]["endpointInput"]


def test_a_sample_of_so_many_percent(captured):
    assert captured(*[CSV] * 50, InitialSamplingPercentage=0) == ([], [])
    _, lines = captured(*[CSV] * 500, InitialSamplingPercentage=20)
    assert 50 < len(lines) < 175


def test_no_more_waits_than_there_is_room_for(captured, monkeypatch, caplog):
    monkeypatch.setattr(capture, "MOST_BYTES", 20)
    _, lines = captured(CSV, CSV, CSV, CSV)
    assert 0 < len(lines) < 4
    assert "an invocation is not captured: too many wait" in caplog.text


def test_a_bucket_that_is_not_there_is_told_of(captured, caplog):
    captured(CSV, DestinationS3Uri="s3://no-such-bucket-at-all/x")
    assert "was not captured" in caplog.text


def test_what_an_endpoint_says_of_it():
    config = {"InitialSamplingPercentage": 7, "DestinationS3Uri": "s3://b/c", "CaptureOptions": []}
    assert summary(None) is None
    assert summary(config) == {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 7,
        "DestinationS3Uri": "s3://b/c",
        "KmsKeyId": None,
    }
    stopped = summary({**config, "EnableCapture": False, "KmsKeyId": "k"})
    assert stopped is not None
    assert (stopped["CaptureStatus"], stopped["KmsKeyId"]) == ("Stopped", "k")
