"""The preflight, asked with other settings, and what it finds."""

import itertools
import json

from harness.account import policy_documents, preflight

ACCOUNT = "123456789012"

numbers = itertools.count(1)
"""For names that no other test has."""


def role(settings):
    return policy_documents.Role(settings.aws.role_arn).name


def document(name, settings):
    return json.dumps(policy_documents.document(name, settings, ACCOUNT))


def changed(settings, section=None, **members):
    """The settings with other members, of a section or of the whole."""
    if section:
        members = {section: getattr(settings, section).model_copy(update=members)}
    return settings.model_copy(update=members)


def problems(settings):
    found = [check for check in preflight.examine(settings) if not check.ok]
    assert all(check.remedy for check in found)
    return {check.name: f"{check.detail} → {check.remedy}" for check in found}


def unknown(settings):
    found = {check.name: check for check in preflight.examine(settings)}
    assert all(check.ok for check in found.values()), found
    return {name: check.detail for name, check in found.items() if check.unknown}
