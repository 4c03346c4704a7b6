"""Waiters that look as often as a local AWS allows."""

import json
from typing import Any

from botocore.loaders import create_loader

from harness.aws_model import waiters
from harness.aws_model.loader import LOADER
from harness.local.core.client import local_boto_session


def test_a_local_client_looks_every_second_and_gives_up_as_late_as_before():
    client = local_boto_session("http://localhost:1", "us-east-1").client("sagemaker")
    config: Any = client.get_waiter("training_job_completed_or_stopped").config
    assert (config.delay, config.max_attempts) == (1, 120 * 180)
    config = client.get_waiter("endpoint_in_service").config
    assert config.delay == 1


def test_clients_of_the_real_aws_keep_theirs():
    document = LOADER.load_service_model("sagemaker", "waiters-2")
    assert document["waiters"]["TrainingJobCompletedOrStopped"]["delay"] == 120


def test_botocore_merges_the_file_over_its_own(tmp_path):
    name, document = waiters.extras()
    file = tmp_path / name
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(document))
    loader = create_loader(str(tmp_path))
    merged = loader.load_service_model("sagemaker", "waiters-2")["waiters"]
    assert {waiter["delay"] for waiter in merged.values()} == {1}
    assert merged["EndpointInService"]["acceptors"]
