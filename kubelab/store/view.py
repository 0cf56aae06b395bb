"""A view: what one component knows. The log up to its watch delay, plus its own acknowledged writes.

The first part is a ``State`` that trails the newest one and is shared by all components with the same delay; the second a small overlay,
which is what upstream's expectations and the scheduler's assumptions are for (client-go caches, pkg/controller/controller_utils.go).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kubelab.store.log import Object, ObjectKey
from kubelab.store.state import State

Objects = list[Object]
Dependents = list[tuple[ObjectKey, Object]]
_NONE: dict[Any, Any] = {}


class View:
    """Reads of a component. Objects are shared: never change one.

    ``own`` maps object keys to (revision, object or None if this component deleted it). ``release``: by whose groups a reference is read.
    """

    __slots__ = ("now_ns", "own", "release", "state")

    def __init__(self, state: State, own: dict[ObjectKey, tuple[int, Object | None]], now_ns: int, release: str = "1.28") -> None:
        self.state = state
        self.release = release
        self.own = own
        self.now_ns = now_ns

    def get(self, resource: str, namespace: str, name: str) -> Object | None:
        mine = self.own.get((resource, namespace, name))
        if mine is not None and mine[0] > self.state.revision:
            return mine[1]
        return self.state.objects.get(resource, _NONE).get((namespace, name))

    def list(self, resource: str, namespace: str | None = None) -> Objects:
        """All objects of a resource, of one namespace or of all, in the order of creation (own new ones last)."""
        if namespace is None:
            found: Iterable[Object] = self.state.all(resource).values()
        else:
            found = self.state.in_namespace(resource, namespace)
        return self._overlaid(resource, found, lambda obj: namespace is None or obj["metadata"].get("namespace", "") == namespace)

    def owned(self, resource: str, uid: str) -> Objects:
        """The objects of a resource whose *controller* is ``uid``."""
        return self._overlaid(resource, self._dependents(resource, uid), lambda obj: controller_uid(obj) == uid)

    def dependents(self, uid: str) -> Dependents:
        """All objects that name ``uid`` in their ownerReferences, with their keys, as the trailing state has them."""
        objects = self.state.objects
        return [(key, objects[key[0]][key[1:]]) for key in self.state.dependents.get(uid, _NONE)]

    def on_node(self, node: str) -> Objects:
        """The pods bound to a node."""
        table = self.state.all("pods")
        found = (table[place] for place in self.state.by_node.get(node, _NONE))
        return self._overlaid("pods", found, lambda obj: obj["spec"].get("nodeName") == node)

    def labelled(self, namespace: str, labels: dict[str, str]) -> Objects:
        """The pods of a namespace that carry all ``labels`` (at least one): a selector's candidates, through the rarest label."""
        sets = [self.state.by_label.get((namespace, key, text), _NONE) for key, text in labels.items()]
        table = self.state.all("pods")
        if len(sets) == 1:
            found = [table[place] for place in sets[0]]
        else:
            rarest = min(sets, key=len)
            found = [table[place] for place in rarest if all(place in other for other in sets)]
        return self._overlaid("pods", found, lambda obj: _carries(obj, namespace, labels))

    # -- the overlay -------------------------------------------------------------------------------------------------
    def _dependents(self, resource: str, uid: str) -> Iterator[Object]:
        table = self.state.objects.get(resource, _NONE)
        for key in self.state.dependents.get(uid, _NONE):
            if key[0] == resource:
                obj = table[key[1:]]
                if controller_uid(obj) == uid:
                    yield obj

    def _overlaid(self, resource: str, found: Iterable[Object], belongs: Any) -> Objects:
        if not self.own:
            return list(found)
        mine = {key[1:]: entry[1] for key, entry in self.own.items() if key[0] == resource and entry[0] > self.state.revision}
        if not mine:
            return list(found)
        out = []
        for obj in found:
            meta = obj["metadata"]
            place = (meta.get("namespace", ""), meta["name"])
            if place not in mine:
                out.append(obj)
                continue
            newer = mine.pop(place)
            if newer is not None and belongs(newer):
                out.append(newer)
        out.extend(newer for newer in mine.values() if newer is not None and belongs(newer))
        return out


def controller_uid(obj: Object) -> str | None:
    """The uid of the controlling owner, or None.

    upstream: metav1.GetControllerOf, apimachinery/pkg/apis/meta/v1/controller_ref.go.
    """
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return str(reference["uid"])
    return None


def _carries(obj: Object, namespace: str, labels: dict[str, str]) -> bool:
    meta = obj["metadata"]
    own = meta.get("labels") or _NONE
    return meta.get("namespace", "") == namespace and all(own.get(key) == text for key, text in labels.items())
