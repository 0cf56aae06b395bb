"""From permissions used to RBAC rules: generalize where asked to, drop what is covered, join what can be joined without allowing more.

audit2rbac (liggitt/audit2rbac pkg/process.go, pkg/util.go) goes to all names at the second name and to the whole cluster at the second namespace;
here both are thresholds, and off unless asked for. spec/audit.md B3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from kubelab.auditlog.rbac.usage import Use

Rule = dict[str, list[str]]

#: Verbs that go together: who may do the one is seldom refused the others. upstream: audit2rbac pkg/process.go DefaultGenerateOptions
WIDER = {"watch": ("get", "list"), "list": ("get", "watch"), "update": ("get", "patch"), "patch": ("get", "update")}
_VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
ALL = "*"


class Atom(NamedTuple):
    """The smallest thing that a rule can allow: one verb on one resource (``pods/log``), one name ("" any), one namespace ("" all). Of a path
    that is no resource: ``resource`` "", ``name`` the path."""

    namespace: str
    group: str
    resource: str
    verb: str
    name: str


def atom_of(use: Use) -> Atom:
    """
    >>> atom_of(Use("a", (), "get", "", "pods", "log", "shop", "web-0", "", 1, None, None))
    Atom(namespace='shop', group='', resource='pods/log', verb='get', name='web-0')
    """
    if not use.resource:
        return Atom("", "", "", use.verb, use.path)
    resource = f"{use.resource}/{use.subresource}" if use.subresource else use.resource
    return Atom(use.namespace, use.group, resource, use.verb, use.name)


def expressible(atom: Atom) -> bool:
    """Whether a rule can allow this and no more: RBAC reads ``*`` in a verb, group or resource, and at the end of a path, as a wildcard."""
    if not atom.resource:
        return not atom.name.endswith(ALL) and atom.verb != ALL and atom.name.startswith("/")
    return ALL not in (atom.verb, atom.group, atom.resource) and not atom.resource.startswith("*/")


def widened(atom: Atom) -> tuple[Atom, ...]:
    """An atom and those of the verbs that go with its own."""
    verbs = WIDER.get(atom.verb, ()) if atom.resource else ()
    return (atom, *(atom._replace(verb=verb) for verb in verbs))


def generalized(atoms: Iterable[Atom], names_at_most: int | None, namespaces_at_most: int | None) -> list[Atom]:
    """All names where more than ``names_at_most`` were used, all namespaces where more than ``namespaces_at_most`` were; None: never."""
    found = _any_name(atoms, names_at_most)
    if namespaces_at_most is not None:
        places: dict[tuple[str, ...], dict[str, None]] = {}
        for atom in found:
            places.setdefault((atom.group, atom.resource, atom.verb), {})[atom.namespace] = None
        crowded = {key for key, there in places.items() if len(there) > namespaces_at_most}
        moved = [atom._replace(namespace="") if (atom.group, atom.resource, atom.verb) in crowded else atom for atom in found]
        found = _any_name(moved, names_at_most)
    return uncovered(found)


def _any_name(atoms: Iterable[Atom], at_most: int | None) -> list[Atom]:
    if at_most is None:
        return list(dict.fromkeys(atoms))
    names: dict[Atom, dict[str, None]] = {}
    for atom in atoms:
        names.setdefault(atom._replace(name=""), {})[atom.name] = None
    return [
        each
        for nameless, used in names.items()
        for each in ([nameless] if nameless.resource and len(used) > at_most else [nameless._replace(name=name) for name in used])
    ]


def uncovered(atoms: Iterable[Atom]) -> list[Atom]:
    """Without those that another one allows as well, in a stable order."""
    there = dict.fromkeys(atoms)

    def covered(atom: Atom) -> bool:
        if not atom.resource:
            return False
        wider = (atom._replace(name=""), atom._replace(namespace=""), atom._replace(namespace="", name=""))
        return any(other != atom and other in there for other in wider)

    return sorted(atom for atom in there if not covered(atom))


def compacted(atoms: Iterable[Atom]) -> list[Rule]:
    """The rules of one role. Only rules that differ in one field are joined, so that their product allows nothing else."""
    rows: list[dict[str, tuple[str, ...]]] = []
    for atom in atoms:
        verbs = (atom.verb,)
        if atom.resource:
            rows.append(
                {"groups": (atom.group,), "resources": (atom.resource,), "names": (atom.name,) if atom.name else (), "verbs": verbs}
            )
        else:
            rows.append({"groups": (), "resources": (), "names": (atom.name,), "verbs": verbs})
    for field in ("verbs", "names", "resources", "groups"):
        rows = _joined(rows, field)
    return [_rule(row) for row in sorted(rows, key=_order)]


def _joined(rows: Iterable[dict[str, tuple[str, ...]]], field: str) -> list[dict[str, tuple[str, ...]]]:
    """Rows that are equal but for one field. No names mean any name: such a row stays apart from those with names."""
    others = [name for name in ("groups", "resources", "names", "verbs") if name != field]
    found: dict[tuple[Any, ...], tuple[dict[str, tuple[str, ...]], dict[str, None]]] = {}
    for row in rows:
        key = (*(row[name] for name in others), bool(row["names"]), bool(row["resources"]))
        _, values = found.setdefault(key, (row, {}))
        values.update(dict.fromkeys(row[field]))
    return [{**row, field: _sorted(field, values)} for row, values in found.values()]


def _sorted(field: str, values: Iterable[str]) -> tuple[str, ...]:
    order: Callable[[str], Any] = (lambda verb: (_VERBS.index(verb) if verb in _VERBS else len(_VERBS), verb)) if field == "verbs" else str
    return tuple(sorted(values, key=order))


def _order(row: dict[str, tuple[str, ...]]) -> tuple[Any, ...]:
    return (not row["resources"], row["groups"], row["resources"], row["names"], row["verbs"])


def _rule(row: dict[str, tuple[str, ...]]) -> Rule:
    verbs = list(row["verbs"])
    if not row["resources"]:
        return {"nonResourceURLs": list(row["names"]), "verbs": verbs}
    rule = {"apiGroups": list(row["groups"]), "resources": list(row["resources"]), "verbs": verbs}
    return {**rule, "resourceNames": list(row["names"])} if row["names"] else rule
