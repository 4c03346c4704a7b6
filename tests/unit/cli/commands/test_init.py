"""`harness init`: what it makes, what it says, what it refuses and when it asks."""

import io
import json
from argparse import Namespace

import pytest

from harness.cli.commands import init
from harness.errors import ConfigError


def test_without_a_terminal_nothing_is_asked(harness, tmp_path):
    made = harness("init", "a project")
    assert made.returncode == 0, made.stderr
    assert "cd 'a project'\n    harness run\n    pytest\n" in made.stdout
    assert 'name = "a-project"' in (tmp_path / "a project" / "harness.toml").read_text()
    assert (tmp_path / "a project" / "container" / "code" / "model.py").is_file()

    again = harness("init", "a project", "--template", "flask")
    assert again.returncode == 2
    assert "harness.toml" in again.stderr
    assert "nothing is overwritten" in again.stderr
    assert not (tmp_path / "a project" / "container" / "app.py").exists()


def test_json_says_what_was_made(harness, tmp_path):
    made = json.loads(harness("init", "--template", "script", "--json").stdout)
    assert made["folder"] == str(tmp_path)
    assert made["template"] == "script"
    assert made["next"] == ["harness run", "pytest", "harness run --keep"]
    assert "src/train.py" in made["files"]
    assert all((tmp_path / file).is_file() for file in made["files"])


def test_the_list_is_of_all_templates(harness, tmp_path):
    listed = json.loads(harness("init", "--list", "--json").stdout)["templates"]
    assert list(listed) == ["sklearn", "flask", "script", "gauss3", "image"]
    assert all(line in harness("init", "--list").stdout for line in listed.values())
    assert not list(tmp_path.iterdir())


def arguments(template=None, image="", as_json=False):
    return Namespace(template=template, image=image, json=as_json)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (arguments("flaks"), r"no template flaks \(did you mean flask\?\)"),
        (arguments("image"), "give --image NAME"),
        (arguments("flask", "an/image"), "builds an image of its own"),
    ],
)
def test_what_does_not_go_together_is_refused(given, sentence):
    with pytest.raises(ConfigError, match=sentence):
        init._template(given)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("typed", "template"), [("script\n", "script"), ("\n", "sklearn")])
def test_on_a_terminal_the_template_is_asked_for(monkeypatch, typed, template):
    shown = Terminal()
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    monkeypatch.setattr("sys.stderr", shown)
    assert init._template(arguments()) == template
    assert "Which template?" in shown.getvalue()

    assert init._template(arguments("flask")) == "flask"
    assert init._template(arguments(image="an/image")) == "image"
    assert init._template(arguments(as_json=True)) == "sklearn"
