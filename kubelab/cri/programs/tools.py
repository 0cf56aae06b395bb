"""Commands that well-known images have beside the shell's own: what they print, how they end, or that they run on as a server."""

from __future__ import annotations

from functools import lru_cache

from kubelab.cri.effects import Answer
from kubelab.cri.reference import InvalidReference, parse

_BASE_IMAGES = frozenset(f"docker.io/library/{name}" for name in ("busybox", "alpine", "debian", "ubuntu", "centos", "fedora", "bash"))
_BUSYBOX_MIRRORS = ("/busybox", "/e2e-test-images/busybox")
_ROOT_IMAGES = frozenset(
    f"docker.io/library/{name}" for name in ("nginx", "httpd", "redis", "postgres", "mysql", "mariadb", "mongo", "python", "node")
)
_SERVES: Answer = (None, "")
_TOOLS: dict[str, dict[str, Answer]] = {
    "busybox": {"httpd": _SERVES, "top": _SERVES},
    "alpine": {"httpd": _SERVES, "top": _SERVES, "apk": (0, "")},
    "debian": {"apt-get": (0, ""), "apt": (0, "")},
    "ubuntu": {"apt-get": (0, ""), "apt": (0, "")},
    "nginx": {"nginx": _SERVES, "nginx-debug": _SERVES, "docker-entrypoint.sh": _SERVES},
    "nginx-slim": {"nginx": _SERVES},
    "httpd": {"httpd": _SERVES, "httpd-foreground": _SERVES},
    "redis": {"redis-server": _SERVES, "redis-sentinel": _SERVES, "redis-cli": (0, "PONG\n"), "docker-entrypoint.sh": _SERVES},
    "postgres": {
        "postgres": _SERVES, "docker-entrypoint.sh": _SERVES, "psql": (0, ""), "pg_basebackup": (0, ""),
        "pg_isready": (0, "/var/run/postgresql:5432 - accepting connections\n"),
    },
    "mysql": {
        "mysqld": _SERVES, "docker-entrypoint.sh": _SERVES, "mysql": (0, ""), "mysqladmin": (0, "mysqld is alive\n"), "mysqldump": (0, ""),
    },
    "mariadb": {"mysqld": _SERVES, "mariadbd": _SERVES, "docker-entrypoint.sh": _SERVES, "mysql": (0, ""), "mysqladmin": (0, "mysqld is alive\n")},
    "xtrabackup": {"ncat": (0, ""), "xbstream": (0, ""), "xtrabackup": (0, ""), "mysql": (0, "")},
    "mongo": {"mongod": _SERVES, "mongos": _SERVES, "mongo": (0, ""), "mongosh": (0, ""), "docker-entrypoint.sh": _SERVES},
    "cassandra": {"cassandra": _SERVES, "nodetool": (0, ""), "cqlsh": (0, "")},
    "memcached": {"memcached": _SERVES},
    "python": {"python": _SERVES, "python3": _SERVES, "pip": (0, "")},
    "node": {"node": _SERVES, "npm": _SERVES},
    "openjdk": {"java": _SERVES},
    "java": {"java": _SERVES},
    "eclipse-temurin": {"java": _SERVES},
}  # fmt: skip


@lru_cache(maxsize=1024)
def base_image(image: str) -> bool:
    """Whether an image is an operating system's, whose entry point is a shell."""
    name = repository(image)
    return name in _BASE_IMAGES or name.endswith(_BUSYBOX_MIRRORS)


@lru_cache(maxsize=1024)
def runs_as_root(image: str) -> bool:
    """Whether an image is known to have no USER."""
    return base_image(image) or repository(image) in _ROOT_IMAGES


@lru_cache(maxsize=1024)
def repository(image: str) -> str:
    """Normalised repository of an image, empty if it cannot be parsed."""
    try:
        return parse(image).name
    except InvalidReference:
        return ""


def tag_of(image: str) -> str:
    """Tag of an image."""
    try:
        return parse(image).tag
    except InvalidReference:
        return ""


def matches(image: str, wanted: str) -> bool:
    """Whether an image is of the repository `wanted` (with a tag: exactly that one)."""
    try:
        asked, given = parse(wanted), parse(image)
    except InvalidReference:
        return False
    return asked.name == given.name and (":" not in wanted.rpartition("/")[2] or asked.tag == given.tag)


def answer(image: str, words: list[str]) -> Answer | None:
    """What a command of the image answers; None: the image has no such command."""
    name = words[0].rpartition("/")[2]
    known = _TOOLS.get(repository(image).rpartition("/")[2], {})
    found = known.get(name)
    if found is None and "docker-entrypoint.sh" in known and name == "entrypoint.sh":
        return _SERVES
    if name == "nginx" and "-s" in words:
        return 0, ""
    if found == _SERVES and any(word in ("--version", "-v", "-V", "-t", "--help") for word in words[1:2]):
        return 0, ""
    if name == "ncat" and found is not None and any(word in ("-l", "--listen") for word in words):
        return _SERVES
    return found
