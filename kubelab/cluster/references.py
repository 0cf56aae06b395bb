"""kubectl's references: ``pod/web-1``, ``sts/web``, ``deployments.apps/web``, and the kinds they name."""

from __future__ import annotations

from difflib import get_close_matches
from typing import NamedTuple

from kubelab.cluster.errors import UnknownReference
from kubelab.kinds import registry
from kubelab.kinds.kind import Kind, Object
from kubelab.kinds.registry import RELEASES


class Reference(NamedTuple):
    """One object: its kind, namespace ("" if cluster-scoped) and name."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.singular or self.kind.kind.lower()}/{self.name}"


def kind_of(word: str, release: str = "1.28") -> Kind:
    """The kind that a word names; the error offers what comes close."""
    if not isinstance(word, str):
        raise UnknownReference(f"{word!r} is not a kind: write it as text, such as 'pods' or 'deploy'")
    kind, slash, name = word.partition("/")
    if slash and registry.lookup(kind, release) is not None:
        raise UnknownReference(f"{word!r} is one object, here a kind is wanted: {kind!r} (or `c.get({word!r})`)")
    if "," in word:
        raise UnknownReference(f"{word!r} names several kinds: ask for one after the other")
    found = registry.lookup(word, release)
    if found is None:
        words = sorted({name for kind in registry.all_kinds(release) for name in (kind.plural, *kind.short_names)})
        close = get_close_matches(word.lower(), words, n=3)
        hint = f": did you mean {' or '.join(close)}?" if close else ": `c.kinds()` lists the known ones"
        raise UnknownReference(f'the server doesn\'t have a resource type "{word}"{hint}')
    return found


def parse(
    reference: str | Object | Reference, name: str | None = None, namespace: str = "default", release: str | None = None
) -> Reference:
    """From ``"pod/web-1"``, ``("pod", "web-1")`` or an object. ``release``: whose kinds; None: of an object any release's will do."""
    if isinstance(reference, Reference):
        return reference
    if isinstance(reference, dict):
        kind = of_object(reference, release) if release else _of_any_release(reference)
        meta = reference.get("metadata") or {}
        if not isinstance(meta, dict):
            raise UnknownReference(f"metadata: {meta!r} is not a map of name, labels …")
        return Reference(kind, (meta.get("namespace") or namespace) if kind.namespaced else "", meta.get("name", ""))
    if not isinstance(reference, str) or not isinstance(name, str | None):
        raise UnknownReference(
            f"{reference if name is None else name!r} is not a reference: write KIND/NAME, such as 'pod/web-1' or 'sts/web'"
        )
    if name is None:
        word, slash, name = reference.partition("/")
        if not slash or not name or not word or "/" in name:
            raise UnknownReference(f"{reference!r} is not a reference: write KIND/NAME, such as 'pod/web-1' or 'sts/web'")
    else:
        word = reference
    kind = kind_of(word, release or RELEASES[0])
    return Reference(kind, namespace if kind.namespaced else "", name)


def check_selectors(*selectors: object) -> None:
    for given in selectors:
        if not isinstance(given, str):
            raise ValueError(f"{given!r} is not a selector: write it as text, such as 'app=web,tier!=db' or 'status.phase=Running'")


def of_object(obj: Object, release: str = "1.28") -> Kind:
    """The kind of an object by its apiVersion and kind."""
    version, name = obj.get("apiVersion"), obj.get("kind")
    for field, found in (("apiVersion", version), ("kind", name)):
        if found is not None and not isinstance(found, str):
            raise UnknownReference(f"{field}: {found!r} is not text")
    if not isinstance(version, str) or not isinstance(name, str) or not version or not name:
        missing = "kind" if not name else "apiVersion"
        raise UnknownReference(f"the object has no {missing}: every object needs apiVersion and kind")
    group, _, number = version.rpartition("/")
    kind = registry.by_kind(name, group, release)
    if kind is None or number not in kind.versions:
        other = registry.by_kind(name, None, release)
        hint = f": use {_served_as(other)}" if other is not None else ""
        if release == "1.7":
            raise UnknownReference(f"no matches for {group}/, Kind={name}{hint}")
        raise UnknownReference(f'no matches for kind "{name}" in version "{version}"{hint}')
    return kind


def _of_any_release(obj: Object) -> Kind:
    for release in RELEASES[1:]:
        try:
            return of_object(obj)
        except UnknownReference:
            group, _, version = str(obj.get("apiVersion")).rpartition("/")
            kind = registry.by_kind(str(obj.get("kind")), group, release)
            if kind is not None and version in kind.versions:
                return kind
    return of_object(obj)


def _served_as(kind: Kind) -> str:
    return f"{kind.group}/{kind.versions[0]}" if kind.group else kind.versions[0]
