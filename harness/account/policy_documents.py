"""The IAM policies that a run on AWS needs and no more, with what is to be filled in.

The files of the folder `policies` are templates: `document` fills one in with the settings'
bucket, role, repository and region. `harness policy` prints them, the preflight asks IAM whether
they hold, and docs/aws.md says whom they are for.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any

from harness.aws_model.regions import partition
from harness.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.config.settings import Settings

EXECUTION_ROLE_TRUST = "execution-role-trust"
EXECUTION_ROLE = "execution-role"
CALLER = "caller"
AUTOSCALING = "autoscaling"
CI_TRUST = "ci-trust"

NAMES = (EXECUTION_ROLE_TRUST, EXECUTION_ROLE, CALLER, AUTOSCALING, CI_TRUST)

DEFAULT_ROLE = "harness-execution"
"""Name of the execution role where aws.role_arn isn't set yet."""

_TEMPLATES = resources.files("harness.account") / "policies"
_ROLE = re.compile(r"arn:[\w-]+:iam::(?P<account>\d{12}):role/(?P<path>.*/)?(?P<name>[^/]+)")
_SAMPLE = "preflight"


@dataclass(frozen=True)
class Role:
    """A role by its ARN."""

    arn: str

    @property
    def account(self) -> str:
        return self._match["account"]

    @property
    def name(self) -> str:
        """Without its path."""
        return self._match["name"]

    @property
    def _match(self) -> re.Match[str]:
        match = _ROLE.fullmatch(self.arn)
        assert match is not None, self.arn  # noqa: S101  # the settings have seen to it
        return match


@dataclass(frozen=True)
class Ask:
    """A question to IAM that a statement answers with yes: these actions, on such resources?

    `context` has a value for each key of the statement's conditions.
    """

    statement: Mapping[str, Any]
    pattern: str
    context: Mapping[str, str]

    @property
    def resource(self) -> str:
        """One that the pattern matches."""
        return _sample(self.pattern)

    @property
    def where(self) -> str:
        return "any resource" if self.pattern == "*" else self.pattern

    @property
    def actions(self) -> list[str]:
        return _listed(self.statement["Action"])

    def limited_to(self, actions: list[str]) -> dict[str, Any]:
        """The statement for these of its actions only."""
        return {**self.statement, "Action": actions}


def document(name: str, settings: Settings, account: str, *, github: str = "") -> dict[str, Any]:
    """The policy of that name for these settings, in an account.

    `github` is the repository (`owner/name`) whose workflows `ci-trust` lets in.

    Raises:
        ConfigError: there is no such policy, or it is about something that the settings don't say.
    """
    if name not in NAMES:
        raise ConfigError(f"there is no policy {name}; there are {', '.join(NAMES)}.")
    text = (_TEMPLATES / f"{name}.json").read_text(encoding="utf-8")
    aws = settings.aws
    of = partition(settings.region)
    values = {
        "partition": of,
        "region": settings.region,
        "account": account,
        "bucket": aws.bucket,
        "keys": f"{aws.prefix}/*" if aws.prefix else "*",
        "repository": aws.repository,
        "role_arn": aws.role_arn or f"arn:{of}:iam::{account}:role/{DEFAULT_ROLE}",
        "github": github,
    }
    missing = {
        "bucket": "set aws.bucket in harness.toml or HARNESS_AWS_BUCKET",
        "github": "say which repository's workflows it is for: --github OWNER/REPOSITORY",
        "account": "say which account it is for: --account, or set aws.role_arn",
    }
    for key, remedy in missing.items():
        if f"${{{key}}}" in text and not values[key]:
            raise ConfigError(f"the policy {name} can't be filled in: {remedy}.")
    filled: dict[str, Any] = json.loads(Template(text).substitute(values))
    return filled


def asks(policy: Mapping[str, Any]) -> Iterator[Ask]:
    """What IAM is to be asked to know whether somebody may do all that a policy allows."""
    for statement in policy["Statement"]:
        context = {
            key: _sample(_listed(values)[0])
            for keys in statement.get("Condition", {}).values()
            for key, values in keys.items()
        }
        for resource in _listed(statement["Resource"]):
            yield Ask(statement, resource, context)


def _sample(pattern: str) -> str:
    """Something that a pattern matches; all resources stay all."""
    return pattern if pattern == "*" else pattern.replace("*", _SAMPLE)


def _listed(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [value]
