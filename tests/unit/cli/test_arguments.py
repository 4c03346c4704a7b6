"""Arguments that are none."""

import pytest


@pytest.mark.parametrize("port", ["65536", "-1", "http"])
def test_an_impossible_port_is_wrong_usage(harness, port):
    refused = harness("up", f"--port={port}")

    assert refused.returncode == 2
    assert "no port" in refused.stderr


@pytest.mark.parametrize("time", ["nan", "0", "-1", "inf", "soon"])
def test_an_impossible_time_is_wrong_usage(harness, time):
    refused = harness("check", f"--time-limit={time}")

    assert refused.returncode == 2
    assert f"{time} is no time" in refused.stderr
