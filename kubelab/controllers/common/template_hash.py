"""The pod-template-hash of a ReplicaSet, and whether two templates are equal.

Upstream hashes the template as Go prints it, which differs between versions; what decides is the templates' equality. Here the
template's canonical JSON is hashed: the same template always gets the same name.

upstream: ComputeHash in pkg/controller/controller_utils.go, EqualIgnoreHash in pkg/controller/deployment/util/deployment_util.go,
SafeEncodeString in apimachinery/pkg/util/rand/rand.go, 1.28.
"""

from __future__ import annotations

import json
from functools import lru_cache

from kubelab.kinds.equality import same
from kubelab.store.log import Object
from kubelab.world.streams import SUFFIX_ALPHABET

TEMPLATE_HASH_LABEL = "pod-template-hash"
_PRIME = 16777619
_OFFSET = 2166136261


def fnv32a(data: bytes) -> int:
    """FNV-1a, 32 bit: exclusive or first, then multiply."""
    value = _OFFSET
    for byte in data:
        value = ((value ^ byte) * _PRIME) & 0xFFFFFFFF
    return value


def fnv32(data: bytes) -> int:
    """FNV-1, 32 bit: multiply first, then exclusive or."""
    value = _OFFSET
    for byte in data:
        value = ((value * _PRIME) & 0xFFFFFFFF) ^ byte
    return value


def safe_encode(number: int) -> str:
    """A hash's decimal digits in the letters that generated names use.

    >>> safe_encode(1234567890)
    '5fb6dc7dd4'
    """
    return "".join(SUFFIX_ALPHABET[ord(digit) % len(SUFFIX_ALPHABET)] for digit in str(number))


def template_hash(template: Object, collision_count: int | None, *, encoded: bool = True) -> str:
    """The hash of a pod template; ``collision_count`` counts in where it is set, also as 0. Not ``encoded``: its decimal digits."""
    number = _hash(json.dumps(template, sort_keys=True, separators=(",", ":")), collision_count)
    return safe_encode(number) if encoded else str(number)


@lru_cache(maxsize=256)
def _hash(printed: str, collision_count: int | None) -> int:
    more = b"" if collision_count is None else (collision_count & 0xFFFFFFFF).to_bytes(8, "little")
    return fnv32a(printed.encode() + more)


def encodes(owner: Object) -> bool:
    """Whether an owner's controller writes hashes in letters; that of the first betas (1.7) writes their digits."""
    return not owner["apiVersion"].endswith("/v1beta1")


def equal_templates(one: Object, other: Object) -> bool:
    """Whether two templates are semantically equal, their pod-template-hash label aside."""
    if one is other:
        return True
    spec, other_spec = one["spec"], other["spec"]
    if spec is not other_spec and (_images(spec) != _images(other_spec) or not same(spec, other_spec)):
        return False
    return same(_meta_without_hash(one), _meta_without_hash(other))


def _images(spec: Object) -> list[str | None]:
    """What usually differs, read cheaply."""
    return [container.get("image") for container in spec.get("containers") or ()]


def _meta_without_hash(template: Object) -> Object:
    meta = template.get("metadata") or {}
    labels = {key: value for key, value in (meta.get("labels") or {}).items() if key != TEMPLATE_HASH_LABEL}
    return {**{key: value for key, value in meta.items() if value is not None}, "labels": labels}
