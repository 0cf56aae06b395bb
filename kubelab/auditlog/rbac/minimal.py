"""``log.rbac()``: the smallest roles under which the calls of a log would have been allowed.

spec/audit.md B3; after liggitt/audit2rbac, without its two-is-all jumps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import pandas as pd

from kubelab.auditlog.rbac import replay as replaying
from kubelab.auditlog.rbac.manifests import GROUP, LABELS, name_for, objects_of, subject_of, to_yaml
from kubelab.auditlog.rbac.replay import Authorizer, Replay, atoms_of
from kubelab.auditlog.rbac.rules import Atom, atom_of, expressible, generalized, widened
from kubelab.auditlog.rbac.usage import Log, Usage, Use, usage
from kubelab.frames.words import many

Object = dict[str, Any]
_GRANTING = ("roles", "clusterroles", "rolebindings", "clusterrolebindings")
_LISTED = ("apiGroups", "resources", "verbs", "resourceNames", "nonResourceURLs")


class MinimalRBAC:
    """Roles and bindings made from what was used.

    ``objects``: as JSON-shaped dicts, ``yaml()``: as text for ``kubectl apply -f``, ``frame()``: a row per rule with the calls behind it,
    ``replay()``: the proof, ``uses()``: the permissions used, ``left_out()``: the calls that count as no use, ``notes``: what to know before
    applying them.
    """

    def __init__(self, found: Usage, objects: Sequence[Object], given: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> None:
        self.objects = list(objects)
        self.notes = list(notes)
        self._found = found
        self._given = given

    def __repr__(self) -> str:
        roles = [obj for obj in self.objects if "rules" in obj]
        calls = sum(use.calls for use in self._found.uses)
        users = len({use.user for use in self._found.uses})
        rules = sum(len(role["rules"]) for role in roles)
        words = f"{many(len(roles), 'role')} with {many(rules, 'rule')} from {many(calls, 'call')} of {many(users, 'user')}"
        return "; ".join([words, *self.notes])

    def yaml(self) -> str:
        """All objects as YAML documents, in the order in which they are to be made."""
        return to_yaml(self.objects)

    @property
    def namespaces(self) -> list[str]:
        """Those that must be there before the objects can be made."""
        return sorted({obj["metadata"]["namespace"] for obj in self.objects if "namespace" in obj["metadata"]})

    def uses(self) -> pd.DataFrame:
        """A row per permission that somebody used. Columns: ``user``, ``groups``, ``verb``, ``group``, ``resource``, ``subresource``,
        ``namespace``, ``name`` ("" where the authorizer is given none), ``path``, ``calls``, ``first``, ``last``."""
        return _frame(self._found.uses)

    def left_out(self) -> pd.DataFrame:
        """Calls that are no use of a permission. Columns: ``user``, ``why``, ``calls``."""
        rows = [(user, why, calls) for (user, why), calls in self._found.left_out.items()]
        return pd.DataFrame(rows, columns=["user", "why", "calls"])

    def frame(self) -> pd.DataFrame:
        """A row per rule. Columns: ``kind``, ``namespace``, ``role``, ``subject``, ``rule`` (its number), ``apiGroups``, ``resources``,
        ``verbs``, ``resourceNames``, ``nonResourceURLs`` (lists, joined by ", "; the core group is ""), ``kinds`` (different permissions
        behind it), ``calls``, ``first``, ``last``."""
        behind = self._behind
        rows = []
        for role, subject in self._bound():
            namespace = role["metadata"].get("namespace", "")
            for number, rule in enumerate(role["rules"]):
                uses = behind.get((role["kind"], namespace, role["metadata"]["name"], number), [])
                row = [role["kind"], namespace, role["metadata"]["name"], subject["name"], number]
                row += [", ".join(rule.get(field, ())) for field in _LISTED]
                times = [use.first for use in uses], [use.last for use in uses]
                row += [len(uses), sum(use.calls for use in uses), min(times[0], default=pd.NaT), max(times[1], default=pd.NaT)]
                rows.append(row)
        columns = ["kind", "namespace", "role", "subject", "rule", *_LISTED, "kinds", "calls", "first", "last"]
        return pd.DataFrame(rows, columns=columns)

    def replay(self) -> Replay:
        """Every call that was allowed, judged again by kubelab's own authorizer over these objects (and what holds anyway)."""
        return replaying.replay(self._found.uses, self.objects, self._given)

    def _bound(self) -> list[tuple[Object, Object]]:
        roles = [obj for obj in self.objects if "rules" in obj]
        bindings = {_place(obj): obj for obj in self.objects if "roleRef" in obj}
        return [(role, bindings[_place(role)]["subjects"][0]) for role in roles]

    @cached_property
    def _behind(self) -> dict[tuple[Any, ...], list[Use]]:
        """The uses that each rule allows."""
        rules: dict[tuple[str, Atom], list[tuple[Any, ...]]] = {}
        for role, subject in self._bound():
            where = role["metadata"].get("namespace", "")
            for number, rule in enumerate(role["rules"]):
                for atom in atoms_of({"rules": [rule]}, where):
                    rules.setdefault((_who(subject), atom), []).append((role["kind"], where, role["metadata"]["name"], number))
        found: dict[tuple[Any, ...], list[Use]] = {}
        for use in self._found.uses:
            atom = atom_of(use)
            wider = (atom, atom._replace(name=""), atom._replace(namespace=""), atom._replace(namespace="", name=""))
            for rule in dict.fromkeys(rule for who in (use.user, *use.groups) for each in wider for rule in rules.get((who, each), ())):
                found.setdefault(rule, []).append(use)
        return found


def _place(obj: Object) -> tuple[str, str, str]:
    return obj["kind"].removesuffix("Binding"), obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _who(subject: Mapping[str, str]) -> str:
    return f"system:serviceaccount:{subject['namespace']}:{subject['name']}" if subject["kind"] == "ServiceAccount" else subject["name"]


def _frame(uses: Sequence[Use]) -> pd.DataFrame:
    frame = pd.DataFrame(list(uses), columns=list(Use._fields))
    return frame.assign(groups=[", ".join(groups) for groups in frame["groups"]])


def rbac(
    log: Log,
    user: str | None = None,
    *,
    users: str | Sequence[str] | None = None,
    group: str | None = None,
    widen: bool = False,
    names_at_most: int | None = None,
    namespaces_at_most: int | None = None,
    discovery: bool = False,
    existing: Sequence[Mapping[str, Any]] = (),
    name: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> MinimalRBAC:
    """The smallest roles under which what ``user`` (or each of ``users``, or everybody; or a ``group`` as a whole) did would be allowed.

    By default the roles allow what was used and nothing else. ``widen``: verbs that go together (list: get and watch; update: patch and get; …).
    ``names_at_most``: more names of a resource than this become any name; ``namespaces_at_most``: more namespaces than this become a ClusterRole.
    ``discovery``: also what every authenticated user may do anyway (``system:discovery`` and the like). ``existing``: RBAC objects that are there
    already; what they allow is left out. ``name``: of the roles. Raises ValueError for a user that the log does not know.
    """
    for value, what in ((names_at_most, "names_at_most"), (namespaces_at_most, "namespaces_at_most")):
        if value is not None and value < 1:
            raise ValueError(f"{what}={value}: give a number from 1 on, or None for no limit")
    if user is not None and users is not None:
        raise ValueError("give a user or users: one of them")
    wanted = [user] if user is not None else [users] if isinstance(users, str) else list(users) if users is not None else None
    if group is not None and wanted is not None:
        raise ValueError("give a user, users or a group: one of them")
    found = usage(log, wanted, group)
    _known(log, found, wanted, group)
    given = [*existing, *(() if discovery else replaying.defaults())]
    anyway = Authorizer(replaying.state_of(given))
    needed = [use for use in found.uses if anyway.allowing(use) is None]
    by_subject: dict[str, list[Use]] = {}
    for use in needed:
        by_subject.setdefault(use.user if group is None else group, []).append(use)
    if name is not None and len(by_subject) > 1:
        raise ValueError(f"name={name!r} for {len(by_subject)} users: one name is for one user; without it each gets its own")
    taken = {obj["metadata"]["name"] for obj in existing}
    if name in taken:
        raise ValueError(f"name={name!r}: existing has an object of this name, which applying would overwrite; give another one")
    objects: list[Object] = []
    impossible: dict[Atom, None] = {}
    for who, uses in sorted(by_subject.items()):
        used = [atom_of(use) for use in uses]
        impossible |= dict.fromkeys(atom for atom in used if not expressible(atom))
        atoms = [each for atom in used if expressible(atom) for each in (widened(atom) if widen else (atom,))]
        subject = subject_of(who) if group is None else {"kind": "Group", "apiGroup": GROUP, "name": who}
        kept = generalized(atoms, names_at_most, namespaces_at_most)
        objects += objects_of(kept, subject, name or _free(name_for(who), taken), {**LABELS, **(labels or {})})
    wider = [f"any name above {names_at_most}"] * (names_at_most is not None)
    wider += [f"all namespaces above {namespaces_at_most}"] * (namespaces_at_most is not None) + ["verbs that go together"] * widen
    stated = [f"generalized: {', '.join(wider)}"] if wider else []
    return MinimalRBAC(found, objects, given, [*stated, *_notes(needed, found, list(impossible))])


def _free(name: str, taken: set[str]) -> str:
    """A name that no existing object has."""
    return next(each for each in (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3))) if each not in taken)


def _known(log: Log, found: Usage, wanted: Sequence[str] | None, group: str | None) -> None:
    """Somebody who never called is a mistyped name."""
    seen = {use.user for use in found.uses} | {user for user, _ in found.left_out}
    missing = [user for user in wanted or () if user not in seen]
    if not missing and (group is None or seen):
        return
    if group is not None:
        raise ValueError(f"no call by a member of the group {group!r} in this log")
    query = "SELECT effective, count(*) AS calls FROM calls WHERE effective IS NOT NULL GROUP BY effective ORDER BY calls DESC, effective LIMIT 8"
    there = ", ".join(log.sql(query)["effective"])
    raise ValueError(f"no call by {', '.join(map(repr, missing))} in this log; the busiest users are {there}")


def _notes(needed: Sequence[Use], found: Usage, impossible: Sequence[Atom]) -> list[str]:
    """What the log cannot tell, or RBAC cannot say."""
    notes = []
    masters = sorted({use.user for use in found.uses if "system:masters" in use.groups})
    if masters:
        notes.append(f"in system:masters, so that no role restricts them: {', '.join(masters)}")
    nodes = sorted({use.user for use in needed if use.user.startswith("system:node:")})
    if nodes:
        notes.append(f"the node authorizer allows what {len(nodes)} nodes do: they need none of these roles")
    granting = sorted({use.resource for use in needed if use.resource in _GRANTING and use.verb in ("create", "update", "patch")})
    if granting:
        notes.append(f"who writes {', '.join(granting)} must hold what they grant, or the verbs escalate and bind: no log tells that")
    if any(use.resource == "certificatesigningrequests" and use.subresource in ("approval", "status") for use in needed):
        notes.append("who approves or signs certificate requests also needs the verb approve or sign on signers: no log tells that")
    if impossible:
        shown = ", ".join(f"{atom.verb} {atom.resource or atom.name}" for atom in impossible[:5])
        notes.append(f"left out, as RBAC would read a wildcard: {shown}")
    return notes
