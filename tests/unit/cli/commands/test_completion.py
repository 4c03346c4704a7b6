"""What completes commands, in the shells themselves where they are there."""

import json
import shutil
import subprocess

import pytest

ASK = {
    "bash": 'source ./script; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); '
    'COMP_LINE="{line}"; _shtab_harness; printf "%s\\n" "${{COMPREPLY[@]}}"',
    "fish": 'source ./script; complete -C "{line}"',
}  # fmt: skip


@pytest.fixture(scope="module")
def scripts():
    return {}


@pytest.fixture
def script(scripts, harness):
    """The script for a shell, made once."""

    def script(shell):
        if shell not in scripts:
            made = harness("completion", shell)
            assert (made.returncode, made.stderr) == (0, "")
            scripts[shell] = made.stdout
        return scripts[shell]

    return script


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_takes_it(script, tmp_path, shell):
    (tmp_path / "script").write_text(script(shell))
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} isn't installed")

    subprocess.run([shell, "-n", str(tmp_path / "script")], check=True, timeout=30)


@pytest.mark.parametrize("shell", list(ASK))
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("harness lo", {"logs"}),
        ("harness --vers", {"--version"}),
        ("harness run --dr", {"--dry-run"}),
        ("harness completion z", {"zsh"}),
        ("harness invoke endpoint ro", {"row.csv"}),
    ],
)
def test_what_is_offered(script, tmp_path, shell, line, offered):
    (tmp_path / "script").write_text(script(shell))
    (tmp_path / "row.csv").write_text("")
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} isn't installed")

    asked = subprocess.run(
        [shell, "-c", ASK[shell].format(line=line)],
        cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    found = {each.split("\t")[0] for each in asked.stdout.splitlines()}
    assert offered <= found, asked.stderr


def test_as_json(harness):
    said = json.loads(harness("completion", "fish", "--json").stdout)

    assert said["shell"] == "fish"
    assert "complete -c harness" in said["script"]


def test_it_says_where_it_goes(harness):
    assert "~/.config/fish/completions/harness.fish" in harness("completion", "--help").stdout
