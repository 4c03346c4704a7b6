"""Sockets that listen at an address of this machine, or say in one sentence why they can't."""

from __future__ import annotations

import errno
import os
import socket

BACKLOG = 512

_TO_DO = {
    errno.EADDRINUSE: "choose another port (`harness up --port 0` takes a free one), or stop what "
    "listens there (`ss -ltnp` shows it)",
    errno.EACCES: "choose a port from 1024 on; those below are root's",
}


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; `port` 0 takes a free one, and host `::` is IPv4's, too.

    Raises:
        OSError: the port is taken, or the address isn't this machine's. The text says what to do.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server(
            (host, port), family=family, backlog=BACKLOG, dualstack_ipv6=host == "::"
        )
    except OSError as error:
        to_do = _TO_DO.get(error.errno or 0, "choose an address of this machine, such as 127.0.0.1")
        raise OSError(
            f"the local AWS can't listen on {host}, port {port}: {_words(error)}; {to_do}."
        ) from error


def _words(error: OSError) -> str:
    """The system's own, without the address, which the sentence has."""
    known = isinstance(error, socket.gaierror) or not error.errno
    return str(error.strerror or error) if known else os.strerror(error.errno or 0)
