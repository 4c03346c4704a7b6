"""`harness push` where there is nowhere to push to."""


def test_there_is_nowhere_to_push_to_locally(harness):
    refused = harness("push")

    assert refused.returncode == 2
    assert refused.stderr.startswith('harness: target = "local" has no repository to push to')
    assert refused.stderr.endswith("`harness push --target aws`.\n")
