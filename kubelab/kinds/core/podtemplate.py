"""PodTemplate.

upstream: pkg/registry/core/podtemplate/strategy.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.kinds.apps.template_warnings import pod_template_warnings
from kubelab.kinds.columns import NAME, container_images, container_names, labels_text
from kubelab.kinds.core.pod_template import default_pod_template, validate_pod_template
from kubelab.kinds.equality import same
from kubelab.kinds.field import FieldError
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import name_is_dns_subdomain, validate_kube_finalizers

_CONTAINERS = ("template", "spec", "containers")


def default(obj: Object, ctx: Context) -> None:
    template = dict(obj.get("template") or {})
    default_pod_template(template)
    obj["template"] = template


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    return validate_kube_finalizers(obj["metadata"]) + validate_pod_template(obj.get("template") or {}, "template", ctx)


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    return validate(obj, ctx)


def spec_changed(obj: Object, old: Object) -> bool:
    return not same(obj.get("template"), old.get("template"))


def warnings(obj: Object, old: Object | None, ctx: Context) -> Sequence[str]:
    if old is not None and not spec_changed(obj, old):
        return ()
    return pod_template_warnings(obj.get("template") or {}, "template")


def _labels(obj: Object, now_ns: int) -> str:
    return labels_text(((obj.get("template") or {}).get("metadata") or {}).get("labels"))


KIND = Kind(
    kind="PodTemplate",
    plural="podtemplates",
    singular="podtemplate",
    definition="core.v1.PodTemplate",
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    spec_changed=spec_changed,
    warnings=warnings,
    columns=(
        NAME,
        Column("Containers", container_names(_CONTAINERS), description="Names of each container in the template."),
        Column("Images", container_images(_CONTAINERS), description="Images referenced by each container in the template."),
        Column("Pod Labels", _labels, description="The labels for the pod template."),
    ),
    delete_returns_object=True,
)
