"""Experiments, trials and trial components: made, changed, listed, associated and deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.clients import failure

ARN = "arn:aws:sagemaker:us-east-1:123456789012"


@pytest.fixture
def experiment(aws, new):
    name = new("experiment")
    aws.sagemaker.create_experiment(ExperimentName=name, Description="what", DisplayName="Shown")
    return name


@pytest.fixture
def trial(aws, new, experiment):
    name = new("trial")
    aws.sagemaker.create_trial(
        ExperimentName=experiment, TrialName=name, MetadataProperties={"CommitId": "c0ffee"}
    )
    return name


@pytest.fixture
def component(aws, new):
    name = new("component")
    aws.sagemaker.create_trial_component(TrialComponentName=name)
    return name


def test_what_they_are_made_of_is_shown_and_changed(aws, experiment, trial):
    found = aws.sagemaker.describe_experiment(ExperimentName=experiment)
    assert found["ExperimentArn"] == f"{ARN}:experiment/{experiment}"
    assert (found["DisplayName"], found["Description"]) == ("Shown", "what")
    aws.sagemaker.update_experiment(ExperimentName=experiment, Description="")
    changed = aws.sagemaker.describe_experiment(ExperimentName=experiment)
    assert (changed["DisplayName"], changed["Description"]) == ("Shown", "")
    assert changed["LastModifiedTime"] > changed["CreationTime"] == found["CreationTime"]

    found = aws.sagemaker.describe_trial(TrialName=trial)
    assert found["TrialArn"] == f"{ARN}:experiment-trial/{trial}"
    assert (found["ExperimentName"], found["DisplayName"]) == (experiment, trial)
    assert found["MetadataProperties"] == {"CommitId": "c0ffee"}
    aws.sagemaker.update_trial(TrialName=trial, DisplayName="Renamed")
    assert aws.sagemaker.describe_trial(TrialName=trial)["DisplayName"] == "Renamed"


def test_a_component_keeps_what_it_is_given(aws, new):
    name = new("component")
    start = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    given = {
        "Status": {"PrimaryStatus": "InProgress", "Message": "begun"},
        "StartTime": start,
        "Parameters": {"alpha": {"NumberValue": 1.5}, "how": {"StringValue": "fast"}},
        "InputArtifacts": {"data": {"Value": "s3://b/data", "MediaType": "text/csv"}},
    }
    made = aws.sagemaker.create_trial_component(TrialComponentName=name, **given)
    for each in (name, made["TrialComponentArn"], name.upper()):
        found = aws.sagemaker.describe_trial_component(TrialComponentName=each)
        assert {member: found[member] for member in given} == given
    aws.sagemaker.update_trial_component(
        TrialComponentName=name,
        Status={"PrimaryStatus": "Completed"},
        EndTime=start + timedelta(seconds=1),
        Parameters={"beta": {"NumberValue": 2}},
        ParametersToRemove=["how", "none"],
        OutputArtifacts={"model": {"Value": "s3://b/model"}},
    )
    found = aws.sagemaker.describe_trial_component(TrialComponentName=name)
    assert found["Status"] == {"PrimaryStatus": "Completed"}
    assert found["Parameters"] == {"alpha": {"NumberValue": 1.5}, "beta": {"NumberValue": 2.0}}
    assert found["EndTime"] - found["StartTime"] == timedelta(seconds=1)
    assert found["OutputArtifacts"] == {"model": {"Value": "s3://b/model"}}


def test_a_component_has_only_so_many_parameters(aws, component):
    def parameters(first, last):
        return {f"p{number}": {"NumberValue": number} for number in range(first, last)}

    aws.sagemaker.update_trial_component(
        TrialComponentName=component, Parameters=parameters(0, 300)
    )
    status, code, text = failure(
        aws.sagemaker.update_trial_component,
        TrialComponentName=component,
        Parameters=parameters(299, 301),
    )
    assert (status, code) == (400, "ValidationException")
    assert text.endswith("can have 300 of them at most.")
    found = aws.sagemaker.describe_trial_component(TrialComponentName=component)
    assert len(found["Parameters"]) == 300


def test_names_are_taken_once_whatever_their_letters(aws, experiment, trial, component):
    for call, given, kind in (
        (aws.sagemaker.create_experiment, {"ExperimentName": experiment.upper()}, "Experiment"),
        (
            aws.sagemaker.create_trial,
            {"ExperimentName": experiment, "TrialName": trial.upper()},
            "Trial",
        ),
        (
            aws.sagemaker.create_trial_component,
            {"TrialComponentName": component.upper()},
            "Trial component",
        ),
    ):
        name = list(given.values())[-1]
        assert failure(call, **given) == (
            400,
            "ValidationException",
            (
                f"{kind} names must be unique within an AWS account and region. {kind} with name "
                f"({name}) already exists."
            ),
        )


def test_components_are_in_trials_until_they_are_taken_out(aws, experiment, trial, component):
    both = {"TrialName": trial, "TrialComponentName": component}
    for _ in range(2):  # once more does nothing
        answer = aws.sagemaker.associate_trial_component(**both)
    assert answer["TrialArn"] == f"{ARN}:experiment-trial/{trial}"
    assert answer["TrialComponentArn"] == f"{ARN}:experiment-trial-component/{component}"
    for filters in ({"TrialName": trial}, {"ExperimentName": experiment}):
        found = aws.sagemaker.list_trial_components(**filters)["TrialComponentSummaries"]
        assert [each["TrialComponentName"] for each in found] == [component]
    found = aws.sagemaker.list_trials(TrialComponentName=component)["TrialSummaries"]
    assert [each["TrialName"] for each in found] == [trial]

    for call, given, what in (
        (aws.sagemaker.delete_trial_component, {"TrialComponentName": component},
         (f"TrialComponent '{ARN}:experiment-trial-component/{component}' is linked to 1 or more "
         "trials and cannot be deleted.")),
        (aws.sagemaker.delete_trial, {"TrialName": trial},
         (f"Trial '{ARN}:experiment-trial/{trial}' is linked to 1 or more trial components and "
         "cannot be deleted.")),
        (aws.sagemaker.delete_experiment, {"ExperimentName": experiment},
         (f"Experiment '{ARN}:experiment/{experiment}' is linked to 1 or more trials and cannot be "
         "deleted.")),
    ):  # fmt: skip
        assert failure(call, **given) == (400, "ValidationException", what)

    aws.sagemaker.disassociate_trial_component(**both)
    assert aws.sagemaker.list_trial_components(TrialName=trial)["TrialComponentSummaries"] == []
    aws.sagemaker.delete_trial_component(TrialComponentName=component)
    aws.sagemaker.delete_trial(TrialName=trial)
    aws.sagemaker.delete_experiment(ExperimentName=experiment)
    assert failure(aws.sagemaker.describe_experiment, ExperimentName=experiment) == (
        400,
        "ResourceNotFound",
        f"Experiment '{ARN}:experiment/{experiment}' does not exist.",
    )


def test_what_is_not_there(aws, trial, component):
    sagemaker = aws.sagemaker
    for call, given, what in (
        (sagemaker.create_trial, {"TrialName": "t", "ExperimentName": "none"}, "Experiment"),
        (sagemaker.list_trials, {"ExperimentName": "none"}, "Experiment"),
        (sagemaker.list_trial_components, {"ExperimentName": "none"}, "Experiment"),
        (sagemaker.list_trial_components, {"TrialName": "none"}, "Trial"),
        (sagemaker.update_experiment, {"ExperimentName": "none"}, "Experiment"),
        (sagemaker.delete_experiment, {"ExperimentName": "none"}, "Experiment"),
        (sagemaker.describe_trial, {"TrialName": "none"}, "Trial"),
        (sagemaker.delete_trial, {"TrialName": "none"}, "Trial"),
        (sagemaker.describe_trial_component, {"TrialComponentName": "none"}, "Trial component"),
        (sagemaker.update_trial_component, {"TrialComponentName": "none"}, "Trial component"),
        (sagemaker.delete_trial_component, {"TrialComponentName": "none"}, "Trial component"),
        (sagemaker.associate_trial_component,
         {"TrialName": trial, "TrialComponentName": "none"}, "Trial component"),
        (sagemaker.disassociate_trial_component,
         {"TrialName": "none", "TrialComponentName": component}, "Trial"),
    ):  # fmt: skip
        status, code, text = failure(call, **given)
        assert (status, code) == (400, "ResourceNotFound"), call
        assert text.startswith(f"{what} 'arn:")
        assert text.endswith("/none' does not exist.")
    elsewhere = aws.session.client("sagemaker", region_name="eu-west-1")
    arn = f"{ARN}:experiment-trial-component/{component}"
    assert failure(elsewhere.describe_trial_component, TrialComponentName=arn)[1] == (
        "ResourceNotFound"
    )


def test_lists_are_in_order_filtered_and_paged(aws, new):
    experiment = new("experiment")
    aws.sagemaker.create_experiment(ExperimentName=experiment)
    names = [f"{experiment}-{letter}" for letter in "bac"]
    for each in names:
        aws.sagemaker.create_trial(ExperimentName=experiment, TrialName=each)

    def listed(**members):
        pages = aws.sagemaker.get_paginator("list_trials").paginate(
            ExperimentName=experiment, PaginationConfig={"PageSize": 2}, **members
        )
        found = [[each["TrialName"] for each in page["TrialSummaries"]] for page in pages]
        assert all(len(page) <= 2 for page in found)
        return [name for page in found for name in page]

    assert listed() == names[::-1]  # the newest first
    assert listed(SortOrder="Ascending") == names
    assert listed(SortBy="Name", SortOrder="Ascending") == sorted(names)
    middle = aws.sagemaker.describe_trial(TrialName=names[1])["CreationTime"]
    later = middle + timedelta(milliseconds=1)
    assert set(listed(CreatedAfter=later)) | {names[2]} == {names[2]}
    assert names[0] in listed(CreatedBefore=later)
    assert failure(aws.sagemaker.list_trials, NextToken="none")[1] == "ValidationException"


def test_components_are_filtered_by_one_thing_at_a_time(aws, experiment, trial):
    assert failure(
        aws.sagemaker.list_trial_components, ExperimentName=experiment, TrialName=trial
    ) == (
        400,
        "ValidationException",
        (
            "Trial components can be filtered by only one of ExperimentName, SourceArn, TrialName; "
            "ExperimentName and TrialName are given."
        ),
    )


def test_tags(aws, new):
    name, tags = new("experiment"), [{"Key": "team", "Value": "blue"}]
    arn = aws.sagemaker.create_experiment(ExperimentName=name, Tags=tags)["ExperimentArn"]
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
    tagging = aws.session.client("resourcegroupstaggingapi")
    found = tagging.get_resources(TagFilters=[{"Key": "team", "Values": ["blue"]}])
    assert arn in [each["ResourceARN"] for each in found["ResourceTagMappingList"]]
    aws.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == []
