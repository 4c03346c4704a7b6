"""A look at everything that a run on AWS needs, before its first call: all problems at once.

Each check asks AWS by itself, and all of them at the same time, so that the whole takes about as
long as its longest chain of calls. What AWS doesn't let the caller ask stays unknown, and stops
nothing. Nothing is created or changed.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from harness.account.calls import CONFIG, start
from harness.account.checks import bucket, caller, quotas, repository, role
from harness.account.checks.account import Account
from harness.account.checks.settings import check_instance_types, check_presence, check_region
from harness.account.identity import Identity, NoIdentity, open_session, see_network, wait
from harness.aws_model.regions import is_known
from harness.checks import Check
from harness.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from harness.config.settings import Settings

    Ask = Callable[[Account], list[Check]]
    Started = list[tuple[str, Future[list[Check]]]]

LIMIT = 30
"""Seconds after which a check that AWS hasn't answered counts as unknown."""

# Checks that ask services which a run calls, too; a network may well lead to no others.
_CALLED_BY_RUNS = {"bucket", "repository"}


def require(settings: Settings) -> None:
    """Return if a run on AWS can begin.

    Raises:
        ConfigError: it can't; the text has every problem, each with what mends it.
    """
    problems = [check for check in examine(settings) if not check.ok]
    if problems:
        raise ConfigError("\n".join([_heading(len(problems)), *map(_lines, problems)]))


def _heading(number: int) -> str:
    problems = "1 problem" if number == 1 else f"{number} problems"
    return f'target = "aws" can\'t run yet, {problems}:'


def _lines(check: Check) -> str:
    return f"  {check.name}: {check.detail}\n    → {check.remedy}"


def examine(settings: Settings, *, seconds: float = LIMIT) -> list[Check]:
    """Every check, in the order in which one mends what they find."""
    end = time.monotonic() + seconds
    checks = [*check_presence(settings), check_region(settings)]
    try:
        session = wait(start(partial(open_session, settings)), seconds)
        sts = session.client("sts", config=CONFIG)
        asked = start(partial(Identity.ask, sts, settings))
        # Nothing waits for the answer that can do without.
        started = _start(Account.of(settings, session, asked))
        checks.append(wait(asked, max(0, end - time.monotonic())).check)
    except NoIdentity as error:
        checks.append(error.check)
    else:
        checks += _answers(started, end)
    return checks + check_instance_types(settings)


def _start(account: Account) -> Started:
    """Start every check that the settings allow, each in a thread of its own."""
    return [
        (name, start(partial(_guarded, account, name, ask)))
        for name, ask in _allowed(account.settings)
    ]


def _allowed(settings: Settings) -> list[tuple[str, Ask]]:
    """The checks for which there is something to ask about, by name."""
    aws, allowed = settings.aws, list[tuple[str, "Ask"]]()
    if aws.role_arn:
        allowed.append(("role", role.check))
    if aws.bucket:
        allowed.append(("bucket", bucket.check))
    if aws.bucket and aws.role_arn:
        allowed.append(("caller", caller.check))
    if is_known(settings.region):
        allowed += [("repository", repository.check), ("quotas", quotas.check)]
    return allowed


def _guarded(account: Account, name: str, ask: Ask) -> list[Check]:
    """What a check finds, or what AWS or the network has against it."""
    try:
        return ask(account)
    except ClientError as error:
        return [Check.unclear(name, account.why_unknown(error))]
    except BotoCoreError as error:
        words = " ".join(str(error).split()).rstrip(".")
        if name in _CALLED_BY_RUNS:
            network = see_network(account.settings)
            return [Check(name, False, f"AWS can't be asked: {words}", network)]
        return [Check.unclear(name, words)]


def _answers(started: Started, end: float) -> list[Check]:
    """What the checks have found until `end`, by the monotonic clock."""
    found = []
    for name, checks in started:
        try:
            found += checks.result(max(0, end - time.monotonic()))
        except TimeoutError:
            found.append(Check.unclear(name, "AWS doesn't answer in time"))
    return found
