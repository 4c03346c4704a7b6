"""Executions of pipelines whose steps need no container."""

from __future__ import annotations

import time

import pytest

from harness.local.core.backend import Backend
from harness.local.pipelines.definition.document import Definition
from harness.local.pipelines.execution import Started
from harness.local.pipelines.pipeline import Pipeline
from harness.local.protocol.messages import RequestContext
from tests.clients import refusal
from tests.unit.local.pipelines.conftest import ROLE, condition, definition, fail

JOIN = {"Std:Join": {"On": ": ", "Values": ["it is", {"Get": "Steps.Cond.Outcome"}]}}
NUMBER = {"Name": "Number", "Type": "Integer", "DefaultValue": 2}


def callback(name, queue, *outputs, **members):
    listed = [{"OutputName": each, "OutputType": type_} for each, type_ in outputs]
    return {"Name": name, "Type": "Callback", "SqsQueueUrl": queue, "OutputParameters": listed,
            "Arguments": {"name": {"Get": "Execution.PipelineName"}}, **members}  # fmt: skip


class TestConditions:
    def test_a_branch_is_taken_and_the_other_is_not(self, pipelines):
        step = condition("Cond", {"Get": "Parameters.Number"}, 2, [condition("Yes")], [fail("No")])
        arn = pipelines.run(definition(step, parameters=[NUMBER]))
        steps = pipelines.steps(arn)
        assert list(steps) == ["Cond", "Yes"]
        assert steps["Cond"]["Metadata"] == {"Condition": {"Outcome": "True"}}
        assert {each["StepStatus"] for each in steps.values()} == {"Succeeded"}
        described = pipelines.describe(arn)
        assert described["PipelineExecutionStatus"] == "Succeeded"
        assert "FailureReason" not in described

    def test_parameters_change_the_branch_and_a_fail_step_fails_it(self, pipelines):
        step = condition("Cond", {"Get": "Parameters.Number"}, 2, [], [fail("No", JOIN)])
        text = definition(step, parameters=[NUMBER])
        given = [{"Name": "Number", "Value": "3"}]
        arn = pipelines.run(text, PipelineParameters=given)
        failed = pipelines.steps(arn)["No"]
        assert failed["StepStatus"] == "Failed"
        assert failed["FailureReason"] == "it is: false"
        assert failed["Metadata"] == {"Fail": {"ErrorMessage": "it is: false"}}
        described = pipelines.describe(arn)
        assert described["PipelineExecutionStatus"] == "Failed"
        assert described["FailureReason"] == "Step failure: One or multiple steps failed."
        listed = pipelines.sagemaker.list_pipeline_parameters_for_execution(
            PipelineExecutionArn=arn
        )
        assert listed["PipelineParameters"] == given

    def test_what_is_behind_a_branch_that_is_not_taken_is_not_started(self, pipelines):
        steps = [
            condition("Cond", 1, 2, [condition("Yes")], [condition("Else")]),
            condition("Behind", DependsOn=["Yes"]),
            condition("Other", DependsOn=["Else"]),
        ]
        arn = pipelines.run(definition(*steps))
        assert list(pipelines.steps(arn)) == ["Cond", "Else", "Other"]
        assert pipelines.end(arn) == "Succeeded"

    def test_values_of_two_kinds_cannot_be_compared(self, pipelines):
        step = condition("Cond")
        step["Arguments"]["Conditions"] = [{"Type": "LessThan", "LeftValue": "1", "RightValue": 2}]
        arn = pipelines.run(definition(step))
        found = pipelines.steps(arn)["Cond"]
        assert found["FailureReason"] == (
            "ClientError: LessThan can't compare '1' (text) with 2 (number)."
        )

    @pytest.mark.parametrize(
        ("given", "outcome"),
        [
            ({"Type": "In", "QueryValue": 1, "Values": [2, 1]}, "True"),
            ({"Type": "In", "QueryValue": True, "Values": [1]}, "False"),
            ({"Type": "GreaterThanOrEqualTo", "LeftValue": 2.5, "RightValue": 2}, "True"),
            ({"Type": "LessThanOrEqualTo", "LeftValue": 2.5, "RightValue": 2}, "False"),
            ({"Type": "Not", "Condition": {"Type": "Or", "Conditions": []}}, "True"),
            ({"Type": "Or", "Conditions": [
                {"Type": "GreaterThan", "LeftValue": 1, "RightValue": 2},
                {"Type": "Equals", "LeftValue": "a", "RightValue": "a"}]}, "True"),
        ],
    )  # fmt: skip
    def test_each_kind(self, pipelines, given, outcome):
        step = condition("Cond")
        step["Arguments"]["Conditions"] = [given]
        arn = pipelines.run(definition(step))
        assert pipelines.steps(arn)["Cond"]["Metadata"]["Condition"]["Outcome"] == outcome


class TestCallbacks:
    def test_an_answer_ends_the_step_and_its_outputs_are_used(self, pipelines):
        queue = pipelines.queue()
        used = {"Get": "Steps.Ask.OutputParameters['n']"}
        steps = [callback("Ask", queue, ("n", "Integer")), condition("Cond", used, 7)]
        name = pipelines.create(definition(*steps))
        arn = pipelines.start(name)
        message = pipelines.message(queue)
        assert message == {
            "token": message["token"],
            "pipelineExecutionArn": arn,
            "arguments": {"name": name},
            "status": "Executing",
        }
        asked = pipelines.steps(arn)["Ask"]
        assert asked["StepStatus"] == "Executing"
        assert asked["Metadata"]["Callback"]["CallbackToken"] == message["token"]
        send = pipelines.sagemaker.send_pipeline_execution_step_success
        token = {"CallbackToken": message["token"]}
        assert refusal(send, OutputParameters=[{"Name": "n", "Value": "x"}], **token) == (
            "OutputParameters: 'x' is not of type Integer, which output 'n' has."
        )
        outputs = [{"Name": "n", "Value": "7"}]
        again = {"ClientRequestToken": "t" * 32, **token, "OutputParameters": outputs}
        assert send(**again)["PipelineExecutionArn"] == arn
        assert pipelines.end(arn) == "Succeeded"
        assert send(**again)["PipelineExecutionArn"] == arn
        found = pipelines.steps(arn)
        assert found["Ask"]["Metadata"]["Callback"]["OutputParameters"] == outputs
        assert found["Cond"]["Metadata"]["Condition"]["Outcome"] == "True"
        assert refusal(send, "ResourceNotFound", CallbackToken="none000000")

    def test_a_failure_is_told_and_only_that_step_is_run_again(self, pipelines):
        queue = pipelines.queue()
        steps = [condition("First"), callback("Ask", queue, DependsOn=["First"]),
                 condition("Behind", DependsOn=["Ask"])]  # fmt: skip
        arn = pipelines.start(pipelines.create(definition(*steps)))
        token = pipelines.message(queue)["token"]
        pipelines.sagemaker.send_pipeline_execution_step_failure(
            CallbackToken=token, FailureReason="not today"
        )
        assert pipelines.end(arn) == "Failed"
        found = pipelines.steps(arn)
        assert list(found) == ["First", "Ask"]
        assert found["Ask"]["FailureReason"] == "ClientError: not today"
        pipelines.sagemaker.retry_pipeline_execution(PipelineExecutionArn=arn)
        token = pipelines.message(queue)["token"]
        again = pipelines.steps(arn)
        assert again["First"]["StartTime"] == found["First"]["StartTime"]
        pipelines.sagemaker.send_pipeline_execution_step_success(CallbackToken=token)
        assert pipelines.end(arn) == "Succeeded"
        assert list(pipelines.steps(arn)) == ["First", "Ask", "Behind"]
        assert "Only pipelines with 'Failed' or 'Stopped' status can be retried." in refusal(
            pipelines.sagemaker.retry_pipeline_execution, PipelineExecutionArn=arn
        )

    def test_stop_waits_for_an_answer(self, pipelines):
        queue = pipelines.queue()
        steps = [callback("Ask", queue), condition("Behind", DependsOn=["Ask"])]
        name = pipelines.create(definition(*steps))
        arn = pipelines.start(name)
        pipelines.message(queue)
        assert "stop them before" in refusal(
            pipelines.sagemaker.delete_pipeline, "ConflictException", PipelineName=name
        )
        pipelines.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
        message = pipelines.message(queue)
        assert message["status"] == "Stopping"
        assert pipelines.describe(arn)["PipelineExecutionStatus"] == "Stopping"
        pipelines.sagemaker.send_pipeline_execution_step_success(CallbackToken=message["token"])
        assert pipelines.end(arn) == "Stopped"
        assert pipelines.steps(arn)["Ask"]["StepStatus"] == "Stopped"
        # The words that Airflow's StopPipelineOperator looks for.
        assert "Only pipelines with 'Executing' status can be stopped" in refusal(
            pipelines.sagemaker.stop_pipeline_execution, PipelineExecutionArn=arn
        )
        pipelines.sagemaker.delete_pipeline(PipelineName=name)
        assert refusal(
            pipelines.sagemaker.describe_pipeline_execution,
            "ResourceNotFound",
            PipelineExecutionArn=arn,
        )

    def test_as_many_run_at_once_as_may(self, pipelines):
        queue = pipelines.queue()
        names = ["A", "B", "C"]
        name = pipelines.create(definition(*(callback(each, queue) for each in names)))
        arn = pipelines.start(name, ParallelismConfiguration={"MaxParallelExecutionSteps": 1})
        first = pipelines.message(queue)
        assert len(pipelines.steps(arn)) == 1
        pipelines.sagemaker.update_pipeline_execution(
            PipelineExecutionArn=arn, ParallelismConfiguration={"MaxParallelExecutionSteps": 3}
        )
        others = [pipelines.message(queue), pipelines.message(queue)]
        assert len(pipelines.steps(arn)) == 3
        for message in (first, *others):
            pipelines.sagemaker.send_pipeline_execution_step_success(CallbackToken=message["token"])
        assert pipelines.end(arn) == "Succeeded"

    def test_the_cache_has_the_outputs_until_it_expires(self, pipelines):
        queue = pipelines.queue()

        def text(expires):
            cache = {"CacheConfig": {"Enabled": True, "ExpireAfter": expires}}
            return definition(callback("Ask", queue, ("n", "String"), **cache,
                                       Arguments={"x": {"Get": "Parameters.Number"}}),
                              parameters=[NUMBER])  # fmt: skip

        name = pipelines.create(text("PT1H"))
        first = pipelines.start(name)
        outputs = [{"Name": "n", "Value": "seven"}]

        def answer():
            pipelines.sagemaker.send_pipeline_execution_step_success(
                CallbackToken=pipelines.message(queue)["token"], OutputParameters=outputs
            )

        answer()
        assert pipelines.end(first) == "Succeeded"
        second = pipelines.start(name)
        assert pipelines.end(second) == "Succeeded"
        step = pipelines.steps(second)["Ask"]
        assert step["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
        assert step["Metadata"]["Callback"]["OutputParameters"] == outputs
        assert "CacheHitResult" not in pipelines.steps(first)["Ask"]
        # Other arguments, and one that has expired: nobody answers these, they are asked again.
        third = pipelines.start(name, PipelineParameters=[{"Name": "Number", "Value": "5"}])
        answer()
        assert pipelines.end(third) == "Succeeded"
        assert "CacheHitResult" not in pipelines.steps(third)["Ask"]
        pipelines.sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=text("PT0.01S"))
        time.sleep(0.02)  # what expires
        fourth = pipelines.start(name)
        answer()
        assert pipelines.end(fourth) == "Succeeded"
        assert "CacheHitResult" not in pipelines.steps(fourth)["Ask"]

    def test_a_queue_that_is_not_there_fails_the_step(self, pipelines):
        arn = pipelines.run(definition(callback("Ask", "http://localhost/123456789012/none")))
        reason = pipelines.steps(arn)["Ask"]["FailureReason"]
        assert reason.startswith("ClientError: Failed to invoke sqs:SendMessage. Error Details: ")


class TestSelectiveExecution:
    @pytest.fixture
    def name(self, pipelines):
        steps = [
            condition("A"),
            condition("B", DependsOn=["A"]),
            condition("C", {"Get": "Steps.B.Outcome"}, "True", DependsOn=["B"]),
        ]
        return pipelines.create(definition(*steps))

    def config(self, *names, **members):
        return {"SelectiveExecutionConfig": {
            "SelectedSteps": [{"StepName": each} for each in names], **members}}  # fmt: skip

    def test_the_rest_is_taken_from_another_execution(self, pipelines, name):
        source = pipelines.start(name)
        assert pipelines.end(source) == "Succeeded"
        arn = pipelines.start(name, **self.config("C", SourcePipelineExecutionArn=source))
        assert pipelines.end(arn) == "Succeeded"
        steps = pipelines.steps(arn)
        assert set(steps) == {"B", "C"}
        assert steps["B"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": source}
        assert "SelectiveExecutionResult" not in steps["C"]
        assert pipelines.describe(arn)["SelectiveExecutionConfig"]["SelectedSteps"] == [
            {"StepName": "C"}
        ]

    def test_steps_in_front_need_no_source(self, pipelines, name):
        arn = pipelines.start(name, **self.config("A"))
        assert pipelines.end(arn) == "Succeeded"
        assert list(pipelines.steps(arn)) == ["A"]

    def test_refusals(self, pipelines, name):
        start = pipelines.sagemaker.start_pipeline_execution
        for names, words in (
            (["C"], "SourcePipelineExecutionArn must be given"),
            (["None"], "there is no step 'None'"),
            (["A", "C"], "step 'B' is between selected steps"),
        ):
            assert words in refusal(start, PipelineName=name, **self.config(*names))
        missing = f"arn:aws:sagemaker:us-east-1:123456789012:pipeline/{name}/execution/none"
        assert refusal(
            start, "ResourceNotFound", PipelineName=name,
            **self.config("C", SourcePipelineExecutionArn=missing),
        )  # fmt: skip


class TestOperations:
    def test_a_pipeline_its_versions_and_aliases(self, pipelines, aws, new):
        client, name = pipelines.sagemaker, new("pipeline")
        first, second = definition(condition("A")), definition(condition("B"))
        token = {"ClientRequestToken": "c" * 32}
        tags = [{"Key": "team", "Value": "a"}]
        request = {
            "PipelineName": name, "RoleArn": ROLE, "PipelineDefinition": first, "Tags": tags,
            **token,
        }  # fmt: skip
        arn = client.create_pipeline(**request)["PipelineArn"]
        assert client.create_pipeline(**request)["PipelineArn"] == arn
        assert f"Pipeline with name ({name}) already exists." in refusal(
            client.create_pipeline, **{**request, "ClientRequestToken": "d" * 32}
        )
        assert client.list_tags(ResourceArn=arn)["Tags"] == tags
        aws.s3.put_object(Bucket=aws.bucket, Key="definition.json", Body=second)
        updated = client.update_pipeline(
            PipelineName=name, PipelineVersionAliases=["prod"], PipelineDescription="new",
            PipelineDefinitionS3Location={"Bucket": aws.bucket, "ObjectKey": "definition.json"},
        )  # fmt: skip
        assert updated["PipelineVersionId"] == 2
        assert client.update_pipeline(PipelineName=arn.rpartition("/")[2])["PipelineVersionId"] == 2
        described = client.describe_pipeline(PipelineName=arn)
        assert described["PipelineDefinition"] == second
        assert described["PipelineStatus"] == "Active"
        assert described["PipelineDescription"] == "new"
        old = client.describe_pipeline(PipelineName=name, PipelineVersionId=1)
        assert old["PipelineDefinition"] == first
        versions = client.list_pipeline_versions(PipelineName=name)["PipelineVersionSummaries"]
        assert [each["PipelineVersionId"] for each in versions] == [2, 1]
        one = client.list_pipeline_versions(PipelineName=name, MaxResults=1)
        assert [each["PipelineVersionId"] for each in one["PipelineVersionSummaries"]] == [2]
        assert one["NextToken"]
        client.update_pipeline_version(
            PipelineArn=arn, PipelineVersionId=2,
            PipelineVersionAliasOperations={"Remove": ["prod"], "Add": ["next"]},
        )  # fmt: skip
        execution = pipelines.start(name, PipelineVersionId=1)
        assert pipelines.end(execution) == "Succeeded"
        assert list(pipelines.steps(execution)) == ["A"]
        assert (
            client.describe_pipeline_definition_for_execution(PipelineExecutionArn=execution)[
                "PipelineDefinition"
            ]
            == first
        )
        latest = pipelines.start(name, PipelineVersionAlias="next")
        pipelines.end(latest)
        listed = client.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]
        assert [each["PipelineExecutionArn"] for each in listed] == [latest, execution]
        aliased = client.list_pipeline_executions(PipelineName=name, PipelineVersionAlias="next")
        assert [each["PipelineExecutionArn"] for each in aliased["PipelineExecutionSummaries"]] == [
            latest
        ]
        found = client.list_pipelines(PipelineNamePrefix=name)["PipelineSummaries"]
        assert [each["PipelineName"] for each in found] == [name]
        assert "LastExecutionTime" in found[0]

    def test_a_token_starts_one_execution(self, pipelines):
        name = pipelines.create(definition(condition("A")))
        token = {"ClientRequestToken": "s" * 32}
        arn = pipelines.start(name, **token)
        assert pipelines.start(name, **token) == arn
        assert refusal(
            pipelines.sagemaker.start_pipeline_execution, "ConflictException",
            PipelineName=name, PipelineExecutionDescription="other", **token,
        )  # fmt: skip
        pipelines.end(arn)

    def test_pages_of_steps(self, pipelines):
        arn = pipelines.run(definition(*(condition(each) for each in "ABC")))
        asked = {"PipelineExecutionArn": arn, "MaxResults": 2}
        first = pipelines.sagemaker.list_pipeline_execution_steps(**asked)
        rest = pipelines.sagemaker.list_pipeline_execution_steps(
            **asked, NextToken=first["NextToken"]
        )
        names = [each["StepName"] for found in (first, rest)
                 for each in found["PipelineExecutionSteps"]]  # fmt: skip
        assert names == ["C", "B", "A"]  # the latest first
        assert "NextToken" not in rest

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ([{"Name": "None", "Value": "1"}], "Unknown parameter [None]"),
            ([{"Name": "Number", "Value": "x"}], "'x' is not of type Integer"),
            ([{"Name": "Choice", "Value": "c"}], "must be one of [a, b]"),
            ([{"Name": "Choice", "Value": "a"}] * 2, "more than once"),
            ([], "Parameter(s) [Choice] do not have default values"),
        ],
    )
    def test_parameters_are_checked(self, pipelines, given, words):
        choice = {"Name": "Choice", "Type": "String", "EnumValues": ["a", "b"]}
        name = pipelines.create(definition(condition("A"), parameters=[NUMBER, choice]))
        start = pipelines.sagemaker.start_pipeline_execution
        assert words in refusal(start, PipelineName=name, PipelineParameters=given)

    def test_an_experiment_and_a_trial_are_made(self, pipelines):
        config = {"ExperimentName": {"Get": "Execution.PipelineName"},
                  "TrialName": {"Get": "Execution.PipelineExecutionId"}}  # fmt: skip
        name = pipelines.create(definition(condition("A"), PipelineExperimentConfig=config))
        for _ in range(2):
            arn = pipelines.start(name)
            assert pipelines.end(arn) == "Succeeded"
            made = pipelines.describe(arn)["PipelineExperimentConfig"]
            assert made == {"ExperimentName": name, "TrialName": arn.rpartition("/")[2]}
            trial = pipelines.sagemaker.describe_trial(TrialName=made["TrialName"])
            assert trial["ExperimentName"] == name


def test_one_that_has_ended_is_not_stopped():
    backend = Backend(str, "us-east-1", "123456789012")
    context = RequestContext("sagemaker", "CreatePipeline", "us-east-1", "123456789012", "")
    whole = Definition(definition(condition("A")))
    pipeline = Pipeline(backend, context, {"PipelineName": "p", "RoleArn": ROLE}, whole)
    execution = pipeline.new_execution(whole, Started("a", 1, []))
    execution.run()
    assert not execution.stop()
    assert execution.status == "Succeeded"


def test_steps_that_register_at_once_make_their_group_once(aws, pipelines, new):
    group = new("group")
    arguments = {
        "ModelPackageGroupName": group,
        "InferenceSpecification": {
            "Containers": [{"Image": "image:1"}], "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"]},
    }  # fmt: skip
    steps = [{"Name": f"R{n}", "Type": "RegisterModel", "Arguments": arguments} for n in range(12)]
    arn = pipelines.run(definition(*steps))
    assert {each.get("FailureReason") for each in pipelines.steps(arn).values()} == {None}
    listed = aws.sagemaker.list_model_packages(ModelPackageGroupName=group)
    assert len(listed["ModelPackageSummaryList"]) == 12


def test_a_prefix_may_be_a_reference(aws, pipelines, new):
    prefix = new("prefix")
    arguments = {
        "ModelName": {"Get": "Parameters.Prefix"}, "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {"Image": "image:1"},
    }  # fmt: skip
    parameter = {"Name": "Prefix", "Type": "String", "DefaultValue": prefix}
    step = {"Name": "Model", "Type": "Model", "Arguments": arguments}
    arn = pipelines.run(definition(step, parameters=[parameter]))
    model = pipelines.steps(arn)["Model"]["Metadata"]["Model"]["Arn"].rpartition("/")[2]
    assert model.startswith(f"{prefix}-{arn.rpartition('/')[2]}-")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a": 1}', "1"),
        (b'{"b": "%s", "a": 2}' % (b"x" * 1_500_000), "2"),
        (b'{"b": "%s", "a": 2}' % (b"x" * 3_000_000),
         "ClientError: The JSON file {uri} has more than 2097152 bytes."),
        (b'{"a": NaN}',
         "ClientError: The file {uri} is no JSON: NaN is no number of JSON's."),
        (b'{"a": 1e999}',
         "ClientError: The file {uri} is no JSON: 1e999 is no number of JSON's."),
        (b"", "ClientError: The file {uri} is no JSON: Expecting value: line 1 column 1 (char 0)."),
        (b'{"b": 1}', "ClientError: Unable to find a in {uri}: there is no 'a'."),
    ],
)  # fmt: skip
def test_a_value_of_a_file(aws, pipelines, new, content, reason):
    uri = f"s3://{aws.bucket}/{new('file')}"
    aws.s3.put_object(Bucket=aws.bucket, Key=uri.rpartition("/")[2], Body=content)
    step = fail("No", {"Std:JsonGet": {"S3Uri": uri, "Path": "a"}})
    arn = pipelines.run(definition(step))
    assert pipelines.steps(arn)["No"]["FailureReason"] == reason.format(uri=uri)
