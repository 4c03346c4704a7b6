"""What the kernel says of a container's sockets, read."""

from harness.local.engine.inspection import Listener, read_listeners

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0
   1: 00000000:2382 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0
   2: 020011AC:1F90 010011AC:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0
"""
TCP6 = """\
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0
   1: 0000000000000000FFFF00000100007F:1F91 00000000000000000000000000000000:0000 0A 0
"""


def test_only_what_listens_counts():
    assert read_listeners(TCP) == [Listener("127.0.0.1", 8080), Listener("0.0.0.0", 9090)]


def test_addresses_of_version_6_are_read_and_mapped_ones_told():
    found = read_listeners(TCP6)
    assert found == [Listener("::", 8080), Listener("127.0.0.1", 8081)]
    assert [each.reachable for each in found] == [True, False]
    assert str(found[0]) == "[::]:8080"
