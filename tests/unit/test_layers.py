"""The house rules of the tree: who may import whom, and how large a folder and a file may be.

Every import counts: those under `TYPE_CHECKING` and inside functions, too.
"""

from __future__ import annotations

import ast
import graphlib
from collections import Counter
from pathlib import Path

import pytest

HARNESS = Path(__file__).parents[2] / "harness"

LAYERS = """
    config errors machine locks checks console startup paths limits suggestions figures
    aws_model
    local.protocol
    local.faults
    local.engine
    local.moto
    local.core
    local.data
    local.functions
    local.registry
    local.hosting
    local.lineage
    local.experiments
    local.jobs
    local.pipelines
    local.records
    local.search
    local.state
    local.page
    local.http
    local
    image
    account
    service
    flow
    check
    templates
    testing
    sdk
    notebook
    session plugin
    cli
    __init__ __main__
"""
"""A line may import those above it, and itself. What has no name here belongs to its folder."""

ORDER = {name: place for place, line in enumerate(LAYERS.split("\n")) for name in line.split()}

MODULES_A_FOLDER = 12
LINES_A_FILE = 500

SOURCES = {
    ".".join(path.relative_to(HARNESS.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in HARNESS.rglob("*.py")
}


def imports(module: str) -> set[str]:
    """The modules of ours that a module imports, wherever it does."""
    found = set()
    for node in ast.walk(ast.parse(SOURCES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (whole & SOURCES.keys()) or {node.module}
    return (found & SOURCES.keys()) - {module}


def layer(module: str) -> int:
    name = module.removeprefix("harness.") if module != "harness" else "__init__"
    while name not in ORDER:
        assert "." in name, f"{module} is in no layer: give it a place in LAYERS"
        name = name.rpartition(".")[0]
    return ORDER[name]


def test_nothing_imports_what_is_above_it():
    wrong = [
        f"{module} imports {other}"
        for module in sorted(SOURCES)
        for other in sorted(imports(module))
        if layer(other) > layer(module)
    ]
    assert not wrong


def test_there_is_no_import_circle():
    try:
        graphlib.TopologicalSorter({each: imports(each) for each in SOURCES}).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"import circle: {' → '.join(reversed(error.args[1]))}")


def test_the_rooms_of_a_layer_do_not_import_in_circles():
    rooms: dict[str, set[str]] = {}
    for module in SOURCES:
        room = module.rpartition(".")[0]
        rooms.setdefault(room, set()).update(
            other.rpartition(".")[0] for other in imports(module) if other in SOURCES
        )
    inner = {
        room: {each for each in others if each.startswith("harness.local.") and each != room}
        for room, others in rooms.items()
        if room.startswith("harness.local.")
    }
    graphlib.TopologicalSorter(inner).prepare()


def test_folders_and_files_stay_small():
    folders = Counter(path.parent for path in SOURCES.values() if path.name != "__init__.py")
    assert {folder for folder, count in folders.items() if count > MODULES_A_FOLDER} == set()
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES.values()}
    assert {path for path, count in lines.items() if count > LINES_A_FILE} == set()


def test_packages_are_empty():
    """Start-up time depends on it, and so does the environment of the SDK's v2."""
    packages = {path for path in SOURCES.values() if path.name == "__init__.py"}
    full = {path for path in packages if path.read_text(encoding="utf-8").strip()}
    assert full <= {HARNESS / "__init__.py"}


def test_the_local_aws_imports_no_sdk():
    for module, path in SOURCES.items():
        if module.startswith("harness.local"):
            assert "sagemaker.core" not in path.read_text(encoding="utf-8"), module
