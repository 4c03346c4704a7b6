"""harness.toml, the variables on top of it, and what is refused."""

import re
import tomllib
from pathlib import Path

import pytest

from harness.config.loading import load
from harness.config.settings import Settings
from harness.errors import ConfigError

R2 = """
requests.train.source = "train.csv"
requests.test.source = "test.csv"
metrics.scores = ["r2"]
"""
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def write(tmp_path):
    def write(text):
        file = tmp_path / "harness.toml"
        file.write_text(text)
        return file

    return write


def test_the_committed_file_names_every_key_with_its_default():
    """Of the tables that every project has, but for what is the project's own."""
    file = REPOSITORY / "harness.toml"
    settings, defaults = load(file, {}), Settings(root=REPOSITORY, project={"name": "gam"})

    in_file = tomllib.loads(file.read_text())
    for name in ("training", "endpoint", "aws", "local"):
        kept = set(defaults.model_dump()[name]) - {
            "environment", "entry_point", "source_dir", "network_isolation"
        }  # fmt: skip
        assert set(in_file[name]) == kept
        assert getattr(settings, name) == getattr(defaults, name)
    assert (settings.target, settings.region) == (defaults.target, defaults.region)
    assert settings.image.name == "harness-gam"


def test_the_committed_file_is_the_gam_on_gauss3():
    settings = load(REPOSITORY / "harness.toml", {})

    assert settings.hyperparameters == {
        "df": "20",
        "alpha": "1.0",
        "degree": "3",
        "train-file": "train.csv",
        "test-file": "test.csv",
    }
    assert settings.metric_names == ["train_r2", "test_r2", "train:r2", "test:r2"]
    bounds = {name: each.min for name, each in settings.thresholds.items()}
    assert bounds == {"train_r2": 0.996, "test_r2": 0.996}
    published = {name: each.published for name, each in settings.thresholds.items()}
    assert published == {"train_r2": 0.9967, "test_r2": 0.9972}


def test_without_a_file_the_defaults_hold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert load(environ={}) == Settings(root=tmp_path)


def test_the_nearest_file_upwards_is_taken(write, tmp_path, monkeypatch):
    write('region = "eu-west-1"')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)

    settings = load(environ={})

    assert (settings.region, settings.root) == ("eu-west-1", tmp_path)


def test_harness_config_names_the_file(write):
    file = write("[hyperparameters]\ndf = 12")

    assert load(environ={"HARNESS_CONFIG": str(file)}).hyperparameters == {"df": "12"}


def test_variables_come_before_the_file(write):
    file = write(R2 + "[thresholds]\ntrain_r2 = 0.5\ntest_r2 = {min = 0.25, published = 0.3}")
    environ = {
        "HARNESS_THRESHOLDS_TRAIN_R2": "0.75",
        "HARNESS_TARGET": "aws",
        "HARNESS_AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/path/SageMaker",
        "HARNESS_TRAINING_MAX_RUNTIME_SECONDS": "60",
        "HARNESS_NO_ENGINE_SETUP": "1",
        "HARNESS_HOST": "mine",
        "PATH": "/bin",
    }

    settings = load(file, environ)

    assert {name: each.min for name, each in settings.thresholds.items()} == {
        "train_r2": 0.75,
        "test_r2": 0.25,
    }
    assert settings.place is settings.aws
    assert settings.place.role_arn == "arn:aws:iam::111122223333:role/path/SageMaker"
    assert settings.training.max_runtime_seconds == 60


def test_both_targets_have_what_the_flow_reads():
    for target in ("local", "aws"):
        place = Settings(target=target).place
        assert place.poll_seconds > 0
        assert isinstance(place.role_arn, str)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("colour = 1", "colour"),
        ("[thresholds]\ntrain = 0.9", "thresholds.train"),
        ("[training]\nspots = true", "training.spots"),
        ('root = "/"', "root"),
        ('target = "gcp"', "target"),
        ('region = "Frankfurt"', "region"),
        ("thresholds = 1", "thresholds"),
        (R2 + "[thresholds]\ntest_r2 = nan", "thresholds.test_r2.min"),
        (R2 + '[thresholds]\ntest_r2 = "high"', "thresholds.test_r2.min"),
        (R2 + "[thresholds]\ntest_r2 = {least = 1}", "thresholds.test_r2.least"),
        ("hyperparameters = 1", "hyperparameters"),
        ('[hyperparameters]\nlong = "' + "x" * 2501 + '"', "hyperparameters.long"),
        ("[hyperparameters]\n" + "\n".join(f"a{n} = 1" for n in range(101)), "hyperparameters"),
        ('[project]\nname = "GAM"', "project.name"),
        ('[image]\nname = "Harness GAM"', "image.name"),
        ('[image.build_args]\n1a = "b"', "image.build_args.1a"),
        ("[channels.train]", "channels.train.source"),
        ('[channels.train]\nsource = ""', "channels.train.source"),
        ('[channels."a/b"]\nsource = "a"', "channels.a/b"),
        ('[channels.train]\nsource = "a"\ninput_mode = "Stream"', "channels.train.input_mode"),
        ('[requests]\nsource = "a.csv"\nrow = 2', "requests.row"),
        ('[requests.test]\nsource = "a.csv"\nrows = -1', "requests.test.rows"),
        ('[metrics]\nscore = "score.py"', "metrics.score"),
        ('[metrics]\nscore = "score"', "metrics.score"),
        ('[transform]\ncontent_type = "text/csv"', "transform.source"),
        ('[transform]\nsource = "a"\nsplit_type = "Lines"', "transform.split_type"),
        ('[processing]\nentry_point = ["a"]', "processing.entry_point"),
        ('[processing.inputs.raw]\nsource = "a"\npath = "/a"', "processing.inputs.raw.path"),
        ('[training]\ninstance_type = "m5.large"', "training.instance_type"),
        ("[training]\nmax_runtime_seconds = 0", "training.max_runtime_seconds"),
        ("[training]\nspot = true\nmax_wait_seconds = 60", "training"),
        ("[endpoint]\ninstance_count = 3\nmax_instance_count = 2", "endpoint"),
        ("[endpoint]\nstartup_timeout_seconds = 59", "endpoint.startup_timeout_seconds"),
        ('[aws]\nrole_arn = "SageMakerExecution"', "aws.role_arn"),
        ('[aws]\nbucket = "My_Bucket"', "aws.bucket"),
        ('[aws]\nprefix = "/harness/"', "aws.prefix"),
        ('[local]\nbucket = ""', "local.bucket"),
        ("[local]\npoll_seconds = 0.0", "local.poll_seconds"),
        ('[aws]\nrepository = "x"', "aws.repository"),
        ('[aws]\nrepository = "Harness"', "aws.repository"),
        ('[local]\nendpoint_url = "localhost:4566"', "local.endpoint_url"),
        ('[local]\nregistry = "http://localhost:5000"', "local.registry"),
        ('[local]\nregistry = "localhost"', "local.registry"),
    ],
)
def test_what_makes_no_sense_is_refused_by_file_and_key(write, text, key):
    file = write(text)

    with pytest.raises(ConfigError, match=f"^{re.escape(f'{file}: {key}')}( =|:) "):
        load(file, {})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HARNESS_COLOUR", "1"),
        ("HARNESS_THRESHOLD_TRAIN_R2", "0.9"),
        ("HARNESS_THRESHOLDS_TRAIN", "0.9"),
        ("HARNESS_THRESHOLDS", "0.9"),
        ("HARNESS_ROOT", "/"),
        ("HARNESS_THRESHOLDS_TRAIN_R2", "high"),
        ("HARNESS_TARGET", "gcp"),
        ("HARNESS_HYPERPARAMETERS", "3"),
        ("HARNESS_CHANNELS_TRAIN_SOURCE", "a"),
    ],
)
def test_what_makes_no_sense_is_refused_by_variable(write, variable, value):
    with pytest.raises(ConfigError, match=f"^{variable}\\b"):
        load(write(R2), {variable: value})


def test_a_rule_over_several_keys_names_the_variable_that_broke_it(write):
    environ = {"HARNESS_REGION": "eu-west-1", "HARNESS_TRAINING_SPOT": "1"}

    with pytest.raises(ConfigError, match=r"^HARNESS_TRAINING_SPOT: max_wait_seconds \(60\) must"):
        load(write("[training]\nmax_wait_seconds = 60"), environ)


def test_hyperparameters_are_the_projects_own_and_as_sagemaker_has_them(write):
    text = """[hyperparameters]
    n_estimators = 50
    train-file = "a.csv"
    deep = true
    layers = [64, 32]
    when = 2026-11-25
    grid = {a = 1.5}
    days = [2026-11-25, 12:00:00]
    """

    assert load(write(text), {}).hyperparameters == {
        "n_estimators": "50",
        "train-file": "a.csv",
        "deep": "true",
        "layers": "[64, 32]",
        "when": "2026-11-25",
        "grid": '{"a": 1.5}',
        "days": '["2026-11-25", "12:00:00"]',
    }


def test_a_variable_sets_the_hyperparameter_however_it_is_written(write):
    file = write("[hyperparameters]\ntrain-file = 'a.csv'\nDF = 12")
    environ = {
        "HARNESS_HYPERPARAMETERS_TRAIN_FILE": "b.csv",
        "HARNESS_HYPERPARAMETERS_DF": "3",
        "HARNESS_HYPERPARAMETERS_NEW_ONE": "1",
    }

    assert load(file, environ).hyperparameters == {
        "train-file": "b.csv",
        "DF": "3",
        "new_one": "1",
    }


def test_a_variable_is_a_thresholds_minimum(write):
    file = write(R2 + "[thresholds]\ntest_r2 = {min = 0.5, max = 0.9}")

    threshold = load(file, {"HARNESS_THRESHOLDS_TEST_R2": "0.75"}).thresholds["test_r2"]

    assert (threshold.min, threshold.max) == (0.75, 0.9)
    assert load(file, {"HARNESS_THRESHOLDS_TRAIN_R2": "1"}).thresholds["train_r2"].min == 1.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (R2 + "thresholds.test_r3 = 1", ("thresholds.test_r3: no such metric (did you mean "
         "test_r2?); there are train_r2, test_r2.")),
        ("[thresholds]\nr2 = 1", "thresholds.r2: no such metric; there are none: see [metrics]."),
        ('requests.source = "a.csv"\nmetrics.scores = ["r2"]\nthresholds.test_r2 = 1',
         "thresholds.test_r2: no such metric; there are r2."),
        # The threshold is what was meant, and the score is not.
        ('requests.a.source = "a.csv"\nmetrics.scores = ["acuracy"]\nthresholds.a_accuracy = 1',
         ("metrics.scores: scikit-learn has no score 'acuracy' (did you mean accuracy?); see "
         "sklearn.metrics.get_scorer_names().")),
        # Nobody would call it.
        ('metrics.score = "a.py:score"\nthresholds.mine = 1', ("thresholds.mine: no such metric; "
         "there are none: see [metrics].")),
    ],
)  # fmt: skip
def test_a_threshold_is_of_a_metric_that_a_run_has(write, text, says):
    file = write(text)

    with pytest.raises(ConfigError) as refusal:
        load(file, {})

    assert str(refusal.value) == f"{file}: {says}"


def test_only_an_own_score_knows_what_it_returns(write):
    text = 'requests.source = "a.csv"\nmetrics.score = "a.py:score"\nthresholds.mine = 1'

    assert load(write(text), {}).thresholds["mine"].min == 1.0


def test_a_metric_of_the_log_has_thresholds_too(write):
    text = "metrics.definitions.'valid:auc' = 'auc=(.*)'\nthresholds.'valid:auc' = {max = 1}"

    assert load(write(text), {}).thresholds["valid:auc"].max == 1.0
    with pytest.raises(
        ConfigError, match=r"^HARNESS_THRESHOLDS_LOSS: no such metric; there are val"
    ):
        load(write(text), {"HARNESS_THRESHOLDS_LOSS": "1"})


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("traget = 'local'", "traget: unknown key (did you mean target?)."),
        ("hyperparameter.df = 1", "hyperparameter: unknown key (did you mean hyperparameters?)."),
        ("training.spots = true", "training.spots: unknown key (did you mean spot?)."),
        ("channels.a = {source = 'a', contenttype = 'b'}", ("channels.a.contenttype: unknown key "
         "(did you mean content_type?).")),
        ("requests.a = {source = 'a', traget = 'b'}", ("requests.a.traget: unknown key (did you "
         "mean target?).")),
        ("requests = {source = 'a', traget = 'b'}", ("requests.traget: unknown key (did you mean "
         "target?).")),
        (R2 + "thresholds.test_r2.minn = 1", ("thresholds.test_r2.minn: unknown key (did you mean "
         "min?).")),
        ("processing.outputs.a = {localpath = 1}", ("processing.outputs.a.localpath: unknown key "
         "(did you mean local_path?).")),
        ("processing.argument = ['a']", ("processing.argument: unknown key (did you mean "
         "arguments?).")),
        ("colour = 1", "colour: unknown key."),
    ],
)  # fmt: skip
def test_a_misspelt_key_is_told_what_it_may_mean(write, text, meant):
    file = write(text)

    with pytest.raises(ConfigError) as refusal:
        load(file, {})

    assert str(refusal.value) == f"{file}: {meant}"


def test_a_misspelt_variable_is_told_what_it_may_mean(write):
    with pytest.raises(
        ConfigError, match=r"^HARNESS_AWS_BUKET: unknown variable \(did you mean HARNESS_AWS_BUCKET"
    ):
        load(write(""), {"HARNESS_AWS_BUKET": "b"})


def test_a_target_is_a_name_or_a_place(write):
    text = "requests.source = 'a.csv'\nrequests.target = {}"

    for given, target in (("'class'", "class"), ("-1", -1)):
        assert load(write(text.format(given)), {}).requests[""].target == target
    with pytest.raises(ConfigError) as refusal:
        load(write(text.format("1.5")), {})
    (line,) = str(refusal.value).splitlines()
    assert line.endswith(": requests.target = 1.5: input should be a text or a whole number.")


def test_all_that_is_wrong_is_said_at_once(write):
    file = write("colour = 1\n[training]\nvolume_size_gb = 0\n[channels.train]\n")

    with pytest.raises(ConfigError) as refusal:
        load(file, {"HARNESS_REGION": "?"})

    starts = [
        "HARNESS_REGION = '?': string should match",
        f"{file}: channels.train.source: must be given.",
        f"{file}: training.volume_size_gb = 0: input should be",
        f"{file}: colour: unknown key.",
    ]
    lines = str(refusal.value).splitlines()
    assert len(lines) == len(starts)
    assert all(line.startswith(start) for line, start in zip(lines, starts, strict=True))
    assert all(line.endswith(".") for line in lines)


@pytest.mark.parametrize("key", ["channels.train", "transform"])
def test_what_processing_makes_has_to_be_an_output_of_it(write, key):
    source = f"{key}.source = 'processing:clean'\n"
    file = write(source + "processing.outputs.cleaned = {}")

    with pytest.raises(ConfigError) as refusal:
        load(file, {"HARNESS_REGION": "eu-west-1"})  # which has nothing to do with it

    assert str(refusal.value) == (
        f"{file}: {key}.source is 'processing:clean', and [processing] has no output 'clean'; "
        "there are cleaned."
    )
    assert load(write(source + "processing.outputs.clean = {}"), {}).processing
    with pytest.raises(ConfigError, match="no output 'clean'; there are none"):
        load(write(source), {})


def test_a_section_that_is_no_table_is_refused_even_with_a_variable_in_it(write):
    with pytest.raises(ConfigError, match="thresholds"):
        load(write("thresholds = 1"), {"HARNESS_THRESHOLDS_TRAIN_R2": "0.5"})


def test_a_missing_or_broken_file_is_a_sentence(tmp_path, write):
    with pytest.raises(ConfigError, match=r"nowhere\.toml: can't be read: No such file"):
        load(tmp_path / "nowhere.toml", {})
    with pytest.raises(ConfigError, match=r"harness\.toml: is not valid TOML: .*line 1"):
        load(write("target = local"), {})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = " + "[" * 5000 + "]" * 5000, r"harness\.toml: its lists or tables are too deep"),
        (
            "hyperparameters." + "a." * 5000 + "a = 1",
            r"hyperparameters\.a: its lists or tables are",
        ),
        ("a = " + "9" * 5000, r"harness\.toml: is not valid TOML: Exceeds the limit"),
    ],
)
def test_what_pythons_own_readers_give_up_is_a_sentence(write, text, says):
    with pytest.raises(ConfigError, match=says):
        load(write(text), {})


def test_of_a_long_value_the_beginning_is_told(write):
    text = "[hyperparameters]\n" + "\n".join(f"a{n} = 1" for n in range(101))

    with pytest.raises(ConfigError) as refusal:
        load(write(text), {})

    assert len(str(refusal.value)) < 500
    assert str(refusal.value).endswith("at most 100 items after validation, not more.")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('error = "Throtling"', ("[[faults]] number 2: 'Throtling' is no error of a known service"
         " (did you mean Throttling?); with status, any code is taken.")),
        ('eror = "Throttling"\nreset = true', ("[[faults]] number 2: eror: unknown key (did you "
         "mean error?).")),
        ('event = "SpotInteruption"', ("[[faults]] number 2: event: there is no event "
         "'SpotInteruption' (did you mean SpotInterruption?).")),
        ("status = 500\ncount = -1", ("[[faults]] number 2: count = -1: input should be greater "
         "than or equal to 0.")),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_fault_is_told_by_its_number(write, text, says):
    with pytest.raises(ConfigError) as refusal:
        load(write(f"[[faults]]\nreset = true\n\n[[faults]]\n{text}"), {})
    assert str(refusal.value).endswith(f"harness.toml: {says}")
