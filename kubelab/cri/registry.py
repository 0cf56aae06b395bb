"""The registry that simulated nodes pull from: which tags exist, how large an image is.

`data/registry.json` lists well-known repositories with tag patterns and compressed sizes; a repository that is not listed has
every tag; `unknownHosts` are registries that cannot be reached. Failures are worded as containerd words them (containerd:
remotes/docker/resolver.go, client pull.go).
How long a pull takes is the kubelet's matter (`Timing`), from the size.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path

from kubelab.cri.reference import InvalidReference, Reference, parse

_MEGABYTE = 1_000_000
_TABLE = Path(__file__).parent / "data" / "registry.json"


@dataclass(frozen=True, slots=True)
class Image:
    """An image that exists: its full reference, its id (digest of the contents), the packed size."""

    name: str
    id: str
    repo_digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PullFailure:
    """A pull that cannot succeed, in the runtime's words."""

    message: str
    invalid: bool = False


@lru_cache(maxsize=4096)
def resolve(image: str) -> Image | PullFailure:
    """Looks an image up as a registry would."""
    try:
        reference = parse(image)
    except InvalidReference as error:
        message = f'rpc error: code = Unknown desc = failed to parse image reference "{image}": {error}'
        return PullFailure(message, invalid=True)
    if _unknown_hosts().fullmatch(reference.name.partition("/")[0]):
        return PullFailure(no_such_host(reference))
    size_mb = _size_of(reference)
    if size_mb is None:
        return PullFailure(not_found(reference))
    digest = reference.digest or "sha256:" + sha256(str(reference).encode()).hexdigest()
    identity = "sha256:" + sha256(f"config {digest}".encode()).hexdigest()
    return Image(str(reference), identity, f"{reference.name}@{digest}", int(size_mb * _MEGABYTE))


def not_found(reference: Reference) -> str:
    """What containerd answers when the registry does not know the tag."""
    return (
        f'rpc error: code = NotFound desc = failed to pull and unpack image "{reference}": '
        f'failed to resolve reference "{reference}": {reference}: not found'
    )


def no_such_host(reference: Reference) -> str:
    """What containerd answers when the name of the registry does not resolve."""
    host, _, path = reference.name.partition("/")
    return (
        f'rpc error: code = Unknown desc = failed to pull and unpack image "{reference}": failed to resolve reference "{reference}": '
        f'failed to do request: Head "https://{host}/v2/{path}/manifests/{reference.digest or reference.tag}": '
        f"dial tcp: lookup {host}: no such host"
    )


def _size_of(reference: Reference) -> float | None:
    table, default_mb = _table()
    known = table.get(reference.name)
    if known is None:
        return default_mb
    tags, size_mb = known
    if reference.digest or tags.fullmatch(reference.tag):
        return size_mb
    return None


@cache
def _table() -> tuple[dict[str, tuple[re.Pattern[str], float]], float]:
    data = json.loads(_TABLE.read_text("utf-8"))
    table: dict[str, tuple[re.Pattern[str], float]] = {}
    for row in data["repositories"]:
        compiled = re.compile("|".join(f"(?:{pattern})" for pattern in row["tags"]))
        for name in row["names"]:
            table[name] = (compiled, float(row["megabytes"]))
    return table, float(data["defaultMegabytes"])


@cache
def _unknown_hosts() -> re.Pattern[str]:
    """Registries that do not exist: RFC 2606's names, and the one that upstream's tests fail to pull from."""
    return re.compile("|".join(json.loads(_TABLE.read_text("utf-8"))["unknownHosts"]))
