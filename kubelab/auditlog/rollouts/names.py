"""Whose pod is it, by its name alone.

upstream: staging/src/k8s.io/apiserver/pkg/storage/names/generate.go (five letters upon at most 58), apimachinery/pkg/util/rand/rand.go (the
alphabet), pkg/controller/deployment/sync.go (NAME-HASH), pkg/controller/statefulset/stateful_set_utils.go (NAME-ORDINAL), 1.28.
"""

from __future__ import annotations

import re

_SAFE = "bcdfghjklmnpqrstvwxz2456789"
_GENERATED = re.compile(rf"(.+)-[{_SAFE}]{{5}}\Z", re.DOTALL).match
_CUT = re.compile(rf"(.{{58}})[{_SAFE}]{{5}}\Z", re.DOTALL).match
_HASHED = re.compile(rf"(.+)-([{_SAFE}]{{6,10}})\Z", re.DOTALL).match  # before 1.9 digits, from which the alphabet was made
_NUMBERED = re.compile(r"(.+)-(\d{6,10})\Z", re.DOTALL).match
_ORDINAL = re.compile(r"(.+)-(0|[1-9]\d*)\Z", re.DOTALL).match
LONGEST = 58


def base_of(pod: str) -> str | None:
    """What the name was generated from; of a long one, its first 58 letters. None: it was not generated.

    >>> base_of("shop-7876b85647-5pgrp"), base_of("web-0")
    ('shop-7876b85647', None)
    """
    cut = _CUT(pod)
    if cut and len(pod) == LONGEST + 5:
        return cut[1].removesuffix("-")
    found = _GENERATED(pod)
    return found[1] if found else None


def shortened(owner: str) -> str:
    """The base that names generated from an owner's have.

    >>> len(shortened("a" * 80)), shortened("shop-7876b85647")
    (58, 'shop-7876b85647')
    """
    return f"{owner}-"[:LONGEST].removesuffix("-")


def hash_split(name: str) -> tuple[str, str] | None:
    """The workload and the hash of a ReplicaSet or ControllerRevision, by its name.

    >>> hash_split("shop-7876b85647"), hash_split("shop"), hash_split("web-4029193838")
    (('shop', '7876b85647'), None, ('web', '4029193838'))
    """
    found = _HASHED(name) or _NUMBERED(name)
    return (found[1], found[2]) if found else None


def ordinal_split(pod: str) -> tuple[str, int] | None:
    """
    >>> ordinal_split("web-10"), ordinal_split("web-01")
    (('web', 10), None)
    """
    found = _ORDINAL(pod)
    return (found[1], int(found[2])) if found else None
