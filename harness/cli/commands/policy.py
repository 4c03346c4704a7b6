"""Print a policy of IAM's that a run on AWS needs, filled in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from harness.cli.arguments import account, settings_of
from harness.cli.output import print_json

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from harness.cli.signals import Signals


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "name",
        metavar="POLICY",
        help="execution-role-trust, execution-role, caller, autoscaling or ci-trust: docs/aws.md "
        "says whom they are for",
    )
    parser.add_argument(
        "--account", type=account, help="12 digits; by default that of aws.role_arn"
    )
    parser.add_argument(
        "--github", default="", metavar="OWNER/REPOSITORY", help="ci-trust: whose workflows"
    )


def run(arguments: Namespace, _: Signals) -> int:
    settings = settings_of(arguments)
    from harness.account import policy_documents

    role = settings.aws.role_arn
    number = arguments.account or (policy_documents.Role(role).account if role else "")
    found = policy_documents.document(arguments.name, settings, number, github=arguments.github)
    if arguments.json:
        print_json(**found)
    else:
        print(json.dumps(found, indent=2))
    return 0
