"""What CreatePipeline refuses, in one sentence that names the step."""

from __future__ import annotations

import contextlib
import copy
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given as generated
from hypothesis import strategies as st

from harness.local.pipelines.definition import durations, paths
from harness.local.pipelines.definition.document import Definition
from harness.local.protocol.errors import AwsError
from tests.clients import refusal
from tests.unit.local.pipelines.conftest import ROLE, condition, definition, fail

TRAIN = {
    "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
    "RoleArn": ROLE,
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}
PARAMETERS = [
    {"Name": "Text", "Type": "String", "DefaultValue": "a"},
    {"Name": "Number", "Type": "Integer", "DefaultValue": 1},
]


def train(name="Train", arguments=None, **members):
    whole = {**TRAIN, **(arguments or {})}
    return {"Name": name, "Type": "Training", "Arguments": whole, **members}


def get(what):
    return {"Get": what}


def why(*steps, parameters=PARAMETERS, **members):
    """The reason of the refusal."""
    with pytest.raises(AwsError) as caught:
        Definition(definition(*steps, parameters=parameters, **members))
    assert caught.value.code == "ValidationException"
    begin = "Unable to parse pipeline definition. "
    assert caught.value.message.startswith(begin)
    return caught.value.message.removeprefix(begin)


@pytest.mark.parametrize(
    "type_", ["EMR", "EMRServerless", "ClarifyCheck", "QualityCheck", "AutoML", "ForEach"]
)
def test_what_does_not_run_here(type_):
    assert why({"Name": "Mine", "Type": type_, "Arguments": {}}) == (
        f"Step 'Mine': steps of type {type_} run on AWS only, and not in the local AWS."
    )


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([], "Steps: there must be at least one."),
        ([{"Name": "A", "Type": "Sing"}], "Step 'A': there is no step type 'Sing'."),
        ([condition("A"), condition("A")], "Step names must be unique; 'A' is there twice."),
        ([condition("A", if_steps=[condition("A")])],
         "Step names must be unique; 'A' is there twice."),
        ([condition("A b")], ("Step name 'A b' must be of 1 to 64 letters, digits, hyphens and "
         "underscores.")),
        ([condition("A", DependsOn=["B"])], "Step 'A': DependsOn: there is no step 'B'."),
        ([condition("A", DependsOn=["B"]), condition("B", DependsOn=["A"])],
         "Steps wait for each other in a circle: "),
        ([condition("A", get("Steps.A.Outcome"))], "Steps wait for each other in a circle: "),
        ([fail("No"), condition("A", DependsOn=["No"])], "A can not depends on No."),
        ([condition("A", get("Steps.B.Outcome"))],
         "Step 'A': Invalid property reference 'Steps.B.Outcome': there is no step 'B'."),
        ([condition("A", get("Parameters.None"))],
         "Step 'A': Invalid property reference 'Parameters.None': there is no parameter 'None'."),
        ([condition("A", get("Execution.None"))],
         "Step 'A': Invalid property reference 'Execution.None': there is no variable 'None'."),
        ([condition("A", get("Nothing.B"))], "Invalid property reference 'Nothing.B': "),
        ([condition("A", {"Std:Sum": []})], "Unknown function 'Std:Sum'; "),
        ([condition("A", {"Std:Join": {"On": "/"}})], "Std:Join: it needs Values, a list, "),
        ([condition("A", {"Std:JsonGet": {"Path": "a"}})],
         "Std:JsonGet: it needs either PropertyFile or S3Uri."),
        ([train(), condition("A", get("Steps.Train.Nothing"))],
         ("Step 'A': Invalid property reference 'Steps.Train.Nothing': a step of type Training has "
         "no such property.")),
        ([train(arguments={"Nothing": 1})],
         "Step 'Train': Arguments: Unknown Argument member 'Nothing'."),
        ([train(arguments={"RoleArn": None})],
         "Step 'Train': Arguments: Missing required Argument member 'RoleArn'."),
        ([train(arguments={"InputDataConfig": {}})],
         "Step 'Train': Arguments.InputDataConfig: Expecting start of Json Array."),
        ([train(arguments={"Environment": []})],
         "Step 'Train': Arguments.Environment: Expecting start of Json Object."),
        ([train(arguments={"HyperParameters": {"df": get("Parameters.Number")}})],
         ("Step 'Train': Cannot assign property reference [Parameters.Number] to argument of type "
         "[String].")),
        ([train(arguments={"StoppingCondition": {"MaxRuntimeInSeconds": get("Parameters.Text")}})],
         ("Step 'Train': Cannot assign property reference [Parameters.Text] to argument of type "
         "[Integer].")),
        ([train(arguments={"AlgorithmSpecification": {
            "TrainingImage": "i", "TrainingInputMode": "Slow"}})],
         ("Step 'Train': Arguments.AlgorithmSpecification.TrainingInputMode: Model Validation "
         "failed: Value 'Slow' for 'TrainingInputMode' failed to satisfy enum value set: [Pipe, "
         "File, FastFile].")),
        ([train(CacheConfig={"Enabled": True, "ExpireAfter": "soon"})],
         ("Step 'Train': CacheConfig.ExpireAfter: 'soon' is no ISO 8601 duration such as P30D or "
         "PT12H.")),
        ([condition("A", CacheConfig={"Enabled": True})],
         "Step 'A': steps of type Condition have no CacheConfig."),
        ([train(RetryPolicies=[{"ExceptionType": ["Mine"], "MaxAttempts": 1}])],
         "Step 'Train': RetryPolicies: ExceptionType 'Mine' failed to satisfy enum value set: "),
        ([train(RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 21}])],
         "Step 'Train': RetryPolicies: MaxAttempts must be a number from 1 to 20."),
        ([train(RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"]}])],
         "Step 'Train': RetryPolicies: give either MaxAttempts or ExpireAfterMin."),
        ([{"Name": "L", "Type": "Lambda", "Arguments": {}}],
         "Step 'L': Missing required member 'FunctionArn'."),
        ([train(Sings=True)], "Step 'Train': Unknown member 'Sings'."),
        ([train(PropertyFiles=[])], ("Step 'Train': PropertyFiles are only for steps of type "
         "Processing.")),
        ([{**condition("A"), "Arguments": {"Conditions": [{"Type": "Like"}]}}],
         "Step 'A': Condition Type 'Like' failed to satisfy enum value set: "),
    ],
)  # fmt: skip
def test_steps(steps, reason):
    assert why(*steps).startswith(reason)


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [
        ({"Name": "P", "Type": "Text"}, "Parameter [P]: Type 'Text' failed to satisfy enum value"),
        ({"Name": "P", "Type": "Integer", "DefaultValue": "1"}, "Parameter [P]: DefaultValue '1' "),
        ({"Name": "P", "Type": "Integer", "DefaultValue": True}, "Parameter [P]: DefaultValue "),
        ({"Name": "P", "Type": "String", "EnumValues": ["a"], "DefaultValue": "b"},
         "Parameter [P]: DefaultValue 'b' must be one of [a]."),
        ({"Name": "P", "Type": "Integer", "EnumValues": [1]}, "Parameter [P]: EnumValues must be"),
        ({"Name": "P", "Type": []}, "Parameter [P]: Type '[]' failed to satisfy enum value"),
        ({"Name": "P", "Type": {}}, "Parameter [P]: Type '{}' failed to satisfy enum value"),
        ({"Type": "String"}, "Parameters: each must have a Name."),
        (1, "Parameters: Expecting start of Json Object."),
    ],
)  # fmt: skip
def test_parameters(parameter, reason):
    assert why(condition("A"), parameters=[parameter]).startswith(reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "It is no JSON: "),
        ("[]", "Expecting start of Json Object."),
        ("[" * 50_000, "It is no JSON: "),
        ('{"Version": "1", "Steps": []}', "Version '1' failed to satisfy enum value set: "),
        ('{"Version": "2020-12-01"}', "Steps: Expecting start of Json Array."),
        ('{"Version": "2020-12-01", "Steps": [NaN]}', "It is no JSON: NaN is no number of JSON's."),
        ('{"Version": "2020-12-01", "Steps": [1e999]}', "It is no JSON: 1e999 is no number "),
        ('{"Version": "2020-12-01", "Steps": ["\\ud800"]}', "It is no JSON: "),
        (json.dumps({"Version": "2020-12-01", "Steps": [], "MlflowConfig": {"a": "b"}}),
         "MlflowConfig: "),
    ],
)  # fmt: skip
def test_documents(text, reason):
    with pytest.raises(AwsError) as caught:
        Definition(text)
    assert caught.value.message.startswith(f"Unable to parse pipeline definition. {reason}")


def test_a_request_brings_one_definition(pipelines, aws):
    create = pipelines.sagemaker.create_pipeline
    named: dict[str, Any] = {"PipelineName": "none", "RoleArn": ROLE}
    place = {"Bucket": aws.bucket, "ObjectKey": "none.json"}
    assert refusal(create, **named) == (
        "Either Pipeline Definition or Pipeline Definition S3 location should be provided."
    )
    both: dict[str, Any] = {"PipelineDefinition": "{}", "PipelineDefinitionS3Location": place}
    assert "shouldn't be present" in refusal(create, **named, **both)
    assert f"s3://{aws.bucket}/none.json" in refusal(
        create, **named, PipelineDefinitionS3Location=place
    )
    aws.s3.put_object(Bucket=aws.bucket, Key="large.json", Body=b" " * 2_000_000)
    large: dict[str, Any] = {"Bucket": aws.bucket, "ObjectKey": "large.json"}
    assert refusal(create, **named, PipelineDefinitionS3Location=large) == (
        f"The pipeline definition at s3://{aws.bucket}/large.json has more than 1048576 bytes."
    )
    assert "Unable to parse" in refusal(create, **named, PipelineDefinition="{}")
    missing = pipelines.sagemaker.describe_pipeline
    assert refusal(missing, "ResourceNotFound", PipelineName="none") == (
        "Pipeline 'arn:aws:sagemaker:us-east-1:123456789012:pipeline/none' does not exist."
    )


def test_the_order_is_one_in_which_steps_could_run():
    steps = [
        condition("Last", get("Steps.Cond.Outcome"), DependsOn=["Inner"]),
        condition("Cond", if_steps=[condition("Inner")]),
    ]
    found = Definition(definition(*steps))
    assert list(found.steps) == ["Cond", "Inner", "Last"]
    assert found.steps["Last"].dependencies == {"Cond", "Inner"}
    assert found.steps["Inner"].branch == ("Cond", True)


def process(outputs):
    arguments = {
        "AppSpecification": {"ImageUri": "image:1"}, "RoleArn": ROLE,
        "ProcessingResources": {"ClusterConfig": {
            "InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
        "ProcessingOutputConfig": outputs,
    }  # fmt: skip
    files = [{"PropertyFileName": "file", "OutputName": "out", "FilePath": "a.json"}]
    return {"Name": "Process", "Type": "Processing", "Arguments": arguments,
            "PropertyFiles": files}  # fmt: skip


def places(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, name))


PLACES = st.lists(st.sampled_from(["Steps", "Arguments", "Name", "Type", "Conditions", 0, 1]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["Get", "Std:Join", "Std:JsonGet", "Name", "Type", "Values", "Path"]),
        inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
WHOLE = json.loads(definition(
    train(CacheConfig={"Enabled": True, "ExpireAfter": "P1D"},
          RetryPolicies=[{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 1}]),
    condition("Cond", get("Steps.Train.TrainingJobStatus"), if_steps=[fail("No")]),
    process({"Outputs": [{"OutputName": "out", "S3Output": {
        "S3Uri": "s3://bucket/x", "LocalPath": "/opt/ml/x", "S3UploadMode": "EndOfJob"}}]}),
    {"Name": "Call", "Type": "Lambda", "FunctionArn": "arn", "Arguments": {"a": 1},
     "OutputParameters": [{"OutputName": "a", "OutputType": "String"}]},
    parameters=[*PARAMETERS, {"Name": "Choice", "Type": "String", "EnumValues": ["a"]}],
    PipelineExperimentConfig={"ExperimentName": "a", "TrialName": "b"},
))  # fmt: skip


@generated(path=PLACES, value=VALUES)
def test_a_hostile_definition_is_refused_or_read(path, value):
    whole = copy.deepcopy(WHOLE)
    place = whole
    for part in path:
        try:
            inner = place[part]
        except (LookupError, TypeError):
            continue
        if not isinstance(inner, dict | list):
            place[part] = value
            break
        place = inner
    else:
        if isinstance(place, list):
            place.append(value)
        else:
            place["Arguments"] = value
    refused = None
    with contextlib.suppress(AwsError):  # and nothing else
        try:
            Definition(json.dumps(whole))
        except AwsError as error:
            refused = error
            raise
    assert refused is None or (refused.code, refused.message[-1]) == ("ValidationException", ".")


@pytest.mark.parametrize("value", [[], {}, [[]], [{}], 1, 1.5, True, "", None, {"Get": []}])
def test_no_value_in_any_place_is_stumbled_over(value):
    for *above, last in list(places(WHOLE))[1:]:
        whole = copy.deepcopy(WHOLE)
        place = whole
        for part in above:
            place = place[part]
        place[last] = value
        with contextlib.suppress(AwsError):
            Definition(json.dumps(whole))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("p30d", 2_592_000), ("P4DT12H", 388_800), ("T12H", 43_200), ("PT1.5S", 1.5)],
)
def test_durations(text, seconds):
    assert durations.parse(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "P", "T", "PT", "12H", "P1H", "P-1D", "1"])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="ISO 8601"):
        durations.parse(text)


def test_paths():
    document = {"a": [{"OutputName": "x", "b": {"c.d": 1}}]}
    for path in ("a[0].b['c.d']", "a['x'].b[\"c.d\"]", "$.a['x'].b['c.d']"):
        assert paths.look_up(document, paths.parse(path)) == 1
    for path in ("a[1]", "a['y']", "b", "a.b"):
        with pytest.raises(LookupError):
            paths.look_up(document, paths.parse(path))
    for path in ("a[", "a[x]", "a..b", "'"):
        with pytest.raises(ValueError, match="no path"):
            paths.parse(path)


def test_no_sdk_is_imported():
    code = (
        "import sys, harness.local.pipelines.provider, harness.local.pipelines.executions; "
        "print([each for each in sys.modules if each.startswith(('sagemaker', 'moto'))])"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert shown.stdout.strip() == "[]"
