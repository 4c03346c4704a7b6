"""`harness run` where it must not even start."""


def test_aws_without_anything_set_stops_at_once_and_says_all_that_is_missing(harness):
    refused = harness("run", "--target", "aws")

    assert refused.returncode == 2
    for missing in ("HARNESS_AWS_ROLE_ARN", "HARNESS_AWS_BUCKET", "AWS_ACCESS_KEY_ID"):
        assert missing in refused.stderr
    assert "Traceback" not in refused.stderr


def test_aws_has_no_debugger(harness):
    refused = harness("run", "--target", "aws", "--debug")

    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "--debug is for the local AWS" in refused.stderr


def test_aws_says_only_what_is_missing(harness):
    refused = harness(
        "run",
        HARNESS_TARGET="aws",
        HARNESS_AWS_ROLE_ARN="arn:aws:iam::111122223333:role/SageMaker",
        HARNESS_AWS_BUCKET="my-bucket",
        HARNESS_AWS_PROFILE="nobody",
    )

    assert refused.returncode == 2
    assert "nobody" in refused.stderr
    assert "HARNESS_AWS_BUCKET" not in refused.stderr
