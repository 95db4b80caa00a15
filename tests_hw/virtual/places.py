"""Ports for racks of up to twelve DUTs that no other rack of these suites has had for long. A warden goes on looking for the rack it
was left with, at its old address; a rack that came to have that address next would be refused as one it still works on. Nor does the
system give these ports to others: they lie below 32768, where its own range begins.

With `--port-base P` (docs/virtual-rack.md) BMCs have P and up, the doors P + 98 and P + 99, the hosts P + 100 and up. Of each 28 ports a
rack has the first twelve, and of those 84 further on the last fourteen.
"""
import fcntl
import os
import socket
import tempfile

FIRST, APART, MANY = 10_000, 28, 800


def port_base():
    """The next place that nobody else on this machine uses."""
    for _ in range(MANY):
        base = next_base()
        if all(is_free(base + offset) for offset in (*range(12), *range(98, 112))):
            return base
    raise RuntimeError("no ports are left for a rack")


def is_free(port):
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def next_base():
    """Counted in a file that all suites of this user share."""
    name = os.path.join(tempfile.gettempdir(), f"kiln-test-places-{os.getuid()}")
    file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        told = os.read(file, 16)
        turn = int(told) if told.strip().isdigit() else 0
        os.pwrite(file, b"%-16d" % ((turn + 1) % MANY), 0)
    finally:
        os.close(file)
    return FIRST + APART * (turn % MANY)
