"""Workloads as apps/v1beta1 and extensions/v1beta1 had them: other defaults, selectors that may change, and two fields that later became
annotations (a Deployment's spec.rollbackTo, a DaemonSet's spec.templateGeneration).

upstream: pkg/apis/{apps,extensions}/v1beta1/defaults.go, pkg/apis/{apps,extensions}/validation/validation.go,
pkg/registry/{apps,extensions}/*/strategy.go, 1.7. spec: release-1.7.md, section 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.kinds.apps import daemonset, deployment, replicaset, statefulset
from kubelab.kinds.apps.counts import validate_optional_count
from kubelab.kinds.apps.deployment import amount
from kubelab.kinds.core.pod_template import default_pod_template
from kubelab.kinds.equality import same
from kubelab.kinds.field import FieldError, forbidden, invalid, required
from kubelab.kinds.intstr import go_int_or_string
from kubelab.kinds.kind import Context, Object
from kubelab.kinds.path_copy import keep, own

_MUTABLE = ("replicas", "template", "updateStrategy")
_IMMUTABLE_REST = "updates to statefulset spec for fields other than 'replicas', 'template', and 'updateStrategy' are forbidden."


def default_from_template(obj: Object) -> None:
    """In place: the selector and the labels of a workload that has none are its template's labels."""
    template = own(obj, "spec", "template")
    default_pod_template(template)
    labels = (template.get("metadata") or {}).get("labels")
    if labels is None:
        return
    if obj["spec"].get("selector") is None:
        obj["spec"]["selector"] = {"matchLabels": dict(labels)}
    default_labels(obj, labels)


def default_labels(obj: Object, labels: Object | None) -> None:
    if labels and not obj["metadata"].get("labels"):
        obj["metadata"] = {**obj["metadata"], "labels": dict(labels)}


def _with_deadline(errors: list[FieldError], obj: Object, path: str = "spec.template.spec.activeDeadlineSeconds") -> list[FieldError]:
    """A deadline of pods that run for ever is an invalid value, not a forbidden one."""
    deadline = ((obj["spec"].get("template") or {}).get("spec") or {}).get("activeDeadlineSeconds")
    field = "spec.template.spec.activeDeadlineSeconds"
    return [
        invalid(path, deadline, "must not be specified") if error.field == field and error.reason == "FieldValueForbidden" else error
        for error in errors
    ]


# -- Deployment -------------------------------------------------------------------------------------------------------------
def default_apps_deployment(obj: Object, ctx: Context) -> None:
    _default_deployment(obj, "25%", always=False)
    obj["spec"].setdefault("revisionHistoryLimit", 2)
    obj["spec"].setdefault("progressDeadlineSeconds", 600)


def default_extensions_deployment(obj: Object, ctx: Context) -> None:
    """Neither a limit of history nor a deadline: extensions/v1beta1 leaves both unset."""
    _default_deployment(obj, 1, always=True)


def _default_deployment(obj: Object, share: int | str, *, always: bool) -> None:
    """``always``: a rollingUpdate that is there is completed whatever the type says."""
    default_from_template(obj)
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    strategy = own(spec, "strategy")
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
    if strategy["type"] == "RollingUpdate" or (always and strategy.get("rollingUpdate") is not None):
        rolling = own(strategy, "rollingUpdate")
        rolling.setdefault("maxUnavailable", share)
        rolling.setdefault("maxSurge", share)


def validate_deployment(obj: Object, ctx: Context) -> list[FieldError]:
    errors = _with_deadline(deployment.validate(obj, ctx), obj)
    revision = ((obj["spec"].get("rollbackTo") or {}).get("revision")) or 0
    if revision < 0:
        errors.append(invalid("spec.rollback.version", revision, "must be greater than or equal to 0"))
    return errors


def validate_deployment_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """The selector may change."""
    return validate_deployment(obj, ctx)


# -- ReplicaSet -------------------------------------------------------------------------------------------------------------
def default_replica_set(obj: Object, ctx: Context) -> None:
    default_from_template(obj)
    obj["spec"].setdefault("replicas", 1)


def validate_replica_set(obj: Object, ctx: Context) -> list[FieldError]:
    return _with_deadline(replicaset.validate(obj, ctx), obj)


def validate_replica_set_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """The selector may change."""
    return validate_replica_set(obj, ctx)


# -- DaemonSet --------------------------------------------------------------------------------------------------------------
def default_daemon_set(obj: Object, ctx: Context) -> None:
    default_from_template(obj)
    spec = obj["spec"]
    strategy = own(spec, "updateStrategy")
    if not strategy.get("type"):
        strategy["type"] = "OnDelete"
    if strategy["type"] == "RollingUpdate":
        own(strategy, "rollingUpdate").setdefault("maxUnavailable", 1)
    spec.setdefault("revisionHistoryLimit", 10)


def prepare_daemon_set(obj: Object, ctx: Context) -> None:
    obj["status"] = {"currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0}
    spec = own(obj, "spec")
    spec["templateGeneration"] = max(1, spec.get("templateGeneration") or 0)


def prepare_daemon_set_update(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "status")
    changed = not same(obj["spec"]["template"], old["spec"]["template"])
    own(obj, "spec")["templateGeneration"] = (old["spec"].get("templateGeneration") or 0) + changed


def prepare_daemon_set_status(obj: Object, old: Object, ctx: Context) -> None:
    keep(obj, old, "spec")
    status = own(obj, "status")
    for name in ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"):
        status.setdefault(name, 0)


def validate_daemon_set(obj: Object, ctx: Context) -> list[FieldError]:
    """Without maxSurge; maxUnavailable may not be 0."""
    errors = _with_deadline(daemonset.validate(obj, ctx), obj)
    rolling = (obj["spec"].get("updateStrategy") or {}).get("rollingUpdate")
    if rolling is None or amount(rolling.get("maxUnavailable", 0)):
        return errors
    path = "spec.updateStrategy.rollingUpdate.maxUnavailable"
    zero = invalid(path, go_int_or_string(rolling.get("maxUnavailable", 0)), "cannot be 0")
    return [zero if error.field == path and error.reason == "FieldValueRequired" else error for error in errors]


def validate_daemon_set_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """Upstream validates the object once as a new one and once as an update. The selector may change."""
    errors = validate_daemon_set(obj, ctx)
    return errors + errors


# -- StatefulSet ------------------------------------------------------------------------------------------------------------
def default_stateful_set(obj: Object, ctx: Context) -> None:
    default_from_template(obj)
    spec = obj["spec"]
    if claims := spec.get("volumeClaimTemplates"):
        spec["volumeClaimTemplates"] = [_defaulted_claim_template(claim) for claim in claims]
    if not spec.get("podManagementPolicy"):
        spec["podManagementPolicy"] = "OrderedReady"
    strategy = own(spec, "updateStrategy")
    if not strategy.get("type"):
        strategy["type"] = "OnDelete"
    if strategy["type"] == "RollingUpdate" and strategy.get("rollingUpdate") is not None:
        own(strategy, "rollingUpdate").setdefault("partition", 0)
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("serviceName", "")


def _defaulted_claim_template(claim: Object) -> Object:
    """Claims nested in a StatefulSet have a status, and say neither kind nor version unless the manifest does."""
    claim = dict(claim)
    own(claim, "metadata")["creationTimestamp"] = None
    own(claim, "spec").setdefault("resources", {})
    status = own(claim, "status")
    if not status.get("phase"):
        status["phase"] = "Pending"
    return claim


def validate_stateful_set(obj: Object, ctx: Context) -> list[FieldError]:
    """The path of a deadline names the spec twice, as upstream's does."""
    return _with_deadline(statefulset.validate(obj, ctx), obj, "spec.spec.activeDeadlineSeconds")


def validate_stateful_set_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """As a new one, and then: only three fields may change, and no container may come or go."""
    new_rest = {key: value for key, value in obj["spec"].items() if key not in _MUTABLE}
    old_rest = {key: value for key, value in old["spec"].items() if key not in _MUTABLE}
    errors = validate_stateful_set(obj, ctx)
    if not same(new_rest, old_rest):
        errors.append(forbidden("spec", _IMMUTABLE_REST))
    errors += validate_optional_count(obj["spec"], "replicas")
    return errors + _container_changes(_containers(obj), _containers(old))


def _containers(obj: Object) -> Sequence[Object]:
    return ((obj["spec"].get("template") or {}).get("spec") or {}).get("containers") or ()


def _container_changes(new: Sequence[Object], old: Sequence[Object]) -> list[FieldError]:
    """upstream: ValidateContainerUpdates."""
    path = "spec.template.containers"
    if len(new) != len(old):
        return [forbidden(path, "pod updates may not add or remove containers")]
    errors: list[FieldError] = []
    for index, container in enumerate(new):
        image = container.get("image") or ""
        if not image:
            errors.append(required(f"{path}[{index}].image"))
        elif image != image.strip():
            errors.append(invalid(f"{path}[{index}].image", image, "must not have leading or trailing whitespace"))
    return errors


def no_errors(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    """A status of which upstream checks nothing."""
    return []
