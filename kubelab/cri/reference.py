"""Image references: docker's grammar, normalised names, the default tag.

Upstream: vendor/github.com/docker/distribution/reference/{reference,regexp,normalize}.go, 1.20.2;
pkg/kubelet/images/image_manager.go (applyDefaultImageTag), 1.28.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

# Upstream lets a separator be empty; the same language without that does not backtrack exponentially.
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_DOMAIN_PART = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*(?::[0-9]+)?"
_NAME = rf"(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*"
_TAG = r"\w[\w.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_REFERENCE = re.compile(rf"({_NAME})(?::({_TAG}))?(?:@({_DIGEST}))?", re.ASCII)
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")
_HEX_LENGTH = {"sha256": 64, "sha384": 96, "sha512": 128}
_NAME_MAX = 255


class InvalidReference(ValueError):
    """The text is no image reference; the message is the grammar's own."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A normalised reference: `docker.io/library/nginx`, tag and digest (empty if absent)."""

    name: str
    tag: str
    digest: str

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


@lru_cache(maxsize=4096)
def parse(image: str) -> Reference:
    """Parses what a pod writes as `image`, with the tag `latest` if it names neither tag nor digest; raises InvalidReference."""
    if _IDENTIFIER.fullmatch(image):
        raise InvalidReference(f"invalid repository name ({image}), cannot specify 64-byte hexadecimal strings")
    domain, remainder = _split_domain(image)
    remote = remainder.split(":", 1)[0]
    if remote.lower() != remote:
        raise InvalidReference("invalid reference format: repository name must be lowercase")
    full = f"{domain}/{remainder}"
    found = _REFERENCE.fullmatch(full)
    if found is None:
        if _REFERENCE.fullmatch(full.lower()):
            raise InvalidReference("repository name must be lowercase")
        raise InvalidReference("invalid reference format")
    name, tag, digest = found[1], found[2] or "", found[3] or ""
    if len(name) > _NAME_MAX:
        raise InvalidReference(f"repository name must not be more than {_NAME_MAX} characters")
    if digest:
        _check_digest(digest)
    return Reference(name, tag if tag or digest else "latest", digest)


def invalid_image_name(image: str) -> str | None:
    """The kubelet's message for an image that cannot be parsed (waiting reason `InvalidImageName`), None for a good one."""
    try:
        parse(image)
    except InvalidReference as error:
        return f"Failed to apply default image tag {_quote(image)}: couldn't parse image name {_quote(image)}: {error}"
    return None


def _split_domain(image: str) -> tuple[str, str]:
    first, slash, rest = image.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        domain, remainder = "docker.io", image
    else:
        domain, remainder = first, rest
    if domain == "index.docker.io":
        domain = "docker.io"
    if domain == "docker.io" and "/" not in remainder:
        remainder = f"library/{remainder}"
    return domain, remainder


def _check_digest(digest: str) -> None:
    """upstream: vendor/github.com/opencontainers/go-digest/digest.go, 1.20.2."""
    algorithm, _, encoded = digest.partition(":")
    length = _HEX_LENGTH.get(algorithm)
    if length is None:
        raise InvalidReference("unsupported digest algorithm")
    if len(encoded) != length:
        raise InvalidReference("invalid checksum digest length")
    if encoded != encoded.lower():
        raise InvalidReference("invalid checksum digest format")


def _quote(text: str) -> str:
    """Go's %q for what people type into an image field."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return f'"{escaped}"'
