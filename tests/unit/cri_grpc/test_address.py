"""Addresses that a runtime is served and found at. upstream: pkg/kubelet/util/util_unix.go, 1.28."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from kubelab.cri.grpc import address


@pytest.mark.parametrize(("given", "shown", "target"), [
    ("unix:///run/containerd/containerd.sock", "unix:///run/containerd/containerd.sock", "unix:/run/containerd/containerd.sock"),
    ("unix:/run/c.sock", "unix:///run/c.sock", "unix:/run/c.sock"),
    ("/run/c.sock", "unix:///run/c.sock", "unix:/run/c.sock"),
    (Path("/run/c.sock"), "unix:///run/c.sock", "unix:/run/c.sock"),
    ("127.0.0.1:3735", "127.0.0.1:3735", "127.0.0.1:3735"),
    ("tcp://localhost:1", "localhost:1", "localhost:1"),
    ("[::1]:0", "[::1]:0", "[::1]:0"),
])  # fmt: skip
def test_an_address_is_read(given, shown, target):
    found = address.parse(given)
    assert (str(found), found.target) == (shown, target)


@pytest.mark.parametrize(
    "given", ["", "containerd.sock", "unix://c.sock", "http://x", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", ":80", b"/x"]
)
def test_what_is_no_address_is_refused_with_what_would_be(given):
    with pytest.raises(ValueError, match=r"address .*: give \"unix:///path/to/cri\.sock\" or \"127\.0\.0\.1:PORT\""):
        address.parse(given)


def test_a_path_may_have_as_many_bytes_as_the_kernel_takes():
    longest = "/" + "a" * 106
    assert address.parse(longest).path == longest
    with pytest.raises(ValueError, match="its path has 108 bytes, and a socket's path at most 107"):
        address.parse(longest + "a")
    with pytest.raises(ValueError, match="its path has 109 bytes"):
        address.parse("/" + "ä" * 54)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.2", "[::]", "example.com"])
def test_it_is_served_to_this_machine_alone(host):
    with pytest.raises(ValueError, match="served to this machine alone"):
        address.to_listen(f"{host}:0")


def test_where_nobody_could_listen(tmp_path):
    with pytest.raises(ValueError, match=f"there is no folder {tmp_path}/none"):
        address.to_listen(f"unix://{tmp_path}/none/c.sock")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="which is not a socket"):
        address.to_listen(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_socket_that_is_left_over_goes_and_one_that_is_used_stays(tmp_path):
    path = tmp_path / "c.sock"
    with socket.socket(socket.AF_UNIX) as used:
        used.bind(str(path))
        used.listen()
        with pytest.raises(ValueError, match="address already in use"):
            address.to_listen(path)
        assert path.exists()
    assert address.to_listen(path).path == str(path)
    assert not path.exists()
