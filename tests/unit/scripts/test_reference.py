"""docs/reference/members.md, and the tables that it is made of: a line for every input member."""

import importlib.util
from pathlib import Path

import pytest
from botocore.model import ListShape, MapShape, StructureShape

from harness.local.protocol.members import ACTED, KEPT, REFUSED
from harness.local.protocol.service import Service

SCRIPT = Path(__file__).parents[3] / "scripts" / "reference.py"


def load():
    spec = importlib.util.spec_from_file_location("harness_reference", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = load()

SERVICES: list[Service] = reference.services()
EVERY = [
    (service, operation, member)
    for service in SERVICES
    for operation in service.real
    for member in reference.members(service, operation)
]


def test_every_input_member_has_a_line():
    missing = {
        f"{service.name} {operation}: {member.path} ([{member.shape}] {member.name})"
        for service, operation, member in EVERY
        if member.line is None
    }

    assert not missing, "members.toml, beside what acts on them, must say what becomes of these"


def test_every_line_is_of_a_member_that_is_reached_and_not_by_refused_ones_alone():
    own = {
        (member.shape, member.name)
        for service, _, member in EVERY
        if member.line is service.members.lines.get(member.shape, {}).get(member.name)
    }
    lines = {
        (shape, name)
        for service in SERVICES
        for shape, found in service.members.lines.items()
        for name in found
    }

    assert lines - own == set()


def test_a_line_is_of_a_state_and_says_why():
    later = {f"{REFUSED} by {operation}" for operation in ("CreateModel", "CreateEndpoint")}
    states = {ACTED, KEPT, REFUSED, *later}
    for _, operation, member in EVERY:
        assert member.line is not None
        assert member.line.state in states, (operation, member)
        assert member.line.state == ACTED or member.line.text, (operation, member)
        assert not member.line.text.endswith("."), (operation, member)


def structure(service, operation, path):
    shape = service.model.operation_model(operation).input_shape
    for name in path.split("."):
        shape = shape.members[name]
        while isinstance(shape, ListShape | MapShape):
            shape = shape.member if isinstance(shape, ListShape) else shape.value
    return shape


def test_structures_are_acted_on_by_what_is_in_them():
    for service, operation, member in EVERY:
        shape = structure(service, operation, member.path)
        if isinstance(shape, StructureShape) and member.line.state == ACTED:
            inner = service.members.lines[shape.name].values()
            assert any(line.state == ACTED for line in inner), (operation, member.path)


def test_structures_in_a_map_are_walked_and_those_inside_themselves_once():
    paths = {(operation, member.path) for _, operation, member in EVERY}
    assert ("CreateTrialComponent", "Parameters.NumberValue") in paths
    assert ("Search", "SearchExpression.SubExpressions") in paths
    assert ("Search", "SearchExpression.SubExpressions.Filters") not in paths


def test_the_page_is_current():
    written = (reference.FOLDER / "members.md").read_text(encoding="utf-8")

    assert written == reference.members_page(), "run `make reference`"


@pytest.mark.parametrize("wanted", ["InvokeEndpointAsync", "CreateTrainingJob"])
def test_the_page_has_operations(wanted):
    assert f"### {wanted}\n" in reference.members_page()


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("troubleshooting.md", reference.troubleshooting_page),
        ("reference/environment.md", reference.environment_page),
    ],
)
def test_the_other_pages_are_current(page, text):
    written = (reference.FOLDER.parent / page).read_text(encoding="utf-8")

    assert written == text(), "run `make reference`"
