"""Where a message's source is named ("aws/sagemaker-python-sdk #384"), it is AWS's own."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.model import ServiceModel, ShapeResolver
from hypothesis import given
from hypothesis import strategies as st

from harness.aws_model.loader import LOADER
from harness.local.protocol import validation

MODELS = {
    name: ServiceModel(LOADER.load_service_model(name, "service-2"), name)
    for name in ("sagemaker", "sagemaker-runtime")
}

TRAINING_JOB: dict[str, Any] = {
    "TrainingJobName": "job-1",
    "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
    "RoleArn": "arn:aws:iam::123456789012:role/training",
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/output"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}


def check(operation, value, service="sagemaker"):
    shape = MODELS[service].operation_model(operation).input_shape
    assert shape is not None
    return validation.check(shape, value)


def shape_of(shapes, name="S"):
    """The shape of that name in a service model's "shapes"."""
    return ShapeResolver(shapes).get_shape_by_name(name)


def with_member(path, value):
    """The training job with the member at a dotted `path` set, or removed if `value` is None."""
    *parents, last = path.split(".")
    request = current = dict(TRAINING_JOB)
    for name in parents:
        current[name] = current = dict(current[name])
    current[last] = value
    return {k: v for k, v in request.items() if v is not None}


def check_training_job(path, value):
    return check("CreateTrainingJob", with_member(path, value))


def one_error(value, path, constraint):
    return (
        f"1 validation error detected: {value} at '{path}' failed to satisfy constraint: "
        f"{constraint}"
    )


def test_a_valid_request_breaks_nothing():
    assert check("CreateTrainingJob", TRAINING_JOB) is None


def test_a_pattern_that_does_not_match():  # aws/sagemaker-python-sdk #384
    assert check_training_job("TrainingJobName", "health_care") == one_error(
        "Value 'health_care'",
        "trainingJobName",
        "Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
    )


def test_a_string_that_is_too_long():  # zenml-io/zenml #1517
    name = "generic-training-pipeline-2023-04-13-06-05-26-177259-model-trainer"
    assert check("DescribeModel", {"ModelName": name}) == one_error(
        f"Value '{name}'", "modelName", "Member must have length less than or equal to 63"
    )


def test_several_errors():  # aws-samples/sagemaker-ml-workflow-with-apache-airflow #3
    name = "{{ ti.xcom_pull(task_ids='model_training')['Training']['TrainingJobName'] }}"
    assert check("DescribeModel", {"ModelName": name}) == (
        f"2 validation errors detected: Value '{name}' at 'modelName' failed to satisfy "
        "constraint: Member must have length less than or equal to 63; "
        f"Value '{name}' at 'modelName' failed to satisfy constraint: Member must satisfy "
        "regular expression pattern: [a-zA-Z0-9]([\\-a-zA-Z0-9]*[a-zA-Z0-9])?"
    )


def test_a_required_member_that_is_missing():
    assert check_training_job("RoleArn", None) == one_error(
        "Value null", "roleArn", "Member must not be null"
    )


def test_a_value_that_is_not_in_an_enum():  # aws-samples/aws-sagemaker-heart-disease-prediction #1
    assert check_training_job("AlgorithmSpecification.TrainingInputMode", "Tape") == one_error(
        "Value 'Tape'",
        "algorithmSpecification.trainingInputMode",
        "Member must satisfy enum value set: [Pipe, File, FastFile]",
    )


def test_a_number_that_is_too_small():
    assert check_training_job("StoppingCondition.MaxRuntimeInSeconds", 0) == one_error(
        "Value '0'",
        "stoppingCondition.maxRuntimeInSeconds",
        "Member must have value greater than or equal to 1",
    )


def test_a_number_that_is_too_large():
    assert check("ListTrainingJobs", {"MaxResults": 101}) == one_error(
        "Value '101'", "maxResults", "Member must have value less than or equal to 100"
    )


def test_a_fraction_that_is_too_small():
    variant = {"VariantName": "v", "ModelName": "m", "InitialVariantWeight": -0.5}
    request = {"EndpointConfigName": "c", "ProductionVariants": [variant]}
    assert check("CreateEndpointConfig", request) == one_error(
        "Value '-0.5'",
        "productionVariants.1.member.initialVariantWeight",
        "Member must have value greater than or equal to 0",
    )


def test_a_member_of_a_structure_in_a_list():  # aws/amazon-sagemaker-examples #2236
    variants = [
        {"VariantName": "AllTraffic", "ModelName": "model"},
        {"VariantName": "Other", "ModelName": "ENTER MODEL NAME"},
    ]
    request = {"EndpointConfigName": "c", "ProductionVariants": variants}
    assert check("CreateEndpointConfig", request) == one_error(
        "Value 'ENTER MODEL NAME'",
        "productionVariants.2.member.modelName",
        "Member must satisfy regular expression pattern: [a-zA-Z0-9]([\\-a-zA-Z0-9]*[a-zA-Z0-9])?",
    )


def test_an_empty_list_that_must_not_be_empty():  # aws-samples/aws-genai-llm-chatbot #512
    vpc = {"SecurityGroupIds": [], "Subnets": ["subnet-1"]}
    assert check_training_job("VpcConfig", vpc) == one_error(
        "Value '[]'",
        "vpcConfig.securityGroupIds",
        "Member must have length greater than or equal to 1",
    )


def test_a_string_in_a_list():  # appleboy/lambda-action #72, which is Lambda's
    vpc = {"SecurityGroupIds": ["sg-1", "s_g"], "Subnets": ["subnet-1"]}
    assert check_training_job("VpcConfig", vpc) == one_error(
        "Value '[sg-1, s_g]'",
        "vpcConfig.securityGroupIds",
        "Member must satisfy constraint: [Member must have length less than or equal to 32, "
        "Member must have length greater than or equal to 0, "
        "Member must satisfy regular expression pattern: [-0-9a-zA-Z]+]",
    )


def test_null_in_a_list_of_strings():
    vpc = {"SecurityGroupIds": ["sg-1", None], "Subnets": ["subnet-1"]}
    assert "Value '[sg-1, null]' at 'vpcConfig.securityGroupIds'" in check_training_job(
        "VpcConfig", vpc
    )


def test_null_in_a_list_of_structures():
    assert check_training_job("Tags", [None]) == one_error(
        "Value null", "tags.1.member", "Member must not be null"
    )


def test_a_value_in_a_map():  # aws-samples/amazon-sagemaker-pytorch-detectron2 #10
    assert check_training_job("HyperParameters", {"lr": "0.1", "text": "x" * 2501}) == one_error(
        f"Value '{{lr=0.1, text={'x' * 2501}}}'",
        "hyperParameters",
        "Map value must satisfy constraint: [Member must have length less than or equal to 2500, "
        "Member must have length greater than or equal to 0, "
        "Member must satisfy regular expression pattern: .*]",
    )


def test_a_key_in_a_map():
    assert check_training_job("Environment", {"1ST": "x"}) == one_error(
        "Value '{1ST=x}'",
        "environment",
        "Map keys must satisfy constraint: [Member must have length less than or equal to 512, "
        "Member must have length greater than or equal to 0, "
        "Member must satisfy regular expression pattern: [a-zA-Z_][a-zA-Z0-9_]*]",
    )


def test_too_many_entries_in_a_map():  # aws/sagemaker-python-sdk #6016
    parameters = {f"p{i}": "1" for i in range(101)}
    assert check_training_job("HyperParameters", parameters).endswith(
        "at 'hyperParameters' failed to satisfy constraint: "
        "Member must have length less than or equal to 100"
    )


def test_a_list_of_structures_is_rendered_like_java_does():
    tags = [{"Key": f"k{i}", "Value": "v"} for i in range(51)]
    message = check_training_job("Tags", tags)
    assert message.startswith("1 validation error detected: Value '[Tag(key=k0, value=v), Tag(")


def test_a_blob_is_not_echoed():  # aws/aws-sdk-js #4203
    request = {"EndpointName": "e", "Body": b"x" * 6_291_457}
    assert check("InvokeEndpoint", request, "sagemaker-runtime") == one_error(
        "Value", "body", "Member must have length less than or equal to 6291456"
    )


def test_a_sensitive_value_is_not_echoed():
    request = {"EndpointName": "e", "Body": b"", "CustomAttributes": "é-secret"}
    message = check("InvokeEndpoint", request, "sagemaker-runtime")
    assert "Value at 'customAttributes'" in message
    assert "secret" not in message


def test_what_holds_a_sensitive_value_is_echoed_without_it():
    shapes = {
        "S": {"type": "structure", "members": {"L": {"shape": "L"}}},
        "L": {"type": "list", "member": {"shape": "T"}, "max": 0},
        "T": {"type": "structure", "members": {"A": {"shape": "P"}, "B": {"shape": "Secret"}}},
        "P": {"type": "string"},
        "Secret": {"type": "string", "sensitive": True},
    }
    shape = shape_of(shapes)
    message = validation.check(shape, {"L": [{"A": "plain", "B": "hunter2"}]})
    assert message is not None
    assert "Value '[T(a=plain, b=***Sensitive Data Redacted***)]' at 'l'" in message


@pytest.mark.parametrize(("members", "valid"), [({}, False), ({"VectorConfig": {}}, True)])
def test_a_union_has_exactly_one_member(members, valid):
    shapes = {
        "U": {
            "type": "structure",
            "union": True,
            "members": {"VectorConfig": {"shape": "V"}, "Other": {"shape": "V"}},
        },
        "V": {"type": "structure", "members": {}},
    }
    shape = shape_of(shapes, "U")
    assert (validation.check(shape, members) is None) is valid
    assert validation.check(shape, {"VectorConfig": {}, "Other": {}}) is not None


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        (r"[a-z]+", "ab\n", False),
        (r"^a$", "a\n", False),
        (r"a", "ab", False),
        (r"\p{ASCII}*", "tab\t~", True),
        (r"\p{ASCII}*", "é", False),
        (r"[\p{Print}]*", "a b", True),
        (r"[\p{Print}]*", "a\tb", False),
        (r"[\p{Alnum}\-]+", "a-1", True),
        (r"[\p{Alnum}\-]+", "é", False),
        (r"[\p{L}\p{Z}]+", "é ü", True),
        (r"\A\S[\p{Print}]*\z", "ab c", True),
        (r"\A\S[\p{Print}]*\z", " ab", False),
        (r"\d+", "٣", False),
        (r"[\w+=,.@-]+", "a_1+", True),
        (r"[\w+=,.@-]+", "é", False),
        (r"[\S\s]*", "any\u00a0thing\n\u2028", True),
        (r".*", "a\u2028b", False),
        (r".*", "a\rb", False),
        (r"[.]+", "...", True),
        (r"[.]+", "a", False),
        (r"\.", ".", True),
        (r"([\p{L}]*)${1,128}", "abc", True),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", "a\U0001f600", True),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", "\x01", False),
    ],
)
def test_patterns_mean_what_they_mean_in_java(pattern, value, matches):
    shape = shape_of({"S": {"type": "string", "pattern": pattern}})
    assert (validation.check(shape, value) is None) is matches


@pytest.mark.parametrize("service", MODELS)
def test_every_pattern_of_the_model_is_checked(service, caplog):
    shapes = LOADER.load_service_model(service, "service-2")["shapes"].values()
    patterns = {shape["pattern"] for shape in shapes if "pattern" in shape}
    assert patterns
    assert [each for each in patterns if validation._compile(each) is None] == []


def test_a_pattern_that_python_does_not_know_is_not_checked_and_is_logged(caplog):
    shape = shape_of({"S": {"type": "string", "pattern": "(?<n"}})
    assert validation.check(shape, "anything") is None
    assert "(?<n" in caplog.text


def test_a_catastrophic_pattern_ends(monkeypatch):
    monkeypatch.setattr(validation, "MATCH_TIMEOUT", 0.05)
    pattern = r"((a?){50}){50}(b|bb)+(b|bbb)+(b|bbbb)+c"
    shape = shape_of({"S": {"type": "string", "pattern": pattern}})
    assert validation.check(shape, "a" * 60 + "b" * 200) is not None


@given(st.from_regex(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", fullmatch=True) | st.text())
def test_a_name_is_valid_just_if_pattern_and_length_say_so(name):
    fits = re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name) and len(name) <= 63
    message = check("DescribeTrainingJob", {"TrainingJobName": name})
    assert (message is None) is bool(fits)


@given(st.integers(), st.integers(0, 200))
def test_numbers_and_lengths_are_valid_just_within_their_bounds(seconds, length):
    message = check_training_job("StoppingCondition.MaxRuntimeInSeconds", seconds)
    assert (message is None) is (seconds >= 1)
    tags = [{"Key": "k" * length, "Value": ""}]
    assert (check_training_job("Tags", tags) is None) is (1 <= length <= 128)
