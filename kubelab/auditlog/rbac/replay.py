"""The proof: every call that was allowed, judged again by kubelab's own RBAC authorizer over the generated roles and nothing else.

upstream: plugin/pkg/auth/authorizer/rbac/rbac.go, 1.28 (kubelab: ``apiserver/authorization``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from kubelab.apiserver.authorization import rbac, rules
from kubelab.apiserver.request import User
from kubelab.auditlog.rbac.rules import Atom, atom_of
from kubelab.auditlog.rbac.usage import Use
from kubelab.frames.words import many
from kubelab.kinds.rbac import bootstrap
from kubelab.store.log import Commit
from kubelab.store.state import State

_RESOURCES = {
    "Role": rbac.ROLES,
    "RoleBinding": rbac.BINDINGS,
    "ClusterRole": rbac.CLUSTER_ROLES,
    "ClusterRoleBinding": rbac.CLUSTER_BINDINGS,
}

#: What every server gives to everybody who is authenticated (and some of it to anybody). upstream: bootstrappolicy/policy.go
DEFAULTS = ("system:basic-user", "system:discovery", "system:public-info-viewer", "system:service-account-issuer-discovery")


def state_of(objects: Iterable[Mapping[str, Any]]) -> State:
    """A state of nothing but RBAC objects, for the authorizer to read. Raises ValueError for an object that is none."""
    state = State()
    for number, obj in enumerate(objects, 1):
        resource = _RESOURCES.get(obj.get("kind", ""))
        if resource is None:
            raise ValueError(f"object {number} is a {obj.get('kind')!r}: give Roles, RoleBindings, ClusterRoles and ClusterRoleBindings")
        key = (resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        state.apply(Commit(number, 0, "ADDED", key, dict(obj), None, 0, -1, None))  # type: ignore[arg-type]
    return state


def defaults() -> list[Mapping[str, Any]]:
    """The roles of discovery and of asking about oneself, with their bindings."""
    return [obj for obj in bootstrap.objects() if obj["metadata"]["name"] in DEFAULTS and obj["kind"] in _RESOURCES]


class Authorizer:
    """Asks RBAC, remembering what a user has in a namespace."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._naming: dict[str, dict[str, list[tuple[int, rbac.Binding]]]] = {}
        self._grants: dict[tuple[str, tuple[str, ...], str], rbac.Grants] = {}
        self._candidates: dict[tuple[Any, ...], list[tuple[frozenset[str] | None, str]]] = {}

    def allowing(self, use: Use) -> str | None:
        """The binding that allows a use, in upstream's words; None: denied."""
        who = (use.user, use.groups, use.asked_namespace)
        if not use.resource:
            return next((each.source for each in self._rules(who) if rules.allows_path(each.rule, use.verb, use.path)), None)
        what = (use.verb, use.group, use.resource, use.subresource)
        found = self._candidates.get((who, what))
        if found is None:
            # as the API server's own line does: first whatever the name, then by name
            fitting = [each for each in self._rules(who) if rules.allows_except_name(each.rule, *what)]
            found = [(frozenset(each.rule.get("resourceNames") or ()) or None, each.source) for each in fitting]
            self._candidates[(who, what)] = found
        return next((source for names, source in found if names is None or use.name in names), None)

    def _rules(self, who: tuple[str, tuple[str, ...], str]) -> tuple[rbac.Granted, ...]:
        found = self._grants.get(who)
        if found is None:
            found = self._grants[who] = rbac.grants_of(self._state, User(who[0], who[1]), who[2], self._bindings(who))
        return found.rules

    def _bindings(self, who: tuple[str, tuple[str, ...], str]) -> list[rbac.Binding]:
        """Those that name the user or a group of it, in the authorizer's order: a log has many users, and each has few."""
        user, groups, namespace = who
        naming = self._naming.get(namespace)
        if naming is None:
            naming = self._naming[namespace] = {}
            for place, (binding, at) in enumerate(rbac.bindings_of(self._state, namespace)):
                for name in dict.fromkeys(rbac.named_by(subject, at) for subject in binding.get("subjects") or ()):
                    naming.setdefault(name, []).append((place, (binding, at)))
        found = {place: binding for name in (user, *groups) for place, binding in naming.get(name, ())}
        return [found[place] for place in sorted(found)]


class Replay(NamedTuple):
    """``calls``: a row per permission used, with ``allowed`` and ``by``; ``denied``: those of them that are not allowed; ``over_grant``: what
    the roles allow that nobody used."""

    calls: pd.DataFrame
    over_grant: pd.DataFrame

    @property
    def denied(self) -> pd.DataFrame:
        return self.calls[~self.calls["allowed"]].reset_index(drop=True)

    def __repr__(self) -> str:
        refused = int(self.denied["calls"].sum())
        words = f"{many(int(self.calls['calls'].sum()), 'call')} of {many(len(self.calls), 'kind')} replayed: {refused or 'none'} denied"
        over = len(self.over_grant)
        return f"{words}; {many(over, 'permission') if over else 'no permission'} that nobody used"


def replay(uses: Sequence[Use], objects: Sequence[Mapping[str, Any]], background: Sequence[Mapping[str, Any]]) -> Replay:
    """Judge the uses by ``objects`` and what holds anyway (``background``)."""
    ask = Authorizer(state_of([*background, *objects]))
    by = [ask.allowing(use) for use in uses]
    calls = pd.DataFrame(list(uses), columns=list(Use._fields)).assign(
        allowed=[each is not None for each in by], by=[each or "" for each in by]
    )
    return Replay(calls.astype({"allowed": bool}), over_grant(uses, objects))


def over_grant(uses: Sequence[Use], objects: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """What is allowed to somebody who did not use just that: ``why`` says in what the roles go further than the log."""
    roles = {(obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]): obj for obj in objects if "rules" in obj}
    used: dict[str, dict[Atom, None]] = {}
    alike: dict[tuple[str, ...], dict[Atom, None]] = {}
    for use in uses:
        atom = atom_of(use)
        for who in (use.user, *use.groups):
            used.setdefault(who, {})[atom] = None
            alike.setdefault((who, atom.group, atom.resource, atom.verb), {})[atom] = None
    rows: dict[tuple[Any, ...], None] = {}
    for binding in (obj for obj in objects if "roleRef" in obj):
        namespace = binding["metadata"].get("namespace", "")
        reference = binding["roleRef"]
        role = roles[(reference["kind"], namespace if reference["kind"] == "Role" else "", reference["name"])]
        for subject in binding["subjects"]:
            who = (
                f"system:serviceaccount:{subject['namespace']}:{subject['name']}"
                if subject["kind"] == "ServiceAccount"
                else subject["name"]
            )
            mine = used.get(who, {})
            for atom in atoms_of(role, namespace):
                if atom not in mine:
                    rows[(who, *atom, _why(atom, alike.get((who, atom.group, atom.resource, atom.verb), {})))] = None
    return pd.DataFrame(list(rows), columns=["user", *Atom._fields, "why"])


def atoms_of(role: Mapping[str, Any], namespace: str) -> list[Atom]:
    """Everything that a role allows, in its smallest parts."""
    found = []
    for part in (part for rule in role["rules"] for part in rules.broken_down(rule)):
        if "nonResourceURLs" in part:
            found.append(Atom("", "", "", part["verbs"][0], part["nonResourceURLs"][0]))
        else:
            name = (part.get("resourceNames") or [""])[0]
            found.append(Atom(namespace, part["apiGroups"][0], part["resources"][0], part["verbs"][0], name))
    return found


def _why(atom: Atom, same: Mapping[Atom, None]) -> str:
    """In what a permission goes further than those of the same verb and resource that were used."""
    if not same:
        return "the verb was not used"
    places = {each.namespace for each in same}
    if not atom.namespace and atom.resource and "" not in places:
        return f"all namespaces: {len(places)} used"
    if not atom.name:
        return f"any name: {len({each.name for each in same if each.namespace == atom.namespace})} used"
    return "the verb was not used on this name"
