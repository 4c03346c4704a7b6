"""What can be released: a tag that is the version, with an entry in the changelog."""

from __future__ import annotations

import pytest

from scripts.release import ReleaseError, entry

CHANGELOG = """\
# Changelog

## [Unreleased]

## [1.2.3] - 2026-11-26

### Added

- Something.

## [1.2.2] - 2026-11-25
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def test_the_entry_is_that_of_the_version(root):
    assert entry("v1.2.3", root) == "### Added\n\n- Something."


def test_a_tag_of_another_version_is_refused(root):
    with pytest.raises(ReleaseError, match=r"the tag is v1\.2\.4, and the version .* is 1\.2\.3"):
        entry("v1.2.4", root)


@pytest.mark.parametrize(
    ("heading", "said"),
    [
        ("## [1.2.3]", "no entry `## [1.2.3] - YYYY-MM-DD`"),
        ("## [1x2x3] - 2026-11-26", "no entry"),
        ("## [1.2.3] - 2026-11-26\n\n## [1.2.2.1] - 2026-11-26", "says nothing of 1.2.3"),
    ],
)
def test_a_version_that_the_changelog_does_not_tell_of_is_refused(root, heading, said):
    changed = CHANGELOG.replace("## [1.2.3] - 2026-11-26", heading)
    (root / "CHANGELOG.md").write_text(changed)
    with pytest.raises(ReleaseError) as refused:
        entry("v1.2.3", root)
    assert said in str(refused.value)
