"""How long the preflight takes in an account where nothing is missing, as far away as AWS is.

    python benchmarks/preflight.py [--json] [--rounds 5] [--rtt 0.1]

The account is a local AWS behind a relay that holds every message back for half of `--rtt` seconds,
and a new connection for two round trips more, as TLS does. The floor is the longest chain of calls
that wait for one another, with nothing but the way there and back: who calls (STS), what its role
is, and what that may do (IAM twice), over two new connections. Each round is a process of its own,
as `harness run` is; its imports count.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from shared.command import argument_parser, tell

from harness.account import policy_documents
from harness.config.places import Aws
from harness.config.settings import Settings
from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session

if TYPE_CHECKING:
    from collections.abc import Iterator

GOAL = 2.0  # seconds
ACCOUNT = "123456789012"
CHAIN = 3  # calls that wait for one another
HANDSHAKE = 3  # round trips before the first call of a connection: TCP's and TLS's
CONNECTIONS = 2  # of the chain

CHILD = """
import time
start = time.monotonic()
from harness.config import loading
from harness.account import preflight
missing = [c for c in preflight.examine(loading.load()) if not c.ok or c.unknown]
print(time.monotonic() - start)
raise SystemExit("\\n".join(map(str, missing)) or 0)
"""


def pump(source: socket.socket, target: socket.socket, delay: float) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            time.sleep(delay)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def relay(port: int, rtt: float) -> Iterator[str]:
    """A URL that leads to a port of loopback, `rtt` seconds there and back."""

    def serve(client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            time.sleep(HANDSHAKE * rtt)
            back = threading.Thread(target=pump, args=(server, client, rtt / 2), daemon=True)
            back.start()
            pump(client, server, rtt / 2)
            back.join()

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def set_up(server: LocalAWS) -> dict[str, str]:
    """Make role and bucket; returns the variables of somebody who runs on that account."""
    settings = Settings(
        target="aws",
        aws=Aws(role_arn=f"arn:aws:iam::{ACCOUNT}:role/harness-execution", bucket="benchmark"),
    )
    boto = local_boto_session(server.url, settings.region)
    boto.client("s3").create_bucket(Bucket="benchmark")
    iam = boto.client("iam")
    documents = {
        name: json.dumps(policy_documents.document(name, settings, ACCOUNT))
        for name in (policy_documents.EXECUTION_ROLE_TRUST, policy_documents.EXECUTION_ROLE)
    }
    role = "harness-execution"
    iam.create_role(
        RoleName=role, AssumeRolePolicyDocument=documents[policy_documents.EXECUTION_ROLE_TRUST]
    )
    iam.put_role_policy(
        RoleName=role,
        PolicyName="harness",
        PolicyDocument=documents[policy_documents.EXECUTION_ROLE],
    )
    return {
        "AWS_ACCESS_KEY_ID": "harness",
        "AWS_SECRET_ACCESS_KEY": "harness",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "HARNESS_TARGET": "aws",
        "HARNESS_AWS_ROLE_ARN": settings.aws.role_arn,
        "HARNESS_AWS_BUCKET": "benchmark",
    }


def measure(variables: dict[str, str]) -> float:
    child = subprocess.run(
        [sys.executable, "-c", CHILD],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if child.returncode:
        raise SystemExit(f"the preflight found something missing: {child.stderr}")
    return float(child.stdout)


def main() -> int:
    parser = argument_parser(__doc__)
    parser.add_argument("--rtt", type=float, default=0.1, help="seconds there and back")
    arguments = parser.parse_args()
    with LocalAWS() as server:
        variables = set_up(server)
        measure(variables | {"AWS_ENDPOINT_URL": server.url})  # what is compiled and loaded once
        with relay(server.port, arguments.rtt) as url:
            seconds = [
                measure(variables | {"AWS_ENDPOINT_URL": url}) for _ in range(arguments.rounds)
            ]
    median = statistics.median(seconds)
    floor = (CHAIN + CONNECTIONS * HANDSHAKE) * arguments.rtt
    table = (
        f"preflight  median {median:.2f} s, best {min(seconds):.2f} s\n"
        f"floor      {floor:.2f} s of network\n"
        f"{'ok' if median <= GOAL else 'MISSED'}: {median:.2f} s of {GOAL:.1f} s"
    )
    result = {"seconds": seconds, "median": median, "floor": floor, "goal": GOAL}
    tell(result, table, as_json=arguments.json)
    return 0 if median <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
