"""Which kinds there are: every module ``kubelab/kinds/<group>/<kind>.py`` that has a ``KIND``, found when first asked for.

upstream: the scheme and the REST mapper (apimachinery/pkg/api/meta/restmapper.go, client-go/restmapper/shortcut.go), 1.28.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module

import kubelab.kinds
from kubelab.kinds.kind import Kind

RELEASES = ("1.28", "1.7")
_OF_A_VERSION = re.compile(r"(^|_)v\d").search  # such a module is what an older release has; it comes with kinds/release.py


@cache
def all_kinds(release: str = "1.28") -> tuple[Kind, ...]:
    """Every kind that a release serves, the core group first, then by group and plural."""
    if release != "1.28":
        from kubelab.kinds.release import kinds_of

        return _sorted(kinds_of(release, all_kinds()))
    found: list[Kind] = []
    for package in pkgutil.iter_modules(kubelab.kinds.__path__, "kubelab.kinds."):
        if not package.ispkg:
            continue
        for module in pkgutil.iter_modules(import_module(package.name).__path__, f"{package.name}."):
            if _OF_A_VERSION(module.name.rpartition(".")[2]):
                continue
            kind = getattr(import_module(module.name), "KIND", None)
            if isinstance(kind, Kind):
                found.append(kind)
    return _sorted(found)


def asked_as(release: str) -> Mapping[str, str]:
    """Storage name → the name under which a release's own clients ask for it, where that is another one."""
    if release == "1.28":
        return {}
    from kubelab.kinds.release import renamed

    return renamed()


def _sorted(kinds: Iterable[Kind]) -> tuple[Kind, ...]:
    return tuple(sorted(kinds, key=lambda kind: (kind.group, kind.plural)))


@cache
def by_resource(resource: str, release: str = "1.28") -> Kind:
    """The kind that is served, or stored, as ``pods``, ``deployments.apps``. Raises KeyError."""
    return _index(release)["resource", resource]


@cache
def by_gvr(group: str, version: str, plural: str, release: str = "1.28") -> Kind | None:
    """The kind served under a group, version and plural; None if there is none."""
    kind = _index(release).get(("resource", f"{plural}.{group}" if group else plural))
    return kind if kind is not None and kind.group == group and version in kind.versions else None


@cache
def by_kind(name: str, group: str | None = None, release: str = "1.28") -> Kind | None:
    """The kind called ``Deployment``, in one group or (None) in the first that has it."""
    if group is None:
        return _index(release).get(("kind", name))
    return _index(release).get(("group kind", f"{group}/{name}"))


@cache
def lookup(word: str, release: str = "1.28") -> Kind | None:
    """The kind that kubectl's word means: ``sts``, ``statefulset``, ``StatefulSet``, ``deployments.apps``, ``deployments.v1.apps``."""
    index = _index(release)
    lowered = word.lower()
    bare, _, group = lowered.partition(".")
    found = index.get(("word", lowered))
    if found is not None or not group:
        return found
    kind = index.get(("word in group", f"{bare}/{group}"))
    if kind is not None:
        return kind
    version, _, group = group.partition(".")
    kind = index.get(("word in group", f"{bare}/{group}"))
    return kind if kind is not None and version in kind.versions else None


@cache
def _index(release: str) -> dict[tuple[str, str], Kind]:
    """Of a kind that two groups serve, a bare word means the one in whose form it is stored."""
    index: dict[tuple[str, str], Kind] = {}
    kinds = sorted(all_kinds(release), key=lambda kind: bool(kind.stored_version) and not _is_stored_form(kind))
    for kind in kinds:
        index.setdefault(("resource", kind.asked), kind)
        index.setdefault(("kind", kind.kind), kind)
        index.setdefault(("group kind", f"{kind.group}/{kind.kind}"), kind)
    for kind in kinds:
        index.setdefault(("resource", kind.resource), kind)
        for word in (kind.plural, kind.singular or kind.kind.lower(), kind.kind.lower()):
            index.setdefault(("word", word), kind)
            index.setdefault(("word in group", f"{word}/{kind.group}"), kind)
    for kind in kinds:
        for word in kind.short_names:
            index.setdefault(("word", word), kind)
            index.setdefault(("word in group", f"{word}/{kind.group}"), kind)
    return index


def _is_stored_form(kind: Kind) -> bool:
    return kind.stored_version.rpartition("/")[0] == kind.group
