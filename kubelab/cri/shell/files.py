"""The files that a process sees: its container's own layer, mounted volumes, the few files that every container has."""

from __future__ import annotations

from collections.abc import Mapping

from kubelab.cri.api import Mount, World
from kubelab.cri.effects import Effect, WriteFile
from kubelab.cri.shell.patterns import compile_pattern

_ROOTS = (
    "/bin",
    "/data",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/mnt",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/var",
)
_OPEN_TREES = ("/usr/", "/var/", "/etc/", "/opt/", "/run/")
_NOT_SEALED = ("/dev/", "/proc/", "/sys/")
_NAMESPACE_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"


def hosts_file(address: str, hostname: str, domain: str = "") -> str:
    """upstream: pkg/kubelet/kubelet_pods.go managedHostsFileContent, 1.28."""
    name = hostname.removesuffix(f".{domain}") if domain else hostname
    names = f"{name}.{domain}\t{name}" if domain else name
    return (
        "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
        f"{address}\t{names}\n"
    )


class Denied(OSError):
    """A file operation failed; the text is the C library's."""


class FileView:
    """Reads and writes during one `advance`; what was written to volumes becomes effects."""

    def __init__(
        self, files: Mapping[str, str], mounts: tuple[Mount, ...], hostname: str, namespace: str, world: World, domain: str = ""
    ) -> None:
        self.files = dict(files)
        self.effects: list[Effect] = []
        self._mounts = sorted((mount for mount in mounts if mount.container_path != "/"), key=lambda mount: -len(mount.container_path))
        self._sealed = len(self._mounts) < len(mounts)
        self._hostname = hostname
        self._domain = domain
        self._namespace = namespace
        self.world = world
        self._volumes: dict[str, dict[str, str]] = {}

    def read(self, path: str) -> str:
        """Text of a file; Denied."""
        found = self._find(path)
        if found is None:
            raise Denied("Is a directory" if self.is_directory(path) else "No such file or directory")
        return found

    def write(self, path: str, text: str, *, append: bool = False) -> None:
        """Creates, replaces or extends a file; its directory must exist."""
        if path == "/dev/null":
            return
        if self.is_directory(path):
            raise Denied("Is a directory")
        if not self.is_directory(path.rpartition("/")[0] or "/") and not path.startswith(_OPEN_TREES):
            raise Denied("nonexistent directory")
        self._put(path, (self._find(path) or "") + text if append else text)

    def remove(self, path: str) -> None:
        """Removes a file, or a directory with all in it."""
        if self._find(path) is not None:
            self._put(path, None)
        for inside in self._below(path):
            self._put(inside, None)
        self._put(path + "/", None)

    def make_directory(self, path: str) -> None:
        """Makes a directory (its parents come with it)."""
        if not self.is_directory(path):
            self._put(path + "/", "")

    def is_file(self, path: str) -> bool:
        """Whether a regular file is there."""
        return self._find(path) is not None

    def is_directory(self, path: str) -> bool:
        """Whether a directory is there."""
        if path in _ROOTS or path == "/" or path + "/" in self.files:
            return True
        if any(mount.container_path == path or mount.container_path.startswith(path + "/") for mount in self._mounts):
            return self._find(path) is None
        return path in _USUAL or bool(self._below(path))

    def names(self, directory: str) -> list[str]:
        """Names of the entries of a directory, sorted."""
        prefix = directory.rstrip("/") + "/"
        found: dict[str, None] = {}
        for path in self._below(directory.rstrip("/")):
            name = path[len(prefix) :].split("/")[0]
            if name:
                found[name] = None
        for mount in self._mounts:
            if mount.container_path.startswith(prefix):
                found[mount.container_path[len(prefix) :].split("/")[0]] = None
        if directory == "/":
            found |= {root[1:]: None for root in _ROOTS}
        return sorted(found)

    def glob(self, pattern: str, directory: str) -> list[str]:
        """Paths that match a pattern with `*`, `?`, `[…]`, relative ones from `directory`; empty if none does."""
        absolute = pattern.startswith("/")
        found = [""] if absolute else [directory.rstrip("/")]
        base = "" if absolute else directory.rstrip("/") + "/"
        for step in pattern.strip("/").split("/"):
            matcher = compile_pattern(step)
            deeper: list[str] = []
            for parent in found:
                for name in self.names(parent or "/"):
                    if matcher.fullmatch(name) and (not name.startswith(".") or step.startswith(".")):
                        deeper.append(f"{parent}/{name}")
            found = deeper
        return [path[len(base) :] for path in found]

    def _find(self, path: str) -> str | None:
        place = self._place(path) if self._mounts else None
        if place is not None:
            mount, key = place
            return self._contents(mount.volume).get(key)
        own = self.files.get(path)
        if own is not None:
            return own
        if path == "/etc/hostname":
            return self._hostname + "\n"
        if path == _NAMESPACE_FILE:
            return self._namespace
        if path == "/etc/resolv.conf":
            domain = "svc.cluster.local"
            return f"search {self._namespace}.{domain} {domain} cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"
        if path == "/etc/hosts":
            return hosts_file(self.world.address(), self._hostname, self._domain)
        return "" if path in ("/dev/null", "/dev/stdin") else None

    def _place(self, path: str) -> tuple[Mount, str] | None:
        for mount in self._mounts:
            if path == mount.container_path:
                return mount, mount.sub_path.strip("/")
            if path.startswith(mount.container_path.rstrip("/") + "/"):
                inside = path[len(mount.container_path.rstrip("/")) + 1 :]
                sub = mount.sub_path.strip("/")
                return mount, f"{sub}/{inside}" if sub else inside
        return None

    def _contents(self, volume: str) -> Mapping[str, str]:
        changed = self._volumes.get(volume)
        return self.world.files(volume) if changed is None else changed

    def _put(self, path: str, text: str | None) -> None:
        place = self._place(path)
        if place is None:
            if self._sealed and not path.startswith(_NOT_SEALED) and (text is not None or path in self.files):
                raise Denied("Read-only file system")
            self._check(text, "")
            if text is None:
                self.files.pop(path, None)
            else:
                self.files[path] = text
            return
        mount, key = place
        if not key:
            return
        if mount.readonly:
            raise Denied("Read-only file system")
        self._check(text, mount.volume)
        contents = dict(self._contents(mount.volume))
        if text is None:
            if contents.pop(key, None) is None:
                return
        else:
            contents[key] = text
        self._volumes[mount.volume] = contents
        self.effects.append(WriteFile(mount.volume, key, text))

    def _check(self, text: str | None, volume: str) -> None:
        """A disk that is full or lost takes nothing more; what is removed is removed."""
        error = "" if text is None else self.world.write_error(volume)
        if error:
            raise Denied(error)

    def _below(self, path: str) -> list[str]:
        prefix = path.rstrip("/") + "/"
        found = [item for item in self.files if item.startswith(prefix) and item != prefix and self._place(item) is None]
        for mount in self._mounts:
            root = mount.container_path.rstrip("/")
            sub = mount.sub_path.strip("/")
            start = f"{sub}/" if sub else ""
            for key in self._contents(mount.volume):
                if key.startswith(start) and f"{root}/{key[len(start) :]}".startswith(prefix):
                    found.append(f"{root}/{key[len(start) :]}")
        return found


_USUAL = frozenset(
    "/usr/bin /usr/lib /usr/local /usr/local/bin /usr/share /usr/sbin /var/cache /var/run /var/spool /var/tmp /var/www /dev/shm "
    "/usr/share/nginx /usr/share/nginx/html /usr/local/apache2 /usr/local/apache2/htdocs /etc/nginx /etc/nginx/conf.d /var/lib /var/log".split()
)
