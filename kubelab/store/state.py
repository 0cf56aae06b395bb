"""A state: all objects at one revision, with the indexes that make a look-up cheap. It follows from the log by applying commits in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubelab.store.log import Commit, Object, ObjectKey

Name = tuple[str, str]  # (namespace, name)
_NONE: dict[Any, Any] = {}


class State:
    """Objects by resource and (namespace, name), and indexes.

    ``dependents``: owner uid → keys of the objects that name it in ownerReferences. ``by_namespace``: (resource, namespace) → names.
    ``by_node``: node → pods. ``by_label``: (namespace, key, value) → pods. All are insertion-ordered dicts used as sets.
    ``touched``: resource → revision of its newest change, by which caches notice that they are stale.
    """

    __slots__ = ("by_label", "by_namespace", "by_node", "dependents", "objects", "revision", "touched")

    def __init__(self) -> None:
        self.revision = 0
        self.objects: dict[str, dict[Name, Object]] = {}
        self.dependents: dict[str, dict[ObjectKey, None]] = {}
        self.by_namespace: dict[Name, dict[str, None]] = {}
        self.by_node: dict[str, dict[Name, None]] = {}
        self.by_label: dict[tuple[str, str, str], dict[Name, None]] = {}
        self.touched: dict[str, int] = {}

    def fork(self) -> State:
        new = State()
        new.revision = self.revision
        new.objects = {resource: dict(table) for resource, table in self.objects.items()}
        new.dependents = {uid: dict(keys) for uid, keys in self.dependents.items()}
        new.by_namespace = {place: dict(names) for place, names in self.by_namespace.items()}
        new.by_node = {node: dict(names) for node, names in self.by_node.items()}
        new.by_label = {label: dict(names) for label, names in self.by_label.items()}
        new.touched = dict(self.touched)
        return new

    # -- reading -----------------------------------------------------------------------------------------------------
    def get(self, resource: str, namespace: str, name: str) -> Object | None:
        return self.objects.get(resource, _NONE).get((namespace, name))

    def all(self, resource: str) -> dict[Name, Object]:
        """Every object of a resource, in the order of creation."""
        return self.objects.get(resource, _NONE)

    def in_namespace(self, resource: str, namespace: str) -> Iterator[Object]:
        table = self.objects.get(resource, _NONE)
        for name in self.by_namespace.get((resource, namespace), _NONE):
            yield table[(namespace, name)]

    # -- writing -----------------------------------------------------------------------------------------------------
    def apply(self, commit: Commit) -> None:
        """The next commit. Parts that a change shares with the object before it (same labels, same owners) cost nothing.

        Indexes follow what objects say, not which parts they share, so that a loaded world goes on as the saved one."""
        resource, namespace, name = key = commit.key
        self.revision = self.touched[resource] = commit.revision
        table = self.objects.get(resource)
        if table is None:
            table = self.objects[resource] = {}
        place = (namespace, name)
        if commit.type == "DELETED":
            old, new = table.pop(place, None), None
            if old is None:
                return
            names = self.by_namespace[(resource, namespace)]
            del names[name]
            if not names:
                del self.by_namespace[(resource, namespace)]
        else:
            old, new = table.get(place), commit.object
            table[place] = new
            if old is None:
                self.by_namespace.setdefault((resource, namespace), {})[name] = None
        if old is None or new is None or old["metadata"].get("ownerReferences") is not new["metadata"].get("ownerReferences"):
            self._index_owners(key, old, new)
        if resource == "pods":
            self._index_pod(place, old, new)

    def _index_owners(self, key: ObjectKey, old: Object | None, new: Object | None) -> None:
        before = old["metadata"].get("ownerReferences") if old else None
        after = new["metadata"].get("ownerReferences") if new else None
        if before is after or before == after:
            return
        for reference in before or ():
            _discard(self.dependents, reference["uid"], key)
        for reference in after or ():
            self.dependents.setdefault(reference["uid"], {})[key] = None

    def _index_pod(self, place: Name, old: Object | None, new: Object | None) -> None:
        before = old["spec"].get("nodeName") if old else None
        after = new["spec"].get("nodeName") if new else None
        if before != after:
            if before:
                _discard(self.by_node, before, place)
            if after:
                self.by_node.setdefault(after, {})[place] = None
        labels_before = old["metadata"].get("labels") if old else None
        labels_after = new["metadata"].get("labels") if new else None
        if labels_before is not labels_after and labels_before != labels_after:
            namespace = place[0]
            for label, text in (labels_before or _NONE).items():
                _discard(self.by_label, (namespace, label, text), place)
            for label, text in (labels_after or _NONE).items():
                self.by_label.setdefault((namespace, label, text), {})[place] = None


def _discard(index: dict[Any, dict[Any, None]], at: Any, item: Any) -> None:
    members = index.get(at)
    if members is not None and item in members:
        del members[item]
        if not members:
            del index[at]
