"""What some kinds of record do that others don't."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.local.core.backend import Backend
from harness.local.protocol.errors import AwsError
from harness.local.protocol.messages import RequestContext
from harness.local.records import shelf
from harness.local.records.provider import Records
from tests.clients import failure
from tests.unit.local.records.kinds_of_records import Lab

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
CONTEXT = RequestContext("sagemaker", "CreateHub", "us-east-1", "123456789012", "r")


@pytest.fixture(scope="module")
def lab(aws: Any) -> Lab:
    return Lab(aws.session)


@pytest.fixture
def sagemaker(aws: Any) -> Any:
    return aws.sagemaker


def test_a_notebook_instance_is_stopped_and_started(sagemaker, new):
    name = new("notebook")
    made = sagemaker.create_notebook_instance(
        NotebookInstanceName=name, InstanceType="ml.t3.medium", RoleArn=ROLE
    )
    arn = made["NotebookInstanceArn"]
    assert failure(sagemaker.delete_notebook_instance, NotebookInstanceName=name) == (
        400,
        "ValidationException",
        (
            "Status (InService) not in ([Stopped, Failed]). Unable to transition to (Deleting) for "
            f"Notebook Instance ({arn})"
        ),
    )
    found = sagemaker.describe_notebook_instance(NotebookInstanceName=name)
    assert found["NotebookInstanceStatus"] == "InService"
    assert "Url" not in found  # nothing runs that it could be of
    assert failure(sagemaker.start_notebook_instance, NotebookInstanceName=name)[0] == 400
    sagemaker.stop_notebook_instance(NotebookInstanceName=name)
    (listed,) = sagemaker.list_notebook_instances(NameContains=name, StatusEquals="Stopped")[
        "NotebookInstances"
    ]
    assert listed["NotebookInstanceArn"] == arn
    sagemaker.update_notebook_instance(NotebookInstanceName=name, InstanceType="ml.m5.xlarge")
    sagemaker.start_notebook_instance(NotebookInstanceName=name)
    found = sagemaker.describe_notebook_instance(NotebookInstanceName=name)
    assert (found["NotebookInstanceStatus"], found["InstanceType"]) == ("InService", "ml.m5.xlarge")
    sagemaker.stop_notebook_instance(NotebookInstanceName=name)
    sagemaker.delete_notebook_instance(NotebookInstanceName=name)
    assert failure(sagemaker.describe_notebook_instance, NotebookInstanceName=name) == (
        400, "ValidationException", "RecordNotFound",
    )  # fmt: skip


def test_a_notebook_instance_s_configuration_can_be_left(sagemaker, new):
    name, config = new("notebook"), new("config")
    sagemaker.create_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName=config)
    sagemaker.create_notebook_instance(
        NotebookInstanceName=name, InstanceType="ml.t3.medium", RoleArn=ROLE,
        LifecycleConfigName=config, AdditionalCodeRepositories=["https://example.org/a.git"],
    )  # fmt: skip
    found = sagemaker.describe_notebook_instance(NotebookInstanceName=name)
    assert found["NotebookInstanceLifecycleConfigName"] == config
    (listed,) = sagemaker.list_notebook_instances(
        NotebookInstanceLifecycleConfigNameContains=config[1:]
    )["NotebookInstances"]
    assert listed["NotebookInstanceName"] == name
    sagemaker.stop_notebook_instance(NotebookInstanceName=name)
    sagemaker.update_notebook_instance(
        NotebookInstanceName=name, DisassociateLifecycleConfig=True,
        DisassociateAdditionalCodeRepositories=True,
    )  # fmt: skip
    found = sagemaker.describe_notebook_instance(NotebookInstanceName=name)
    assert "NotebookInstanceLifecycleConfigName" not in found
    assert "AdditionalCodeRepositories" not in found
    sagemaker.delete_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName=config)


def test_schedules_and_tracking_servers_are_stopped_and_started(lab):
    for noun, member in (("MonitoringSchedule", "MonitoringScheduleStatus"),
                         ("MlflowTrackingServer", "TrackingServerStatus")):  # fmt: skip
        made = lab.make(noun)
        lab.call(f"Stop{noun}", made.key)
        assert lab.described(made)[member] == "Stopped"
        lab.call(f"Start{noun}", made.key)
        assert lab.described(made)[member] in ("Scheduled", "Started")
    with pytest.raises(ClientError) as refused:
        lab.call("StartMlflowTrackingServer", made.key)
    assert refused.value.response["Error"]["Code"] == "ConflictException"


def test_a_schedule_that_runs_nothing_has_no_executions(lab):
    made = lab.make("MonitoringSchedule", whole=True)
    assert lab.call("ListMonitoringExecutions", made.key) == {"MonitoringExecutionSummaries": []}
    assert lab.call("ListMonitoringAlerts", made.key) == {"MonitoringAlertSummaries": []}
    with pytest.raises(ClientError, match="Could not find monitoring schedule"):
        lab.call("ListMonitoringAlerts", {"MonitoringScheduleName": "none"})
    with pytest.raises(ClientError, match="Invalid NextToken"):
        lab.call("ListMonitoringExecutions", {"NextToken": "none"})


def test_a_model_card_keeps_its_versions(sagemaker, new):
    name = new("card")
    sagemaker.create_model_card(ModelCardName=name, Content="{}", ModelCardStatus="Draft")
    sagemaker.update_model_card(ModelCardName=name, Content='{"a": 1}')
    made = sagemaker.update_model_card(ModelCardName=name, ModelCardStatus="Approved")
    for number, content, status in ((1, "{}", "Draft"), (2, '{"a": 1}', "Draft"),
                                    (3, '{"a": 1}', "Approved")):  # fmt: skip
        found = sagemaker.describe_model_card(ModelCardName=name, ModelCardVersion=number)
        assert (found["Content"], found["ModelCardStatus"]) == (content, status)
        assert found["ModelCardVersion"] == number
    newest = sagemaker.describe_model_card(ModelCardName=made["ModelCardArn"])
    assert newest["ModelCardVersion"] == 3
    versions = sagemaker.list_model_card_versions(
        ModelCardName=name, SortBy="Version", SortOrder="Descending", MaxResults=2
    )
    assert [each["ModelCardVersion"] for each in versions["ModelCardVersionSummaryList"]] == [3, 2]
    more = sagemaker.list_model_card_versions(
        ModelCardName=name, SortBy="Version", SortOrder="Descending", MaxResults=2,
        NextToken=versions["NextToken"],
    )  # fmt: skip
    assert [each["ModelCardVersion"] for each in more["ModelCardVersionSummaryList"]] == [1]
    drafts = sagemaker.list_model_card_versions(ModelCardName=name, ModelCardStatus="Draft")
    assert len(drafts["ModelCardVersionSummaryList"]) == 2
    assert failure(sagemaker.describe_model_card, ModelCardName=name, ModelCardVersion=9)[:2] == (
        400, "ResourceNotFound",
    )  # fmt: skip


def test_an_update_for_another_version_than_the_newest_is_refused(lab):
    made = lab.make("ComputeQuota")
    changed = {**made.key, "TargetVersion": 1, "Description": "changed"}
    assert lab.call("UpdateComputeQuota", changed)["ComputeQuotaVersion"] == 2
    with pytest.raises(ClientError) as refused:
        lab.call("UpdateComputeQuota", changed)
    assert refused.value.response["Error"]["Code"] == "ConflictException"
    first = lab.call("DescribeComputeQuota", {**made.key, "ComputeQuotaVersion": 1})
    assert "Description" not in first


def test_an_image_s_versions_are_counted_and_named(sagemaker, new):
    image = new("image")
    sagemaker.create_image(ImageName=image, RoleArn=ROLE)
    make = {"ImageName": image, "BaseImage": "image:1"}
    first = sagemaker.create_image_version(ClientToken="t1", Aliases=["one", "old"], **make)
    again = sagemaker.create_image_version(ClientToken="t1", Aliases=["one", "old"], **make)
    assert again["ImageVersionArn"] == first["ImageVersionArn"]
    sagemaker.create_image_version(ClientToken="t2", **make)
    assert sagemaker.describe_image_version(ImageName=image)["Version"] == 2
    assert sagemaker.describe_image_version(ImageName=image, Version=1)["Version"] == 1
    assert sagemaker.describe_image_version(ImageName=image, Alias="old")["Version"] == 1
    sagemaker.update_image_version(
        ImageName=image, Alias="old", AliasesToDelete=["old"], AliasesToAdd=["other", "one"],
        ReleaseNotes="notes",
    )  # fmt: skip
    aliases = sagemaker.list_aliases(ImageName=image)["SageMakerImageVersionAliases"]
    assert aliases == ["one", "other"]
    assert sagemaker.list_aliases(ImageName=image, Version=2)["SageMakerImageVersionAliases"] == []
    one = sagemaker.list_aliases(ImageName=image, MaxResults=1)
    two = sagemaker.list_aliases(ImageName=image, MaxResults=1, NextToken=one["NextToken"])
    both = one["SageMakerImageVersionAliases"] + two["SageMakerImageVersionAliases"]
    assert both == aliases
    found = sagemaker.describe_image_version(ImageName=image, Alias="other")
    assert found["ReleaseNotes"] == "notes"
    sagemaker.delete_image_version(ImageName=image, Version=2)
    made = sagemaker.create_image_version(ClientToken="t3", **make)
    assert made["ImageVersionArn"].endswith(f"{image}/3")  # no number comes again
    sagemaker.update_image(ImageName=image, Description="d", DisplayName="n")
    sagemaker.update_image(ImageName=image, DeleteProperties=["Description"])
    found = sagemaker.describe_image(ImageName=image)
    assert ("Description" in found, found["DisplayName"]) == (False, "n")


def test_a_hub_s_contents_have_versions(sagemaker, new):
    hub = new("hub")
    made = sagemaker.create_hub(HubName=hub, HubDescription="d")
    content = {"HubName": made["HubArn"], "HubContentType": "Model", "HubContentName": "m",
               "DocumentSchemaVersion": "1.0.0", "HubContentDocument": "{}"}  # fmt: skip
    sagemaker.import_hub_content(**content)
    sagemaker.import_hub_content(HubContentVersion="2.0.0", **content)
    sagemaker.import_hub_content(**{**content, "HubContentName": "n"})
    assert failure(sagemaker.import_hub_content, **content)[1] == "ResourceInUse"
    which = {"HubName": hub, "HubContentType": "Model"}
    listed = sagemaker.list_hub_contents(**which)["HubContentSummaries"]
    assert sorted((each["HubContentName"], each["HubContentVersion"]) for each in listed) == [
        ("m", "2.0.0"), ("n", "1.0.0"),
    ]  # fmt: skip
    listed = sagemaker.list_hub_content_versions(HubContentName="m", **which)["HubContentSummaries"]
    assert sorted(each["HubContentVersion"] for each in listed) == ["1.0.0", "2.0.0"]
    newest = sagemaker.describe_hub_content(HubContentName="m", **which)
    assert (newest["HubContentVersion"], newest["HubName"]) == ("2.0.0", hub)
    first = {"HubContentName": "m", "HubContentVersion": "1.0.0", **which}
    sagemaker.update_hub_content(HubContentDescription="first", **first)
    assert sagemaker.describe_hub_content(**first)["HubContentDescription"] == "first"
    assert "HubContentDescription" not in sagemaker.describe_hub_content(
        HubContentName="m", **which
    )


def test_a_cluster_has_no_nodes(sagemaker, new):
    name = new("cluster")
    group = {"InstanceGroupName": "a", "InstanceType": "ml.t3.medium", "InstanceCount": 2,
             "ExecutionRole": ROLE, "LifeCycleConfig": {"SourceS3Uri": "s3://b"}}  # fmt: skip
    made = sagemaker.create_cluster(ClusterName=name, InstanceGroups=[group])
    other = {**group, "InstanceGroupName": "b"}
    sagemaker.update_cluster(
        ClusterName=made["ClusterArn"], InstanceGroups=[{**group, "InstanceCount": 3}, other]
    )
    groups = sagemaker.describe_cluster(ClusterName=name)["InstanceGroups"]
    assert [(each["InstanceGroupName"], each["TargetCount"], each["CurrentCount"])
            for each in groups] == [("a", 3, 0), ("b", 2, 0)]  # fmt: skip
    sagemaker.update_cluster(ClusterName=name, InstanceGroupsToDelete=["a"])
    (left,) = sagemaker.describe_cluster(ClusterName=made["ClusterArn"])["InstanceGroups"]
    assert left["InstanceGroupName"] == "b"
    assert sagemaker.list_cluster_nodes(ClusterName=name)["ClusterNodeSummaries"] == []
    assert failure(sagemaker.list_cluster_nodes, ClusterName="none")[1] == "ResourceNotFound"
    assert failure(
        sagemaker.describe_cluster_node, ClusterName=name, NodeId="i-0123456789abcdef0"
    )[1] == "ResourceNotFound"  # fmt: skip


def test_a_feature_group_s_features_are_described(sagemaker, new):
    name = new("group")
    features = [{"FeatureName": "id", "FeatureType": "String"},
                {"FeatureName": "at", "FeatureType": "String"}]  # fmt: skip
    made = sagemaker.create_feature_group(
        FeatureGroupName=name, RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
        FeatureDefinitions=features, OnlineStoreConfig={"EnableOnlineStore": True}, RoleArn=ROLE,
    )  # fmt: skip
    more = {"FeatureName": "x", "FeatureType": "Fractional"}
    sagemaker.update_feature_group(
        FeatureGroupName=name, FeatureAdditions=[more],
        OnlineStoreConfig={"TtlDuration": {"Unit": "Days", "Value": 1}},
    )  # fmt: skip
    found = sagemaker.describe_feature_group(FeatureGroupName=made["FeatureGroupArn"])
    assert found["FeatureDefinitions"] == [*features, more]
    assert found["OnlineStoreConfig"] == {
        "EnableOnlineStore": True, "TtlDuration": {"Unit": "Days", "Value": 1},
    }  # fmt: skip
    sagemaker.update_feature_metadata(
        FeatureGroupName=name, FeatureName="x", Description="d",
        ParameterAdditions=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
    )  # fmt: skip
    sagemaker.update_feature_metadata(
        FeatureGroupName=name, FeatureName="x", ParameterRemovals=["a"]
    )
    feature = sagemaker.describe_feature_metadata(FeatureGroupName=name, FeatureName="x")
    assert (feature["FeatureType"], feature["Description"]) == ("Fractional", "d")
    assert feature["Parameters"] == [{"Key": "b", "Value": "2"}]
    assert failure(
        sagemaker.update_feature_metadata, FeatureGroupName=name, FeatureName="x",
        ParameterAdditions=[{"Value": "1"}],
    ) == (400, "ValidationException", "ParameterAdditions: each must have a Key.")  # fmt: skip
    assert failure(
        sagemaker.describe_feature_metadata, FeatureGroupName=name, FeatureName="none"
    )[1] == "ResourceNotFound"  # fmt: skip


def test_devices_are_registered_all_or_none(sagemaker, new):
    fleet = new("fleet")
    sagemaker.create_device_fleet(
        DeviceFleetName=fleet, OutputConfig={"S3OutputLocation": "s3://bucket/a"}
    )
    both = [{"DeviceName": "a"}, {"DeviceName": "b", "Description": "second"}]
    sagemaker.register_devices(DeviceFleetName=fleet, Devices=both)
    more = [{"DeviceName": "c"}, {"DeviceName": "a"}]
    assert failure(sagemaker.register_devices, DeviceFleetName=fleet, Devices=more)[0] == 400
    listed = sagemaker.list_devices(DeviceFleetName=fleet)["DeviceSummaries"]
    assert sorted(each["DeviceName"] for each in listed) == ["a", "b"]
    sagemaker.update_devices(
        DeviceFleetName=fleet, Devices=[{"DeviceName": "a", "Description": "first"}]
    )
    found = sagemaker.describe_device(DeviceFleetName=fleet, DeviceName="a")
    assert found["Description"] == "first"
    assert failure(sagemaker.delete_device_fleet, DeviceFleetName=fleet)[1] == "ResourceInUse"
    sagemaker.deregister_devices(DeviceFleetName=fleet, DeviceNames=["a", "b"])
    sagemaker.delete_device_fleet(DeviceFleetName=fleet)


def test_a_template_is_told_by_its_digest(sagemaker, new):
    name = new("ui")
    sagemaker.create_human_task_ui(HumanTaskUiName=name, UiTemplate={"Content": "<p>"})
    found = sagemaker.describe_human_task_ui(HumanTaskUiName=name)
    assert found["UiTemplate"] == {"ContentSha256": hashlib.sha256(b"<p>").hexdigest()}


def test_an_app_is_of_a_profile_or_a_space(lab):
    made = lab.make("App")
    request = {**made.request, "SpaceName": "a"}
    for each in (request, {k: v for k, v in made.request.items() if k != "UserProfileName"}):
        with pytest.raises(ClientError, match="Exactly one of UserProfileName, SpaceName"):
            lab.call("CreateApp", each)


def test_settings_of_a_domain_are_changed_one_by_one(sagemaker, new):
    made = sagemaker.create_domain(
        DomainName=new("domain"), AuthMode="IAM", SubnetIds=["subnet-1"], VpcId="vpc-1",
        DefaultUserSettings={"ExecutionRole": ROLE, "SecurityGroups": ["sg-1"]},
        DomainSettings={"ExecutionRoleIdentityConfig": "DISABLED"},
    )  # fmt: skip
    domain = {"DomainId": made["DomainId"]}
    sagemaker.update_domain(
        DefaultUserSettings={"SecurityGroups": ["sg-2"]},
        DomainSettingsForUpdate={"ExecutionRoleIdentityConfig": "USER_PROFILE_NAME"},
        **domain,
    )
    found = sagemaker.describe_domain(**domain)
    assert found["DefaultUserSettings"] == {"ExecutionRole": ROLE, "SecurityGroups": ["sg-2"]}
    assert found["DomainSettings"] == {"ExecutionRoleIdentityConfig": "USER_PROFILE_NAME"}
    assert "Url" not in found


def test_regions_and_accounts_do_not_see_each_other(aws, new):
    name = new("hub")
    aws.sagemaker.create_hub(HubName=name, HubDescription="d")
    other = aws.session.client("sagemaker", region_name="eu-west-1")
    assert failure(other.describe_hub, HubName=name)[1] == "ResourceNotFound"
    assert other.list_hubs()["HubSummaries"] == []
    other.create_hub(HubName=name, HubDescription="another")
    assert aws.sagemaker.describe_hub(HubName=name)["HubDescription"] == "d"


def hub(name: str) -> dict[str, Any]:
    return {"HubName": name, "HubDescription": "d" * 100}


@pytest.fixture
def records() -> Records:
    return Records(Backend(str, "us-east-1", "123456789012"))


def create(records: Records, name: str) -> None:
    handler = records.handler("CreateHub")
    assert handler is not None
    handler(CONTEXT, hub(name))


def test_there_are_so_many_records_at_most(records, monkeypatch):
    monkeypatch.setattr(shelf, "MAX_RECORDS", 2)
    create(records, "a")
    create(records, "b")
    with pytest.raises(AwsError, match="keeps 2 records of a kind"):
        create(records, "c")


def test_records_take_so_much_room_at_most(records, monkeypatch):
    monkeypatch.setattr(shelf, "MAX_BYTES", 500)
    create(records, "a")
    with pytest.raises(AwsError, match="have no room for this one"):
        create(records, "b")
    update = records.handler("UpdateHub")
    assert update is not None
    context = CONTEXT._replace(operation="UpdateHub")
    with pytest.raises(AwsError, match="ResourceLimitExceeded"):
        update(context, {"HubName": "a", "HubDescription": "x" * 1000})
    describe = records.handler("DescribeHub")
    assert describe is not None
    found = describe(CONTEXT._replace(operation="DescribeHub"), {"HubName": "a"})
    assert found["HubDescription"] == "d" * 100


def test_what_has_no_room_changes_nothing(records, monkeypatch):
    def call(operation, **request):
        handler = records.handler(operation)
        assert handler is not None
        handler(CONTEXT._replace(operation=operation), request)

    call("CreateHub", **hub("a"))
    call("CreateImage", ImageName="i", RoleArn="r")
    call("CreateDeviceFleet", DeviceFleetName="f", OutputConfig={"S3OutputLocation": "s3://b/a"})
    call("RegisterDevices", DeviceFleetName="f", Devices=[{"DeviceName": n} for n in "ab"])
    call(
        "CreateFeatureGroup", FeatureGroupName="g", RecordIdentifierFeatureName="x",
        EventTimeFeatureName="y", OnlineStoreConfig={"EnableOnlineStore": True},
        FeatureDefinitions=[{"FeatureName": n, "FeatureType": "Fractional"} for n in "xy"],
    )  # fmt: skip
    call("UpdateFeatureMetadata", FeatureGroupName="g", FeatureName="x", Description="first")
    before = records.saved()
    room = sum(each["record"]["size"] for each in before) + 200
    monkeypatch.setattr(shelf, "MAX_BYTES", room)
    much = "x" * 1000
    devices = [{"DeviceName": "a", "Description": "new"}, {"DeviceName": "b", "Description": much}]
    for operation, request in (
        ("UpdateHub", {"HubName": "a", "HubDescription": much}),
        ("UpdateDevices", {"DeviceFleetName": "f", "Devices": devices}),
        ("RegisterDevices", {"DeviceFleetName": "f", "Devices": [
            {"DeviceName": "c"}, {"DeviceName": "d", "Description": much}]}),
        ("UpdateFeatureMetadata", {
            "FeatureGroupName": "g", "FeatureName": "x", "Description": much}),
        ("CreateImageVersion", {"ImageName": "i", "BaseImage": much, "ClientToken": "t"}),
    ):  # fmt: skip
        with pytest.raises(AwsError, match="have no room for this one"):
            call(operation, **request)
        assert records.saved() == before


def test_records_are_saved_and_taken_up(records):
    create(records, "a")
    update = records.handler("UpdateHub")
    assert update is not None
    update(CONTEXT._replace(operation="UpdateHub"), {"HubName": "a", "HubDescription": "new"})
    saved = records.saved()
    other = Records(Backend(str, "us-east-1", "123456789012"))
    other.restore(saved)
    assert other.saved() == saved
    describe = other.handler("DescribeHub")
    assert describe is not None
    found = describe(CONTEXT._replace(operation="DescribeHub"), {"HubName": "a"})
    assert found["HubDescription"] == "new"
    assert found["CreationTime"] < datetime.now(UTC)
