"""What the scheduler knows of a pod: its spec read once into values that filters and scores compare quickly.

Pods of one owner share one ``Facts`` as long as what matters for scheduling is equal, so that a burst of replicas is parsed once.

upstream: pkg/scheduler/framework/types.go PodInfo, AffinityTerm, 1.28.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from kubelab.kinds.core.node_selectors import required_affinity
from kubelab.kinds.core.resources import Request, spec_request
from kubelab.kinds.selectors import Requirement, SelectorError, compile_selector
from kubelab.store.view import controller_uid

Object = dict[str, Any]
Labels = dict[str, str]

_NO_LABELS: Labels = {}
_ALL_ADDRESSES = "0.0.0.0"


class Selector(NamedTuple):
    """A label selector, split into the equalities (quick) and the rest. ``nothing`` selects no pod."""

    equals: tuple[tuple[str, str], ...] = ()
    others: tuple[Requirement, ...] = ()
    nothing: bool = False

    @property
    def empty(self) -> bool:
        return not (self.equals or self.others or self.nothing)


NOTHING = Selector(nothing=True)
EVERYTHING = Selector()


def selector_of(obj: Object | None) -> Selector:
    """A LabelSelector object as a Selector: None selects nothing, an empty one everything; so does one that is malformed select nothing."""
    try:
        compiled = compile_selector(obj)
    except SelectorError:
        return NOTHING
    return NOTHING if compiled.nothing else _split(compiled.requirements)


@lru_cache(maxsize=4096)
def _split(requirements: tuple[Requirement, ...]) -> Selector:
    equal = tuple((each.key, each.values[0]) for each in requirements if _is_equality(each))
    return Selector(equal, tuple(each for each in requirements if not _is_equality(each)))


def _is_equality(each: Requirement) -> bool:
    return each.operator in ("=", "==", "in") and len(each.values) == 1


def with_pairs(selector: Selector, pairs: Labels) -> Selector:
    """The selector with further equalities."""
    more = tuple(sorted(pairs.items()))
    return selector._replace(equals=more + tuple(pair for pair in selector.equals if pair not in more))


def selects(selector: Selector, labels: Labels) -> bool:
    """Whether the selector matches labels."""
    if selector.nothing:
        return False
    for key, text in selector.equals:
        if labels.get(key) != text:
            return False
    return all(each.matches(labels) for each in selector.others) if selector.others else True


class Term(NamedTuple):
    """An affinity term. ``namespace_selector`` None: the names alone decide."""

    namespaces: tuple[str, ...]
    namespace_selector: Selector | None
    selector: Selector
    topology_key: str


def term_matches(term: Term, namespace: str, labels: Labels, namespace_labels: Labels) -> bool:
    """Whether a pod of ``namespace`` with ``labels`` is meant by the term."""
    if namespace not in term.namespaces:
        where = term.namespace_selector
        if where is None or not selects(where, namespace_labels):
            return False
    return selects(term.selector, labels)


class Weighted(NamedTuple):
    """A preferred term; an anti-affinity has a negative weight."""

    weight: int
    term: Term


@dataclass(frozen=True, slots=True)
class Facts:
    """The scheduling-relevant part of a pod spec, its volumes excepted (those differ between the replicas of a StatefulSet).

    ``signature``: text that is equal for pods that every node treats alike, as far as the node alone decides.
    ``ports``: (address, protocol, port) on the host. ``images``: as the container runtime names them.
    """

    signature: str
    request: Request
    spec: Object
    ports: tuple[tuple[str, str, int], ...]
    images: tuple[str, ...]
    containers: int
    priority: int
    node_terms: list[Object] | None
    node_preferences: tuple[tuple[int, Object], ...]
    affinity: tuple[Term, ...]
    anti_affinity: tuple[Term, ...]
    preferences: tuple[Weighted, ...]

    @property
    def restricts_nodes(self) -> bool:
        """Whether a node selector or a required node affinity excludes nodes."""
        return bool(self.node_terms is not None or self.spec.get("nodeSelector"))


class Owner(NamedTuple):
    """The controller in a pod's ownerReferences."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""


NO_OWNER = Owner()


class Entry(NamedTuple):
    """A pod as it stands on a node (or asks for one)."""

    namespace: str
    name: str
    uid: str
    labels: Labels
    terminating: bool
    facts: Facts
    claims: tuple[str, ...]
    ephemeral_claims: tuple[str, ...]
    disks: tuple[Object, ...]
    node_name: str  # spec.nodeName: empty as long as it waits
    owner: Owner  # of the controller; all empty if there is none


class FactsBook:
    """Facts by owner: the memo that makes the second replica cheap."""

    __slots__ = ("known",)
    LIMIT = 4096

    def __init__(self) -> None:
        self.known: dict[str, Facts] = {}

    def of(self, pod: Object) -> Facts:
        spec, owner = pod["spec"], controller_uid(pod)
        if owner is None:
            return read(spec, pod["metadata"].get("namespace", ""))
        found = self.known.get(owner)
        if found is not None and _alike(found.spec, spec):
            return found
        facts = read(spec, pod["metadata"].get("namespace", ""))
        if len(self.known) >= self.LIMIT:
            self.known.clear()
        self.known[owner] = facts
        return facts


_COMPARED = ("affinity", "tolerations", "nodeSelector", "topologySpreadConstraints", "priority", "overhead", "preemptionPolicy")


def _alike(left: Object, right: Object) -> bool:
    if left is right:
        return True
    for key in _COMPARED:
        if left.get(key) != right.get(key):
            return False
    return _containers_alike(left["containers"], right["containers"]) and _containers_alike(
        left.get("initContainers") or (), right.get("initContainers") or ()
    )


def _containers_alike(left: Any, right: Any) -> bool:
    if len(left) != len(right):
        return False
    for one, other in zip(left, right, strict=True):
        if one is not other and (
            one.get("resources") != other.get("resources")
            or one.get("image") != other.get("image")
            or one.get("ports") != other.get("ports")
            or one.get("restartPolicy") != other.get("restartPolicy")
        ):
            return False
    return True


def read(spec: Object, namespace: str) -> Facts:
    """Read a pod spec."""
    request, terms, ports = spec_request(spec), required_affinity(spec), host_ports(spec)
    images = tuple(image_name(container.get("image") or "") for container in spec["containers"])
    affinity = spec.get("affinity") or {}
    together, apart = affinity.get("podAffinity") or {}, affinity.get("podAntiAffinity") or {}
    preferred = (affinity.get("nodeAffinity") or {}).get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    local = [request, spec.get("nodeSelector"), terms, preferred, spec.get("tolerations"), ports, images]
    return Facts(
        signature=json.dumps(local, sort_keys=True),
        request=request,
        spec=spec,
        ports=ports,
        images=images,
        containers=len(images),
        priority=spec.get("priority") or 0,
        node_terms=terms,
        node_preferences=tuple((each["weight"], each["preference"]) for each in preferred),
        affinity=_required(together, namespace),
        anti_affinity=_required(apart, namespace),
        preferences=_preferred(together, namespace, 1) + _preferred(apart, namespace, -1),
    )


def entry_of(pod: Object, facts: Facts) -> Entry:
    meta = pod["metadata"]
    claims, ephemeral_claims, disks = volumes_of(pod)
    return Entry(
        meta.get("namespace", ""),
        meta["name"],
        meta["uid"],
        meta.get("labels") or _NO_LABELS,
        "deletionTimestamp" in meta and meta["deletionTimestamp"] is not None,
        facts,
        claims,
        ephemeral_claims,
        disks,
        pod["spec"].get("nodeName") or "",
        owner_of(meta),
    )


def owner_of(meta: Object) -> Owner:
    for reference in meta.get("ownerReferences") or ():
        if reference.get("controller"):
            return Owner(reference["apiVersion"], reference["kind"], reference["name"], reference["uid"])
    return NO_OWNER


_DISKS = ("gcePersistentDisk", "awsElasticBlockStore", "iscsi", "rbd", "azureDisk", "cinder")


def volumes_of(pod: Object) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Object, ...]]:
    """The claims that a pod's volumes name, the claims that its ephemeral volumes make, and its volumes that are disks by themselves."""
    claims: list[str] = []
    ephemeral: list[str] = []
    disks: list[Object] = []
    for volume in pod["spec"].get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            claims.append(volume["persistentVolumeClaim"]["claimName"])
        elif "ephemeral" in volume:
            ephemeral.append(f"{pod['metadata']['name']}-{volume['name']}")
        elif any(kind in volume for kind in _DISKS):
            disks.append(volume)
    return tuple(claims), tuple(ephemeral), tuple(disks)


def host_ports(spec: Object) -> tuple[tuple[str, str, int], ...]:
    """The ports that a pod takes on its host.

    upstream: pkg/scheduler/framework/types.go HostPortInfo, sanitize.
    """
    return tuple(
        (port.get("hostIP") or _ALL_ADDRESSES, port.get("protocol") or "TCP", port["hostPort"])
        for container in spec["containers"]
        for port in container.get("ports") or ()
        if (port.get("hostPort") or 0) > 0
    )


def image_name(image: str) -> str:
    """An image with its tag (upstream: imagelocality normalizedImageName)."""
    return image if image.rfind(":") > image.rfind("/") else f"{image}:latest"


def _required(affinity: Object, namespace: str) -> tuple[Term, ...]:
    return tuple(_term(each, namespace) for each in affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or ())


def _preferred(affinity: Object, namespace: str, sign: int) -> tuple[Weighted, ...]:
    terms = affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    return tuple(Weighted(sign * each["weight"], _term(each["podAffinityTerm"], namespace)) for each in terms)


def _term(term: Object, namespace: str) -> Term:
    names, where = term.get("namespaces") or (), term.get("namespaceSelector")
    if not names and where is None:
        names = (namespace,)
    return Term(
        tuple(sorted(names)),
        None if where is None else selector_of(where),
        selector_of(term.get("labelSelector")),
        term.get("topologyKey") or "",
    )
