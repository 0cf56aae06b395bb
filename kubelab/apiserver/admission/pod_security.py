"""PodSecurity: namespaces choose by labels what their pods may do; violations are refused, or told as warnings.

upstream: plugin/pkg/admission/security/podsecurity/admission.go, staging/src/k8s.io/pod-security-admission/{admission,api}, 1.28.
Nothing is exempt and all defaults are privileged, as upstream is without a configuration file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kubelab.apiserver import status
from kubelab.apiserver.admission.api import Attributes, Cluster, forbidden, named, nothing
from kubelab.apiserver.admission.pod_security_checks import LATEST, detailed, findings
from kubelab.apiserver.authorization import rbac
from kubelab.kinds.field import FieldError, go_quote, invalid
from kubelab.store.log import Object

PREFIX = "pod-security.kubernetes.io/"
LEVELS = ("privileged", "baseline", "restricted")
_MAX_PODS = 3000
_version = re.compile(r"v1\.(0|[1-9][0-9]*)").fullmatch
_TEMPLATES = (
    "replicationcontrollers",
    "podtemplates",
    "replicasets.apps",
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
    "cronjobs.batch",
)
_RESOURCES = ("pods", "pods/ephemeralcontainers", "namespaces", *_TEMPLATES)


@dataclass(frozen=True, slots=True)
class Standard:
    """A level at a version: ``restricted:latest``."""

    level: str = "privileged"
    minor: int = LATEST

    def __str__(self) -> str:
        return f"{self.level}:{'latest' if self.minor == LATEST else f'v1.{self.minor}'}"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a namespace enforces, warns of, and has put into the audit."""

    enforce: Standard
    warn: Standard
    errors: tuple[FieldError, ...] = ()
    audit: Standard = Standard()


PRIVILEGED = Policy(Standard(), Standard())


def policy_of(namespace: Object) -> Policy:
    """The policy that a namespace's labels ask for; wrong values count as the strictest."""
    labels = namespace["metadata"].get("labels")
    if not labels:
        return PRIVILEGED
    mine = tuple((key, value) for key, value in labels.items() if key.startswith(PREFIX))
    return _policy(mine) if mine else PRIVILEGED


@lru_cache(maxsize=1024)
def _policy(labels: tuple[tuple[str, str], ...]) -> Policy:
    given = {key.removeprefix(PREFIX): value for key, value in labels}
    errors: list[FieldError] = []
    modes: dict[str, Standard] = {}
    for mode in ("enforce", "audit", "warn"):
        level, minor = "privileged", LATEST
        if mode in given:
            level = given[mode]
            if level not in LEVELS:
                errors.append(_wrong(mode, level, f"must be one of {', '.join(LEVELS)}"))
                level = "restricted" if mode == "enforce" else "privileged"
        if f"{mode}-version" in given:
            text = given[f"{mode}-version"]
            found = _version(text)
            minor = int(found[1]) if found else LATEST
            if not found and text != "latest":
                errors.append(_wrong(f"{mode}-version", text, 'must be "latest" or "v1.x"'))
        modes[mode] = Standard(level, minor)
    enforce, warn = modes["enforce"], modes["warn"]
    if "warn" not in given and given.get("enforce") in ("baseline", "restricted"):
        warn = Standard(enforce.level, warn.minor if "warn-version" in given else enforce.minor)
    return Policy(enforce, warn, tuple(errors), modes["audit"])


def _wrong(label: str, value: str, detail: str) -> FieldError:
    return invalid(f"metadata.labels[{PREFIX}{label}]", value, detail)


class PodSecurity:
    """Pods are refused; objects that make pods are only warned of; a namespace that becomes stricter is told of its pods."""

    name = "PodSecurity"
    handles = tuple((operation, resource) for operation in ("CREATE", "UPDATE") for resource in _RESOURCES)
    needs = ""
    admit: Any = nothing

    def validate(self, attributes: Attributes, cluster: Cluster) -> None:
        obj = attributes.object
        if obj is None:
            return
        if attributes.kind.resource == "namespaces":
            _validate_namespace(attributes, cluster, obj)
            return
        namespace = cluster.state.get("namespaces", "", attributes.namespace)
        policy = PRIVILEGED if namespace is None else policy_of(namespace)
        if not policy.errors and policy.enforce.level == policy.warn.level == policy.audit.level == "privileged":
            if attributes.annotations is not None and attributes.kind.resource == "pods":
                attributes.annotations[f"{PREFIX}enforce-policy"] = str(PRIVILEGED.enforce)
            return
        if attributes.kind.resource == "pods":
            if attributes.old is None or _significant(obj, attributes.old):
                _evaluate(attributes, policy, obj["metadata"], obj["spec"], enforce=True)
        elif (template := _template(obj)) is not None:
            _evaluate(attributes, policy, template.get("metadata") or {}, template.get("spec") or {}, enforce=False)


def _template(obj: Object) -> Object | None:
    if obj["kind"] == "PodTemplate":
        return obj.get("template")
    spec = obj.get("spec") or {}
    if obj["kind"] == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    return spec.get("template")


def _evaluate(attributes: Attributes, policy: Policy, meta: Object, spec: Object, *, enforce: bool) -> None:
    if attributes.annotations is not None:
        attributes.annotations.update(_annotations(policy, meta, spec, enforce=enforce))
    if enforce:
        found = findings(policy.enforce.level, policy.enforce.minor, meta, spec)
        if found:
            raise forbidden(attributes, f'violates PodSecurity "{policy.enforce}": {detailed(found)}')
    found = findings(policy.warn.level, policy.warn.minor, meta, spec)
    if found:
        attributes.warnings.append(f'would violate PodSecurity "{policy.warn}": {detailed(found)}')


def _annotations(policy: Policy, meta: Object, spec: Object, *, enforce: bool) -> dict[str, str]:
    """What the audit is told (upstream: EvaluatePod, response.AuditAnnotations)."""
    notes: dict[str, str] = {}
    if policy.errors:
        notes["error"] = f"Failed to parse policy: {rbac.aggregate(tuple(error.text() for error in policy.errors))}"
    if enforce:
        notes["enforce-policy"] = str(policy.enforce)
    if found := findings(policy.audit.level, policy.audit.minor, meta, spec):
        notes["audit-violations"] = f'would violate PodSecurity "{policy.audit}": {detailed(found)}'
    return {f"{PREFIX}{name}": text for name, text in notes.items()}


def _significant(pod: Object, old: Object) -> bool:
    """Whether an update touches what the standards look at: images, and containers added."""
    spec, before = pod["spec"], old["spec"]
    for field in ("containers", "initContainers"):
        new, had = spec.get(field) or [], before.get(field) or []
        if len(new) != len(had) or any(a.get("image") != b.get("image") for a, b in zip(new, had, strict=True)):
            return True
    known = {each["name"]: each.get("image") for each in before.get("ephemeralContainers") or ()}
    return any(known.get(each["name"]) != each.get("image") for each in spec.get("ephemeralContainers") or ())


# -- namespaces ----------------------------------------------------------------------------------------------------------
def _validate_namespace(attributes: Attributes, cluster: Cluster, namespace: Object) -> None:
    policy, old = policy_of(namespace), attributes.old
    before = policy_of(old) if old is not None else None
    if policy.errors and (before is None or policy.errors != before.errors):
        raise status.invalid(attributes.kind, named(attributes), policy.errors)
    if before is None or policy.enforce == before.enforce or policy.enforce.level == "privileged":
        return
    relaxed = LEVELS.index(policy.enforce.level) <= LEVELS.index(before.enforce.level)
    if policy.enforce.minor == before.enforce.minor and relaxed:
        return
    attributes.warnings.extend(_existing(cluster, namespace["metadata"]["name"], policy.enforce))


def _existing(cluster: Cluster, namespace: str, standard: Standard) -> list[str]:
    """Warnings about the pods that are already there, one per kind of violation."""
    pods = _prioritized(list(cluster.state.in_namespace("pods", namespace)))
    bad: dict[str, list[str]] = {}
    for pod in pods[:_MAX_PODS]:
        found = findings(standard.level, standard.minor, pod["metadata"], pod["spec"])
        if found:
            bad.setdefault(", ".join(reason for reason, _ in found), []).append(pod["metadata"]["name"])
    warnings: list[str] = []
    if len(pods) > _MAX_PODS:
        warnings.append(f"new PodSecurity enforce level only checked against the first {_MAX_PODS} of {len(pods)} existing pods")
    if bad:
        warnings.append(f'existing pods in namespace {go_quote(namespace)} violate the new PodSecurity enforce level "{standard}"')
    return warnings + sorted(f"{_counted(names)}: {reasons}" for reasons, names in bad.items())


def _counted(names: list[str]) -> str:
    first, others = min(names), len(names) - 1
    if not others:
        return first
    return f"{first} (and {others} other {'pod' if others == 1 else 'pods'})"


def _prioritized(pods: list[Object]) -> list[Object]:
    """One pod of each controller first, the rest behind."""
    first: list[Object] = []
    more: list[Object] = []
    seen: dict[str, None] = {}
    for pod in pods:
        owner = next((each["uid"] for each in pod["metadata"].get("ownerReferences") or () if each.get("controller")), "")
        (more if owner and owner in seen else first).append(pod)
        seen[owner] = None
    return first + more
