"""Addresses of runtimes: Unix sockets, and the loopback interface.

upstream: pkg/kubelet/util/util_unix.go GetAddressAndDialer (unix, tcp), pkg/kubelet/util/util_unix.go CreateListener (a socket file that is left over goes).
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import NamedTuple

LONGEST_PATH = 107  # sizeof(sockaddr_un.sun_path) - 1
FORMS = 'give "unix:///path/to/cri.sock" or "127.0.0.1:PORT"'


class Address(NamedTuple):
    """Where a runtime is: ``path`` of a socket, or ``host`` and ``port``."""

    path: str
    host: str = ""
    port: int = 0

    @property
    def target(self) -> str:
        """As gRPC takes it."""
        return f"unix:{self.path}" if self.path else f"{self._host}:{self.port}"

    def __str__(self) -> str:
        return f"unix://{self.path}" if self.path else f"{self._host}:{self.port}"

    @property
    def _host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def parse(given: str | os.PathLike[str]) -> Address:
    """An address as kubelet and crictl write it; a bare path is a socket's. Raises ValueError."""
    text = os.fspath(given)
    if not isinstance(text, str):
        raise ValueError(f"address {given!r} is not text: {FORMS}")
    if text.startswith(("unix:", "/")):
        path = text.removeprefix("unix:").removeprefix("//")
        if not path.startswith("/"):
            raise ValueError(f"address {text!r}: the path of a socket begins with /: {FORMS}")
        if (length := len(os.fsencode(path))) > LONGEST_PATH:
            raise ValueError(
                f"address {text!r}: its path has {length} bytes, and a socket's path at most {LONGEST_PATH}: choose a shorter one"
            )
        return Address(path)
    host, _, port = text.removeprefix("tcp://").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"address {text!r} is not known: {FORMS}")
    return Address("", host, int(port))


def to_listen(given: str | os.PathLike[str]) -> Address:
    """Where a server can listen: nobody may be there yet, and TCP is for this machine alone, since nobody is asked who he is. Raises ValueError."""
    found = parse(given)
    if not found.path:
        if not _is_loopback(found.host):
            raise ValueError(f"address {found}: the CRI knows no users, so it is served to this machine alone: {FORMS}")
        return found
    folder = Path(found.path).parent
    if not folder.is_dir():
        raise ValueError(f"address {found}: there is no folder {folder}")
    try:
        mode = os.lstat(found.path).st_mode
    except FileNotFoundError:
        return found
    if not stat.S_ISSOCK(mode):
        raise ValueError(f"address {found}: there is a file of this name which is not a socket")
    if _answers(found.path):
        raise ValueError(f"address {found}: address already in use: somebody listens there")
    os.unlink(found.path)  # left over from a server that is gone
    return found


def fresh() -> tuple[Address, str]:
    """A socket in a new folder, and the folder; where there are no such sockets, any port of this machine."""
    if not hasattr(socket, "AF_UNIX"):
        return Address("", "127.0.0.1", 0), ""
    folder = tempfile.mkdtemp(prefix="kubelab-cri-")
    return to_listen(f"unix://{folder}/cri.sock"), folder


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
        except TimeoutError:
            return True
        except OSError as error:
            return error.errno not in (errno.ECONNREFUSED, errno.ENOENT)
    return True
