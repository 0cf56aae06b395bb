"""A real containerd for the tests, with runc and an image of one static busybox: Debian's packages containerd, runc, busybox-static.

It needs no network: the image is made here, also under the name of the pause image; sandboxes share the machine's network, so no CNI plug-in is needed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import kubelab as kl

BUSYBOX = "docker.io/library/busybox:1.36"
PAUSE = "registry.k8s.io/pause:3.6"
NEEDED = {"containerd": "containerd", "ctr": "containerd", "runc": "runc", "busybox": "busybox-static"}
# The OOM score of a sandbox is below that of its parent, which a container of a CI may not set; /run is where containerd expects to be.
CONFIG = """\
version = 2
root = "{folder}/root"
state = "{folder}/state"
[grpc]
  address = "{folder}/c.sock"
[plugins."io.containerd.grpc.v1.cri"]
  disable_tcp_service = true
  restrict_oom_score_adj = true
  sandbox_image = "{pause}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
"""


def missing() -> str:
    """Why there can be no containerd here; "" if there can."""
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    packages = sorted({package for program, package in NEEDED.items() if shutil.which(program) is None})
    if packages:
        return f"not installed: {', '.join(packages)} (apt install {' '.join(packages)})"
    return "" if os.geteuid() == 0 else "containerd has to be started by root"


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """A containerd with its image; its address."""
    (folder / "config.toml").write_text(CONFIG.format(folder=folder, pause=PAUSE), encoding="utf-8")
    image(folder / "image.tar")
    with open(folder / "log", "wb") as log:
        daemon = subprocess.Popen(["containerd", "--config", str(folder / "config.toml")], stdout=log, stderr=log)
    address = f"unix://{folder}/c.sock"
    try:
        wait(address, folder / "log")
        ctr = ["ctr", "--address", f"{folder}/c.sock", "--namespace", "k8s.io"]
        subprocess.run(
            [*ctr, "images", "import", "--snapshotter", "native", str(folder / "image.tar")], check=True, capture_output=True, timeout=60
        )
        yield address
        with kl.cri.connect(address, timeout=30) as runtime:  # a containerd that goes leaves its containers running
            for box in runtime.list_pod_sandbox():
                runtime.remove_pod_sandbox(box["id"])
    finally:
        daemon.terminate()
        daemon.wait(timeout=30)


def wait(address: str, log: Path) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            kl.cri.connect(address, timeout=5).close()
            return
        except kl.CriError:
            if time.monotonic() > until:
                raise AssertionError(log.read_text(errors="replace")[-3000:]) from None
            time.sleep(0.1)


def image(path: Path) -> None:
    """An image of a static busybox as an OCI archive. upstream: opencontainers/image-spec image-layout.md, manifest.md, config.md."""
    layer = _layer(Path(shutil.which("busybox") or "/bin/busybox").read_bytes())
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/sleep", "100000"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }).encode()  # fmt: skip
    kind = "application/vnd.oci.image"
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": f"{kind}.manifest.v1+json",
        "config": {"mediaType": f"{kind}.config.v1+json", "digest": _digest(config), "size": len(config)},
        "layers": [{"mediaType": f"{kind}.layer.v1.tar", "digest": _digest(layer), "size": len(layer)}],
    }).encode()  # fmt: skip
    named = [
        {
            "mediaType": f"{kind}.manifest.v1+json",
            "digest": _digest(manifest),
            "size": len(manifest),
            "annotations": {"io.containerd.image.name": name},
        }
        for name in (BUSYBOX, PAUSE)
    ]
    with tarfile.open(path, "w") as archive:
        _put(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _put(archive, "index.json", json.dumps({"schemaVersion": 2, "manifests": named}).encode())
        for blob in (layer, config, manifest):
            _put(archive, f"blobs/sha256/{_digest(blob).removeprefix('sha256:')}", blob)


def _layer(busybox: bytes) -> bytes:
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode="w") as archive:
        for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
        _put(archive, "bin/busybox", busybox, 0o755)
        for name in ("cat", "echo", "sh", "sleep"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    return found.getvalue()


def _put(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _digest(blob: bytes) -> str:
    return "sha256:" + hashlib.sha256(blob).hexdigest()
