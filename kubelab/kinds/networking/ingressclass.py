"""IngressClass: which controller serves the Ingresses of a class.

upstream: pkg/apis/networking/v1/defaults.go, pkg/apis/networking/validation/validation.go,
pkg/registry/networking/ingressclass/strategy.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.columns import AGE, NAME, at
from kubelab.kinds.equality import immutable, spec_changed
from kubelab.kinds.field import FieldError, forbidden, invalid, not_supported, required, too_long
from kubelab.kinds.kind import Column, Context, Kind, Object
from kubelab.kinds.names import byte_length, is_dns1123_label, name_is_dns_subdomain, validate_domain_prefixed_path
from kubelab.kinds.networking.ingress import validate_typed_reference
from kubelab.kinds.path_copy import own

_MAX_CONTROLLER = 250


def default(obj: Object, ctx: Context) -> None:
    if (obj.get("spec") or {}).get("parameters") is not None:
        own(obj, "spec", "parameters").setdefault("scope", "Cluster")


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    spec = obj.get("spec") or {}
    controller = spec.get("controller", "")
    errors = [too_long("spec.controller", _MAX_CONTROLLER)] if byte_length(controller) > _MAX_CONTROLLER else []
    errors += validate_domain_prefixed_path(controller, "spec.controller")
    parameters = spec.get("parameters")
    return errors if parameters is None else errors + _validate_parameters(parameters, "spec.parameters")


def _validate_parameters(parameters: Object, path: str) -> list[FieldError]:
    errors = validate_typed_reference(parameters, path)
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    if scope is None:
        return [*errors, required(f"{path}.scope")]
    if scope not in ("Cluster", "Namespace"):
        errors.append(not_supported(f"{path}.scope", scope, ["Cluster", "Namespace"]))
    if scope == "Namespace" and namespace is None:
        errors.append(required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'"))
    elif scope == "Namespace":
        errors += (invalid(f"{path}.namespace", namespace, each) for each in is_dns1123_label(str(namespace)))
    if scope == "Cluster" and namespace is not None:
        errors.append(forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'"))
    return errors


def validate_update(obj: Object, old: Object, ctx: Context) -> list[FieldError]:
    new_controller, old_controller = ((each.get("spec") or {}).get("controller", "") for each in (obj, old))
    return immutable("spec.controller", new_controller, old_controller) + validate(obj, ctx)


def _parameters(obj: Object, now_ns: int) -> str:
    parameters = (obj.get("spec") or {}).get("parameters")
    if parameters is None:
        return "<none>"
    group = f".{parameters['apiGroup']}" if parameters.get("apiGroup") is not None else ""
    return f"{parameters.get('kind', '')}{group}/{parameters.get('name', '')}"


KIND = Kind(
    kind="IngressClass",
    plural="ingressclasses",
    group="networking.k8s.io",
    namespaced=False,
    default=default,
    validate=validate,
    validate_update=validate_update,
    validate_name=name_is_dns_subdomain,
    spec_changed=spec_changed,
    columns=(
        NAME,
        Column(
            "Controller",
            at("spec", "controller", default=""),
            description="Controller that is responsible for handling this class",
        ),
        Column("Parameters", _parameters, description="A reference to a resource with additional parameters"),
        AGE,
    ),
)
