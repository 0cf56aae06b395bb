"""Resource names and amounts: which names may stand where, and limits against requests.

upstream: pkg/apis/core/validation/validation.go (ValidateResourceRequirements …), pkg/apis/core/helper/helpers.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

from kubelab.kinds.field import FieldError, duplicate, forbidden, invalid, not_found, required
from kubelab.kinds.go_values import quantity as go_quantity
from kubelab.kinds.kind import Object
from kubelab.kinds.names import NEGATIVE, is_qualified_name
from kubelab.kinds.quantity import Quantity, QuantityError, parse

NOT_POSITIVE = "must be greater than zero"
NOT_INTEGER = "must be an integer"
HUGE_PAGES = "hugepages-"
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_COUNTS = frozenset(
    (
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    )
)
QUOTA_NAMES = _COUNTS | {
    *_COMPUTE,
    *(f"requests.{name}" for name in _COMPUTE),
    *(f"limits.{name}" for name in _COMPUTE),
    "requests.storage",
}
STANDARD_NAMES = QUOTA_NAMES | {"storage"}


def is_huge_page(name: str) -> bool:
    return name.startswith(HUGE_PAGES)


def is_native(name: str) -> bool:
    """A name of Kubernetes' own: no prefix, or one of kubernetes.io."""
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """A resource that a device plug-in or an administrator invented: ``example.com/gpu``."""
    return not is_native(name) and not name.startswith("requests.") and not is_qualified_name(f"requests.{name}")


def is_overcommit_allowed(name: str) -> bool:
    return is_native(name) and not is_huge_page(name)


def is_integer_resource(name: str) -> bool:
    return name in _COUNTS or is_extended(name)


@lru_cache(maxsize=1024)
def _resource_name_complaints(name: str) -> tuple[str, ...]:
    complaints = is_qualified_name(name)
    if complaints:
        return complaints
    if "/" not in name and name not in STANDARD_NAMES and not name.startswith((HUGE_PAGES, f"requests.{HUGE_PAGES}")):
        return ("must be a standard resource type or fully qualified",)
    return ()


@lru_cache(maxsize=1024)
def _container_resource_complaints(name: str) -> tuple[str, ...]:
    complaints = _resource_name_complaints(name)
    if "/" not in name:
        if name not in _COMPUTE and not is_huge_page(name):
            complaints = (*complaints, "must be a standard resource for containers")
    elif not is_native(name) and not is_extended(name):
        complaints = (*complaints, "doesn't follow extended resource name standard")
    return complaints


def validate_resource_name(name: str, path: str) -> list[FieldError]:
    return [invalid(path, name, each) for each in _resource_name_complaints(name)]


def validate_container_resource_name(name: str, path: str) -> list[FieldError]:
    return [invalid(path, name, each) for each in _container_resource_complaints(name)]


def validate_quota_resource_name(name: str, path: str) -> list[FieldError]:
    errors = validate_resource_name(name, path)
    if "/" not in name and name not in QUOTA_NAMES and not name.startswith((HUGE_PAGES, f"requests.{HUGE_PAGES}")):
        errors.append(invalid(path, name, "must be a standard resource for quota"))
    return errors


def validate_amount(name: str, amount: str, path: str) -> list[FieldError]:
    """Not negative, and whole where the resource is counted (upstream: ValidateResourceQuantityValue)."""
    found = parse(amount)
    errors = [] if found.nano >= 0 else [invalid(path, found.text, NEGATIVE)]
    if is_integer_resource(name) and found.milli() % 1000:
        errors.append(invalid(path, go_quantity(amount), NOT_INTEGER))
    return errors


def validate_basic_resource(amount: str, path: str) -> list[FieldError]:
    number = parse(amount).value()
    return [invalid(path, number, "must be a valid resource quantity")] if number < 0 else []


def validate_resource_requirements(resources: Object, path: str, claims: Iterable[str] = ()) -> list[FieldError]:
    """Limits and requests of a container (upstream: ValidateResourceRequirements). ``claims`` are the pod's resource claims."""
    limits: Mapping[str, str] = resources.get("limits") or {}
    requests: Mapping[str, str] = resources.get("requests") or {}
    errors: list[FieldError] = []
    for name, amount in limits.items():
        if not _plain(name, amount):
            errors += _validate_entry(name, amount, f"{path}.limits[{name}]")
    for name, amount in requests.items():
        if not _plain(name, amount):
            errors += _validate_entry(name, amount, f"{path}.requests[{name}]")
        errors += _validate_against_limit(name, amount, limits.get(name), path)
        if is_huge_page(name):
            errors += _validate_huge_page(name, parse(amount), f"{path}.requests[{name}]")
    names = (*limits, *requests)
    if any(map(is_huge_page, names)) and not any(name in ("cpu", "memory") for name in names):
        errors.append(forbidden(path, "HugePages require cpu or memory"))
    if resources.get("claims"):
        errors += _validate_claims(resources["claims"], list(claims), f"{path}.claims")
    return errors


@lru_cache(maxsize=4096)
def _plain(name: str, amount: str) -> bool:
    """Whether an entry needs no further look: a compute resource and an amount that is not negative."""
    if name not in _COMPUTE:
        return False
    try:
        return parse(amount).nano >= 0
    except QuantityError:
        return False


def _validate_entry(name: str, amount: str, path: str) -> list[FieldError]:
    errors = validate_container_resource_name(name, path) + validate_amount(name, amount, path)
    if is_huge_page(name) and ".limits[" in path:
        errors += _validate_huge_page(name, parse(amount), path)
    return errors


def _validate_against_limit(name: str, amount: str, limit: str | None, path: str) -> list[FieldError]:
    if limit is None:
        if is_overcommit_allowed(name):
            return []
        return [required(f"{path}.limits", "Limit must be set for non overcommitable resources")]
    if amount == limit:
        return []
    request, bound = parse(amount), parse(limit)
    if request.nano != bound.nano and not is_overcommit_allowed(name):
        return [invalid(f"{path}.requests", request.text, f"must be equal to {name} limit of {bound.text}")]
    if request.nano > bound.nano:
        return [invalid(f"{path}.requests", request.text, f"must be less than or equal to {name} limit of {bound.text}")]
    return []


def _validate_huge_page(name: str, amount: Quantity, path: str) -> list[FieldError]:
    try:
        page = parse(name.removeprefix(HUGE_PAGES))
    except QuantityError:
        page = None
    if page is not None and page.nano > 0 and page.milli() % 1000 == 0 and amount.value() % page.value() == 0:
        return []
    return [invalid(path, amount.text, f"{amount.text} is not positive integer multiple of {name}")]


def _validate_claims(claims: list[Object], known: list[str], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: list[str] = []
    for index, claim in enumerate(claims):
        name, at = claim.get("name") or "", f"{path}[{index}]"
        if not name:
            errors.append(required(at))
            continue
        if name in seen:
            errors.append(duplicate(at, name))
        seen.append(name)
        if name not in known:
            which = ": " + ", ".join(sorted(dict.fromkeys(known))) if known else " which is empty"
            errors.append(replace(not_found(at, name), detail=f"must be one of the names in pod.spec.resourceClaims{which}"))
    return errors
