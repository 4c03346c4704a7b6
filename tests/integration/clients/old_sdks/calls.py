"""What runs in a container: boto3 of one version, told nothing of where AWS is.

It writes what it has seen to S3, by that boto3, too.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path

VERSION = os.environ["BOTO3"]
BUCKET = os.environ["BUCKET"]
KEY = os.environ["KEY"]

sys.path.insert(0, f"/sdks/{VERSION}")
import boto3  # noqa: E402  # of that folder


def main() -> None:
    s3 = boto3.client("s3")
    s3.put_object(Bucket=BUCKET, Key=f"{KEY}/a b.txt", Body=b"1")
    s3.download_file(BUCKET, f"{KEY}/a b.txt", "/tmp/down")
    place = {"Bucket": BUCKET, "Key": f"{KEY}/a b.txt"}
    signed = s3.generate_presigned_url("get_object", Params=place)
    region = os.environ["AWS_REGION"]
    session = boto3.session.Session(profile_name=os.environ.get("PROFILE"))
    sagemaker = boto3.client("sagemaker", region_name=region)
    said = {
        "version": boto3.__version__,
        "read": Path("/tmp/down").read_text(),
        "listed": [
            each.key.rpartition("/")[2]
            for each in boto3.resource("s3").Bucket(BUCKET).objects.filter(Prefix=KEY)
        ],
        "signed": urllib.request.urlopen(signed, timeout=10).read().decode(),
        "account": boto3.client("sts", region_name="us-east-1").get_caller_identity()["Account"],
        "jobs": len(sagemaker.list_training_jobs()["TrainingJobSummaries"]),
        "profile": session.region_name,
        "services": [each for each in ("own", "image") if each in session.get_available_services()],
    }
    s3.put_object(Bucket=BUCKET, Key=f"{KEY}/said.json", Body=json.dumps(said).encode())


main()
