"""RBAC: the rules that bindings give a user, and the decision they lead to.

upstream: plugin/pkg/auth/authorizer/rbac/rbac.go, pkg/registry/rbac/validation/rule.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubelab.apiserver.request import User
from kubelab.kinds.field import go_quote
from kubelab.store.log import Object
from kubelab.store.state import State

GROUP = "rbac.authorization.k8s.io"
ROLES, BINDINGS = f"roles.{GROUP}", f"rolebindings.{GROUP}"
CLUSTER_ROLES, CLUSTER_BINDINGS = f"clusterroles.{GROUP}", f"clusterrolebindings.{GROUP}"
RESOURCES = (CLUSTER_BINDINGS, CLUSTER_ROLES, BINDINGS, ROLES)


Binding = tuple[Object, str]  # the object, and the namespace where it holds


@dataclass(frozen=True, slots=True)
class Granted:
    """A rule that a user has, and by which binding."""

    rule: Object
    source: str


@dataclass(frozen=True, slots=True)
class Grants:
    """All rules of a user in a namespace ("" cluster-wide), and the bindings that lead nowhere."""

    rules: tuple[Granted, ...]
    errors: tuple[str, ...]

    def refusal(self) -> str:
        """The reason of a refusal: what could not be resolved."""
        return f"RBAC: {aggregate(self.errors)}" if self.errors else ""


def aggregate(errors: tuple[str, ...]) -> str:
    """upstream: apimachinery/pkg/util/errors: equal texts once, several in brackets."""
    texts = list(dict.fromkeys(errors))
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


class RoleMissing(Exception):
    """The role that a binding names is not there."""

    def __init__(self, kind: str, name: str) -> None:
        self.singular, self.name = kind.lower(), name
        super().__init__(f'{self.singular}.{GROUP} "{name}" not found')


def grants_of(state: State, user: User, namespace: str, among: Iterable[Binding] | None = None) -> Grants:
    """Cluster role bindings first, then those of the namespace; of each binding the first subject that fits. ``among``: the bindings to look
    at, in this order, where it is known which ones can fit."""
    rules: list[Granted] = []
    errors: list[str] = []
    for binding, at in bindings_of(state, namespace) if among is None else among:
        subject = _subject(binding, user, at)
        if subject is None:
            continue
        reference = binding["roleRef"]
        try:
            found = rules_of(state, reference, at)
        except RoleMissing as missing:
            errors.append(str(missing))
            continue
        source = _described(binding, subject, at)
        rules.extend(Granted(rule, source) for rule in found)
    return Grants(tuple(rules), tuple(errors))


def rules_of(state: State, reference: Object, namespace: str) -> list[Object]:
    """The rules of the role that a roleRef names; raises RoleMissing."""
    kind, name = reference["kind"], reference["name"]
    role = state.get(CLUSTER_ROLES, "", name) if kind == "ClusterRole" else state.get(ROLES, namespace, name)
    if role is None:
        raise RoleMissing(kind, name)
    return role.get("rules") or []


def bindings_of(state: State, namespace: str) -> Iterator[Binding]:
    """The bindings that count in a namespace ("": cluster-wide), each with where it is ("": everywhere)."""
    for binding in state.all(CLUSTER_BINDINGS).values():
        yield binding, ""
    if namespace:
        for binding in state.in_namespace(BINDINGS, namespace):
            yield binding, namespace


def named_by(subject: Object, namespace: str) -> str:
    """The user or group that a subject of a binding in a namespace names; "" for nobody."""
    if subject["kind"] in ("User", "Group"):
        return str(subject["name"])
    home = subject.get("namespace") or namespace
    return f"system:serviceaccount:{home}:{subject['name']}" if home else ""


def _subject(binding: Object, user: User, namespace: str) -> Object | None:
    for subject in binding.get("subjects") or ():
        name = named_by(subject, namespace)
        if name and (name in user.groups if subject["kind"] == "Group" else name == user.name):
            return dict(subject)
    return None


def _described(binding: Object, subject: Object, namespace: str) -> str:
    """upstream prints name/namespace in this order."""
    meta, reference = binding["metadata"], binding["roleRef"]
    kind, name = ("RoleBinding", f"{meta['name']}/{namespace}") if namespace else ("ClusterRoleBinding", meta["name"])
    whom = subject["name"]
    if subject["kind"] == "ServiceAccount":
        whom = f"{whom}/{subject.get('namespace') or namespace}"
    to = f"{subject['kind']} {go_quote(whom)}"
    return f"RBAC: allowed by {kind} {go_quote(name)} of {reference['kind']} {go_quote(reference['name'])} to {to}"
