"""Every kind of record, over HTTP: told as it was asked for, listed, changed, deleted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape

from harness.local.protocol import validation
from harness.local.records import kinds
from harness.local.records.answers import CREATED, MODIFIED
from harness.local.records.kinds import NO_VALUES
from tests.unit.local.records.kinds_of_records import KINDS, MODEL, Lab, Made
from tests.unit.local.records.samples import sample

ARN = "arn:aws:sagemaker:us-east-1:123456789012"

NOUNS = sorted(KINDS)
BOTH = pytest.mark.parametrize("whole", [False, True], ids=["least", "all"])
EVERY = pytest.mark.parametrize("noun", NOUNS)


@pytest.fixture(scope="module")
def lab(aws: Any) -> Lab:
    return Lab(aws.session)


def error(lab: Lab, operation: str, request: dict[str, Any]) -> tuple[str, str]:
    """The code and the words with which a request is refused."""
    with pytest.raises(ClientError) as refused:
        lab.call(operation, request)
    said = refused.value.response["Error"]
    assert said["Message"]
    return said["Code"], said["Message"]


def codes(operation: str) -> set[str]:
    return {each.name for each in MODEL.operation_model(operation).error_shapes}


def output(operation: str, noun: str = "") -> Any:
    shape: Any = MODEL.operation_model(operation).output_shape
    return shape.members[noun] if list(shape.members) == [noun] else shape


def lacking(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """The members that must be there, and aren't."""
    if isinstance(shape, StructureShape):
        yield from (f"{path}.{name}" for name in shape.required_members if name not in value)
        for name, member in shape.members.items():
            if name in value:
                yield from lacking(member, value[name], f"{path}.{name}")
    elif isinstance(shape, ListShape):
        for each in value:
            yield from lacking(shape.member, each, f"{path}[]")
    elif isinstance(shape, MapShape):
        for each in value.values():
            yield from lacking(shape.value, each, f"{path}{{}}")


def told(shape: Shape, value: Any) -> Any:
    """The part of a value that a shape has: answers have no empty structures."""
    if isinstance(shape, StructureShape):
        parts = {name: told(shape.members[name], each) for name, each in value.items()
                 if name in shape.members}  # fmt: skip
        return {name: each for name, each in parts.items() if each != {}}
    if isinstance(shape, ListShape):
        return [told(shape.member, each) for each in value]
    return value


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each, path)
    else:
        yield path, value


# What a Describe answers beside what requests have said: which kind and path, and what.
OWN = {
    ("Cluster", "InstanceGroups.CurrentCount"): 0,
    ("Cluster", "InstanceGroups.Status"): "InService",
    ("Cluster", "RestrictedInstanceGroups.CurrentCount"): 0,
    ("Cluster", "RestrictedInstanceGroups.Status"): "InService",
    ("Cluster", "AutoScaling.Status"): "InService",
}
DIGEST = ("HumanTaskUi", "UiTemplate.ContentSha256")


def invented(lab: Lab, made: Made, answer: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What an answer tells that no request has said, and that isn't what the table names."""
    kind = made.kind
    said = {str(value) for _, value in leaves(made.request)} | {str(v) for v in made.key.values()}
    for parent in made.parents:
        said.add(str(lab.described(parent)[parent.kind.arn_member]))
    known = {kind.arn_member, kind.status_member, kind.line.get("version"), *CREATED, *MODIFIED}
    known |= {*kind.line.get("made", ()), "CreatedBy.IamIdentity.Arn", kind.line.get("number")}
    known |= {"LastModifiedBy.IamIdentity.Arn", "MonitoringJobDefinitionArn"}
    zero = dict(leaves(kind.line.get("zero", {})))
    for path, value in leaves(answer):
        is_own = OWN.get((kind.noun, path)) == value or (kind.noun, path) == DIGEST
        if path not in known and str(value) not in said and zero.get(path) != value and not is_own:
            yield path, value


@BOTH
@EVERY
def test_a_record_is_told_as_it_was_asked_for(lab, noun, whole):
    made = lab.make(noun, whole=whole)
    answer = lab.described(made)
    shape = output(f"Describe{noun}", noun)
    # A structure that must be there and of which nothing was given: answers have no empty ones.
    missing = [each for each in lacking(shape, answer) if not each.endswith(".GroundTruthS3Input")]
    assert missing == []
    assert list(invented(lab, made, answer)) == []
    request = {**made.request, **made.request.get("Devices", [{}])[0]}
    apart = {"Cluster": {"InstanceGroups", "RestrictedInstanceGroups", "AutoScaling",
                         "RestrictedInstanceGroupsConfig"},
             "HumanTaskUi": {"UiTemplate"}, "Workforce": {"OidcConfig", "WorkforceVpcConfig"}}  # fmt: skip
    for name, value in request.items():
        if name in shape.members and value not in ({}, []) and name not in apart.get(noun, ()):
            assert answer[name] == told(shape.members[name], value), name
    status = made.kind.status_member
    assert answer.get(status, "") == made.kind.status
    created = next(answer[each] for each in CREATED if each in answer)
    assert isinstance(created, datetime)


@EVERY
def test_it_is_listed_among_others(lab, noun):
    operation = next(each for each, verb in KINDS[noun].operations.items() if verb == "list")
    shape: Any = MODEL.operation_model(operation).input_shape
    made = lab.make(noun)
    needed = {name: made.request[name] for name in shape.required_members}
    lab.make(noun, inside=needed)
    request = {**needed, **({"MaxResults": 1} if "MaxResults" in shape.members else {})}
    listed = list(pages(lab, operation, request))
    assert all(len(each) == 1 for each in listed)
    (mine,) = (each for (each,) in listed if is_of(made, each, lab))
    member = kinds.summaries(MODEL, operation)
    may_lack = {".EndpointName"} if noun.endswith("JobDefinition") else set()
    assert set(lacking(output(operation).members[member].member, mine)) <= may_lack
    assert list(invented(lab, made, mine)) == []


def is_of(made: Made, summary: dict[str, Any], lab: Lab) -> bool:
    arns = [value for name, value in summary.items() if name.endswith("Arn")]
    if arns:
        return bool(lab.described(made)[made.kind.arn_member] in arns)
    return all(summary.get(name) == value for name, value in made.key.items())


FILTERS = [
    (noun, operation, name)
    for noun, kind in KINDS.items()
    for operation, verb in kind.operations.items()
    if verb == "list"
    for name in getattr(MODEL.operation_model(operation).input_shape, "members", ())
    if name not in {*NO_VALUES, "SortBy", "SortOrder"}
]
# What no record has, since nothing runs that would report or write it, or it is of the other sort.
NEVER = {
    ("App", "SpaceNameEquals"), ("Device", "LatestHeartbeatAfter"), ("Device", "ModelName"),
    ("FeatureGroup", "OfflineStoreStatusEquals"), ("MlflowApp", "MlflowVersion"),
}  # fmt: skip
NAMES = ("nothing", "1.2.3", "d-nothing", "s3://nothing/at/all", f"{ARN}:cluster/aaaaaaaaaaaa",
         f"{ARN}:training-plan/none-at-all-of-this-kind")  # fmt: skip


@pytest.mark.parametrize(("noun", "operation", "name"), FILTERS)
def test_a_filter_lets_through_what_it_says(lab, noun, operation, name):
    shape: Any = MODEL.operation_model(operation).input_shape
    made = lab.make(noun, whole=True)
    needed = {each: made.request[each] for each in shape.required_members}
    allowed = [each for each in NAMES if validation.check(shape.members[name], each) is None]
    if {name, f"{operation}.{name}"} & made.kind.line.get("refused", {}).keys():
        assert name in error(lab, operation, {**needed, name: allowed[0]})[1]
        return
    if (noun, name) in NEVER:
        assert not found(lab, made, operation, {**needed, name: sample(shape.members[name])})
        return
    if name.endswith(("After", "Before")):
        yes, no = datetime(2020, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
        if name.endswith("Before"):
            yes, no = no, yes
    else:
        yes = compared(made, {**made.request, **lab.described(made), **made.key}, name)
        enum = getattr(shape.members[name], "enum", None)
        no = next(each for each in enum or allowed if each != yes)
        if name.endswith("Contains") and not validation.check(shape.members[name], yes[1:].upper()):
            yes = yes[1:].upper()
    assert found(lab, made, operation, {**needed, name: yes})
    if name not in needed:
        assert not found(lab, made, operation, {**needed, name: no})


def found(lab: Lab, made: Made, operation: str, request: dict[str, Any]) -> bool:
    """Whether a list with these filters has the record."""
    answer = lab.call(operation, request)
    (listed,) = (value for value in answer.values() if isinstance(value, list))
    return any(is_of(made, each, lab) for each in listed)


def compared(made: Made, answer: dict[str, Any], name: str) -> Any:
    """The value that a filter is compared with."""
    base = name.removesuffix("Contains").removesuffix("Equals")
    base = {"Name": made.kind.name, "Status": made.kind.status_member or "Status"}.get(base, base)
    path = made.kind.line.get("aliases", {}).get(base, base)
    return next(value for known, value in leaves(answer) if known in (path, base))


@EVERY
def test_it_is_sorted_by_what_can_be_asked_for(lab, noun):
    operation = next(each for each, verb in KINDS[noun].operations.items() if verb == "list")
    shape: Any = MODEL.operation_model(operation).input_shape
    if "SortOrder" not in shape.members:
        return
    made = lab.make(noun)
    needed = {each: made.request[each] for each in shape.required_members}
    again = lab.make(noun, inside=needed)
    for by in getattr(shape.members.get("SortBy"), "enum", [None]):
        request = {**needed, **({"SortBy": by} if by else {})}
        up, down = shape.members["SortOrder"].enum
        if up.lower().startswith("desc"):
            up, down = down, up
        orders = [
            [
                each
                for page in pages(lab, operation, {**request, "SortOrder": order})
                for each in page
            ]
            for order in (up, down)
        ]
        assert orders[0] == orders[1][::-1]
        places = [next(i for i, each in enumerate(orders[0]) if is_of(one, each, lab))
                  for one in (made, again)]  # fmt: skip
        if by is None or by.lower().replace("_", "") in ("creationtime", "createdate"):
            assert places == sorted(places)


def pages(lab: Lab, operation: str, request: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The pages of a list."""
    while True:
        answer = lab.call(operation, request)
        yield next(value for value in answer.values() if isinstance(value, list))
        if "NextToken" not in answer:
            return
        request = {**request, "NextToken": answer["NextToken"]}


@EVERY
def test_a_name_is_taken_once(lab, noun):
    kind = KINDS[noun]
    made = lab.make(noun)
    if kind.line.get("number") or ((kind.line.get("made") or kind.key == ("Arn",))
                                   and "unique" not in kind.line and noun != "Project"):  # fmt: skip
        assert lab.described(made) != lab.described(lab.make(noun, inside=made.request))
        return
    before = lab.described(made)
    token = {"ClientToken": "another-token"} if "ClientToken" in made.request else {}
    code, words = error(lab, kind.create, {**made.request, **token})
    known = [each for each in ("ResourceInUse", "ResourceAlreadyExists", "ConflictException")
             if each in codes(kind.create)]  # fmt: skip
    assert code == (known[0] if known else "ValidationException")
    assert "already exists" in words or "duplicate" in words
    assert lab.described(made) == before


@EVERY
def test_what_is_not_there_is_not_found(lab, noun):
    kind = KINDS[noun]
    made = lab.make(noun)
    asked = dict(made.key)
    member = (
        kind.key[0] if kind.key == ("Arn",) else kind.name if kind.name in asked else kind.key[-1]
    )
    if kind.line.get("number"):
        asked[member] = 99
    else:
        asked[member] = asked[member][:-3] + ("ZZZ" if member == "Arn" else "zzz")
    for verb in ("Describe", "Update", "Delete"):
        operation = f"{verb}{noun}"
        if operation in MODEL.operation_names:
            shape: Any = MODEL.operation_model(operation).input_shape
            request = {**sample(shape), **asked}
            code, _ = error(lab, operation, request)
            assert code == (
                "ResourceNotFound"
                if "ResourceNotFound" in codes(operation)
                else "ValidationException"
            )


@EVERY
def test_it_is_gone_when_it_is_deleted(lab, noun):
    if noun == "Device":
        return  # by DeregisterDevices
    made = lab.make(noun)
    if noun == "NotebookInstance":
        lab.call("StopNotebookInstance", made.key)
    arn = lab.described(made)[made.kind.arn_member]
    lab.client.add_tags(ResourceArn=arn, Tags=[{"Key": "k", "Value": "v"}])
    assert {"Key": "k", "Value": "v"} in lab.client.list_tags(ResourceArn=arn)["Tags"]
    shape: Any = MODEL.operation_model(f"Delete{noun}").input_shape
    lab.call(f"Delete{noun}", {k: v for k, v in made.key.items() if k in shape.members})
    error(lab, f"Describe{noun}", made.key)
    error(lab, f"Delete{noun}", made.key)
    with pytest.raises(ClientError, match="Could not find resource"):
        lab.client.list_tags(ResourceArn=arn)


BELONGING = [
    (noun, each[0]) for noun, kind in KINDS.items() for each in kind.line.get("parents", ())
]


@pytest.mark.parametrize(("noun", "parent"), BELONGING)
def test_what_it_belongs_to_is_there_before_and_after(lab, noun, parent):
    if (noun, parent) == ("App", "Space"):
        return  # is of a user's profile here
    made = lab.make(noun, whole=True)
    (above,) = (each for each in made.parents if each.kind.noun == parent)
    if parent == "NotebookInstance":
        lab.call("StopNotebookInstance", above.key)
    if noun in KINDS[parent].line.get("cascade", ()):
        lab.call(f"Delete{parent}", above.key)
        error(lab, f"Describe{noun}", made.key)
    else:
        code, words = error(lab, f"Delete{parent}", above.key)
        known = {"ResourceInUse", "ConflictException"} & codes(f"Delete{parent}")
        assert code in (known or {"ResourceInUse"})
        assert "it is used by" in words
        lab.described(above)
    kind = KINDS[noun]
    request, parents = lab.request(noun, whole=True)
    (above,) = (each for each in parents if each.kind.noun == parent)
    for each in [one for one in parents if one is not above and one.kind.noun != "Domain"]:
        lab.call(f"Delete{each.kind.noun}", each.key)
    lab.call(f"Delete{parent}", above.key)
    code, words = error(lab, kind.create, request)
    assert code == (
        "ResourceNotFound" if "ResourceNotFound" in codes(kind.create) else "ValidationException"
    )


UPDATED = [noun for noun in NOUNS if f"Update{noun}" in MODEL.operation_names]


@pytest.mark.parametrize("noun", UPDATED)
def test_an_update_is_told(lab, noun):
    made = lab.make(noun)
    if noun == "NotebookInstance":
        lab.call("StopNotebookInstance", made.key)
    before = lab.described(made)
    shape: Any = MODEL.operation_model(f"Update{noun}").input_shape
    request = sample(shape, whole=True) | made.key
    refused = made.kind.line.get("refused", {})
    apart = {*refused, *(each for each in request if each.startswith("Disassociate"))}
    apart |= {"DeleteProperties", "AliasesToDelete", "Alias", "InstanceGroupsToDelete"}
    request = {name: value for name, value in request.items() if name not in apart}
    if "LifecycleConfigName" in request:
        config = lab.make("NotebookInstanceLifecycleConfig")
        request["LifecycleConfigName"] = config.request["NotebookInstanceLifecycleConfigName"]
        made.parents.append(config)
    if both := made.kind.line.get("apart"):
        assert both[0] in error(lab, f"Update{noun}", request)[1]
        del request[both[0]]
        request[both[1]] = "Archived"
    lab.call(f"Update{noun}", request)
    after = lab.described(made)
    described = output(f"Describe{noun}", noun)
    assert list(lacking(described, after)) == []
    changed = 0
    for name, value in request.items():
        base = name.removesuffix("ForUpdate")
        same = noun == "Cluster" or (noun, name) in {("Workforce", "OidcConfig"),
                                                     ("Workforce", "WorkforceVpcConfig")}  # fmt: skip
        if base in described.members and not same and name not in made.key:
            assert contains(after[base], told(described.members[base], value)), name
            changed += after[base] != before.get(base)
    assert changed or noun in ("Cluster", "FeatureGroup", "ImageVersion")
    made.request = {**made.request, "update": request}
    assert list(invented(lab, made, after)) == []


def contains(value: Any, part: Any) -> bool:
    """Whether all of a structure is in another."""
    if isinstance(part, dict):
        return all(contains(value.get(name), each) for name, each in part.items())
    return bool(value == part)
