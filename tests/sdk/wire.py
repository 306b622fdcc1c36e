"""TCP as a client in another network namespace speaks it."""

import ctypes
import os
import socket
import threading

CLONE_NEWNET = 0x4000_0000
# How long an answer may take: some lost segments long.
PATIENCE_SECS = 8


def inside(namespace, work):
    """Does work on a thread within the namespace of this path. A socket made there stays there."""
    outcome = []

    def run():
        handle = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"setns to {namespace}")
            outcome.append((work(), None))
        except OSError as error:
            outcome.append((None, error))
        finally:
            os.close(handle)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


class Talk:
    """A connection to an echo server that first says who it is and whom it sees."""

    def __init__(self, namespace, address, port, patience_secs=PATIENCE_SECS):
        self.stream = inside(namespace, lambda: socket.create_connection((address, port), patience_secs))
        self.lines = self.stream.makefile("rb")
        self.server, _, self.seen_as = self.lines.readline().decode().strip().partition(" ")
        if not self.server:
            raise ConnectionError(f"{address}:{port} says nothing")

    def say(self, words):
        """Says a line and hears it back. OSError: the connection is over."""
        self.stream.sendall(words + b"\n")
        heard = self.lines.readline()
        if heard != words + b"\n":
            raise ConnectionError(f"said {words}, heard {heard}")


def assert_over(talk):
    """A connection must be over, and its client be told."""
    try:
        talk.say(b"too late")
    except TimeoutError:
        raise AssertionError("the client was not told that its connection is over") from None
    except OSError:
        return
    raise AssertionError("the connection goes on")


def is_refused(namespace, address, port):
    """Whether nobody answers there now."""
    try:
        Talk(namespace, address, port, 1)
    except OSError:
        return True
    return False


def ask_by_udp(namespace, address, port, datagram):
    """The answer to a datagram, of which one may get lost. OSError: there is none."""

    def ask():
        with socket.socket(type=socket.SOCK_DGRAM) as asking:
            asking.settimeout(1)
            asking.connect((address, port))
            for _ in range(PATIENCE_SECS):
                asking.send(datagram)
                try:
                    return asking.recv(1500)
                except TimeoutError:
                    continue
            raise TimeoutError(f"no answer from {address}:{port} by UDP")

    return inside(namespace, ask)
