"""Stage: a project's data in S3, as channels and jobs take it."""

import io

import numpy as np
import pytest

from examples.gauss3 import gauss3 as dataset
from harness.config.settings import Channel
from harness.errors import ConfigError, FlowError
from harness.flow.plan import Plan, make
from harness.flow.steps import stage as staging
from harness.flow.steps.stage import channel, check, stage

DATA = """
def made(folder):
    for part in ("a.csv", "deep/b.csv"):
        (folder / part).parent.mkdir(exist_ok=True)
        (folder / part).write_text(part)

def nothing(folder):
    pass

def broken(folder):
    raise ValueError("no\\nluck.")
"""

EVERYTHING = """
[channels]
file = {source = "data/one.csv", content_type = "text/csv"}
folder.source = "data"
function.source = "data.py:made"
there.source = "s3://elsewhere/prefix/"
clean.source = "processing:clean"
[processing.inputs]
raw.source = "data/one.csv"
[processing.outputs]
clean = {}
[transform]
source = "data"
content_type = "application/json"
"""

FILES = {"data/one.csv": "1", "data/sub/two.csv": "2", "data/.hidden": "3", "data.py": DATA}


def objects(run):
    """What is staged, by its key below the run's."""
    s3 = run.connection.boto.client("s3")
    found = s3.list_objects_v2(Bucket="harness-local", Prefix=run.key()).get("Contents", [])
    return {
        each["Key"].removeprefix(run.key() + "/"): s3.get_object(
            Bucket="harness-local", Key=each["Key"]
        )
        for each in found
    }


def test_staged_data_is_csv_without_header_and_the_target_last(run):
    staged = stage(run, Plan())

    s3 = run.connection.boto.client("s3")
    data = dataset.split()
    for name, x, y in (
        ("train", data.x_train, data.y_train),
        ("test", data.x_test, data.y_test),
    ):
        uri = staged.uris[f"channels.{name}.source"]
        assert uri == f"s3://harness-local/harness/{run.name}/data/{name}/"
        key = uri.removeprefix("s3://harness-local/") + f"{name}.csv"
        content = io.BytesIO(s3.get_object(Bucket="harness-local", Key=key)["Body"].read())
        table = np.loadtxt(content, delimiter=",", ndmin=2)
        np.testing.assert_array_equal(table, np.column_stack([x, y]))


def test_files_folders_functions_and_what_is_there(begin_run, project):
    run = begin_run(project(EVERYTHING, **FILES))

    with run.tear_down:
        uris = stage(run, Plan()).uris
        staged = objects(run)

    assert uris == {
        "channels.file.source": run.uri("data/file") + "/",
        "channels.folder.source": run.uri("data/folder") + "/",
        "channels.function.source": run.uri("data/function") + "/",
        "channels.there.source": "s3://elsewhere/prefix/",
        "channels.clean.source": run.uri("processing/clean") + "/",
        "processing.inputs.raw.source": run.uri("inputs/raw") + "/",
        "transform.source": run.uri("input/transform") + "/",
    }
    assert {key: each["Body"].read() for key, each in staged.items()} == {
        "data/file/one.csv": b"1",
        "data/folder/one.csv": b"1",
        "data/folder/sub/two.csv": b"2",
        "data/function/a.csv": b"a.csv",
        "data/function/deep/b.csv": b"deep/b.csv",
        "inputs/raw/one.csv": b"1",
        "input/transform/one.csv": b"1",
        "input/transform/sub/two.csv": b"2",
    }
    assert staged["data/file/one.csv"]["ContentType"] == "text/csv"
    assert staged["input/transform/one.csv"]["ContentType"] == "application/json"
    assert staged["data/folder/one.csv"]["TagCount"] == 2
    assert objects(run) == {}


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        ({"only": ["train"], "skip": ["transform"]}, {"channels", "processing"}),
        ({"start": "transform", "model": "m"}, {"transform"}),
        ({"only": ["stage"]}, {"channels", "processing", "transform"}),
    ],
)
def test_only_what_the_plan_uses_is_staged(begin_run, project, asked, keys):
    run = begin_run(project(EVERYTHING, **FILES))

    with run.tear_down:
        uris = stage(run, make(run.settings, **asked)).uris

    assert {key.partition(".")[0] for key in uris} == keys


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("channels.a.source = 'none.csv'", (r"^channels\.a\.source = 'none\.csv': there is no such "
         r"file or folder in .*/project \(a function is FILE\.py:FUNCTION, an object s3://")),
        ("channels.a.source = 'none.py:made'", r"^channels\.a\.source = .*: there is no file "),
        ("channels.a.source = 'data.py:mad'", r"^channels\.a\.source = .*data\.py has no function"),
        ("transform.source = 'none'", r"^transform\.source = 'none': there is no such"),
        ("processing.inputs.a.source = 'none'", r"^processing\.inputs\.a\.source = 'none': there"),
        ("processing = {inputs.a.source = 'processing:b', outputs.b = {}}",
         r"^processing\.inputs\.a\.source = 'processing:b': an input can't be an output"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused_before(project, toml, says):
    with pytest.raises(ConfigError, match=says):
        check(project(toml, **FILES), Plan())


def test_what_a_step_makes_that_is_left_out_is_refused_before(project):
    settings = project(EVERYTHING, **FILES)

    check(settings, make(settings))
    check(settings, make(settings, only=["stage"]))
    with pytest.raises(
        ConfigError, match=r"^channels\.clean\.source = .* step process makes it, and"
    ):
        check(settings, make(settings, skip=["process"]))


@pytest.mark.parametrize(
    ("function", "says"),
    [
        ("nothing", r"^channels\.a\.source: there are no files in "),
        ("broken", r"^channels\.a\.source = 'data\.py:broken': it raised ValueError: no luck\.$"),
    ],
)
def test_a_function_that_makes_no_files_is_an_error(begin_run, project, function, says):
    run = begin_run(project(f"channels.a.source = 'data.py:{function}'", **FILES))

    with pytest.raises(FlowError, match=says), run.tear_down:
        stage(run, Plan())


def test_a_large_file_goes_in_parts(begin_run, project, monkeypatch):
    monkeypatch.setattr(staging, "WHOLE", 1)
    run = begin_run(
        project("channels.a = {source = 'a.csv', content_type = 'text/csv'}", **{"a.csv": "1234"})
    )

    with run.tear_down:
        stage(run, Plan())
        (found,) = objects(run).values()

    assert (found["Body"].read(), found["ContentType"], found["TagCount"]) == (
        b"1234",
        "text/csv",
        2,
    )


def test_a_channel_has_what_the_settings_say_and_no_more():
    assert channel("a", Channel(source="x"), "s3://b/a/") == {
        "ChannelName": "a",
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": "s3://b/a/",
                "S3DataDistributionType": "FullyReplicated",
            }
        },
    }
    whole = Channel(
        source="x",
        content_type="text/csv",
        input_mode="Pipe",
        compression_type="Gzip",
        record_wrapper_type="RecordIO",
        s3_data_type="AugmentedManifestFile",
        s3_data_distribution_type="ShardedByS3Key",
        attribute_names=["y"],
        shuffle_seed=0,
    )
    assert channel("a", whole, "s3://b/a") == {
        "ChannelName": "a",
        "ContentType": "text/csv",
        "InputMode": "Pipe",
        "CompressionType": "Gzip",
        "RecordWrapperType": "RecordIO",
        "ShuffleConfig": {"Seed": 0},
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "AugmentedManifestFile",
                "S3Uri": "s3://b/a",
                "S3DataDistributionType": "ShardedByS3Key",
                "AttributeNames": ["y"],
            }
        },
    }
