"""Which kinds there are: every module ``kubelab/kinds/<group>/<kind>.py`` that has a ``KIND``, found when first asked for.

upstream: the scheme and the REST mapper (apimachinery/pkg/api/meta/restmapper.go, client-go/restmapper/shortcut.go), 1.28.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

import kubelab.kinds
from kubelab.kinds.kind import Kind


@cache
def all_kinds() -> tuple[Kind, ...]:
    """Every kind, the core group first, then by group and plural."""
    found: list[Kind] = []
    for package in pkgutil.iter_modules(kubelab.kinds.__path__, "kubelab.kinds."):
        if not package.ispkg:
            continue
        for module in pkgutil.iter_modules(import_module(package.name).__path__, f"{package.name}."):
            kind = getattr(import_module(module.name), "KIND", None)
            if isinstance(kind, Kind):
                found.append(kind)
    return tuple(sorted(found, key=lambda kind: (kind.group, kind.plural)))


@cache
def by_resource(resource: str) -> Kind:
    """The kind stored as ``pods``, ``deployments.apps``. Raises KeyError."""
    return _index()["resource", resource]


@cache
def by_gvr(group: str, version: str, plural: str) -> Kind | None:
    """The kind served under a group, version and plural; None if there is none."""
    kind = _index().get(("resource", f"{plural}.{group}" if group else plural))
    return kind if kind is not None and version in kind.versions else None


@cache
def by_kind(name: str, group: str | None = None) -> Kind | None:
    """The kind called ``Deployment``, in one group or (None) in the first that has it."""
    if group is None:
        return _index().get(("kind", name))
    return _index().get(("group kind", f"{group}/{name}"))


@cache
def lookup(word: str) -> Kind | None:
    """The kind that kubectl's word means: ``sts``, ``statefulset``, ``StatefulSet``, ``deployments.apps``, ``deployments.v1.apps``."""
    index = _index()
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
def _index() -> dict[tuple[str, str], Kind]:
    index: dict[tuple[str, str], Kind] = {}
    for kind in all_kinds():
        index.setdefault(("resource", kind.resource), kind)
        index.setdefault(("kind", kind.kind), kind)
        index.setdefault(("group kind", f"{kind.group}/{kind.kind}"), kind)
    for kind in all_kinds():
        for word in (kind.plural, kind.singular or kind.kind.lower(), kind.kind.lower()):
            index.setdefault(("word", word), kind)
            index.setdefault(("word in group", f"{word}/{kind.group}"), kind)
    for kind in all_kinds():
        for word in kind.short_names:
            index.setdefault(("word", word), kind)
            index.setdefault(("word in group", f"{word}/{kind.group}"), kind)
    return index
