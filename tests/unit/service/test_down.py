"""`harness down` from outside."""


def test_down_with_nothing_running_is_no_error(commands):
    down = commands.run("down")

    assert down.returncode == 0
    assert down.stdout == "no local AWS was running\n"
